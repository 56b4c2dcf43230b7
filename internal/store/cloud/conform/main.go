// Command conform holds the store at a URL, under which nothing may lie, to the contract of stores. With
// -create it makes the container of an azblob URL before. It is for scripts/interop/stores, and for a
// bucket of one's own.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"longlora/internal/store"
	"longlora/internal/store/cloud"
	"longlora/internal/store/contract"
)

func main() {
	create := flag.String("create", "", "address of a container to make before, as http://HOST/ACCOUNT/NAME")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: conform [-create ADDRESS] URL")
		os.Exit(2)
	}
	if err := run(context.Background(), flag.Arg(0), *create); err != nil {
		fmt.Fprintln(os.Stderr, "conform:", err)
		os.Exit(1)
	}
	fmt.Println("keeps the contract")
}

func run(ctx context.Context, location, create string) error {
	if create != "" {
		if err := makeContainer(ctx, create); err != nil {
			return err
		}
	}
	u, err := url.Parse(location)
	if err != nil {
		return err
	}
	open := func(ctx context.Context, name string) (store.Store, error) {
		at := *u.JoinPath()
		at.Path += "/" + name
		at.RawPath = ""
		return store.Open(ctx, at.String(), store.Options{Drivers: cloud.Drivers()})
	}
	// parts are of 5 MB (S3), 8 MiB (Azure) and 16 MiB (Google); pages have 1,000 objects
	return contract.Check(ctx, open, contract.Options{Large: 17_500_000, Many: 1050})
}

func makeContainer(ctx context.Context, address string) error {
	key, err := container.NewSharedKeyCredential(os.Getenv("AZURE_STORAGE_ACCOUNT"),
		os.Getenv("AZURE_STORAGE_KEY"))
	if err != nil {
		return err
	}
	c, err := container.NewClientWithSharedKeyCredential(address, key, nil)
	if err != nil {
		return err
	}
	_, err = c.Create(ctx, nil)
	return err
}
