package cloud

import (
	"context"
	"errors"
	"net/url"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	azblob "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"

	"longlora/internal/store"
)

const azureCredentials = "set AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY or " +
	"AZURE_STORAGE_SAS_TOKEN, or log in with az, or add ?anonymous=true for a public container"

// openAzure opens azblob://CONTAINER/PREFIX of the account that the environment names.
func openAzure(ctx context.Context, u *url.URL) (store.Bucket, error) {
	x := explain{azureAnswer, azureCredentials}
	q := u.Query()
	anonymous := q.Get("anonymous") == "true"
	q.Del("anonymous")
	opener := azureblob.URLOpener{
		MakeClient: func(s azureblob.ServiceURL, c azureblob.ContainerName) (*container.Client, error) {
			return azureClient(string(s), string(c), anonymous)
		},
		ServiceURLOptions: *azureblob.NewDefaultServiceURLOptions(),
	}
	if anonymous {
		opener.ServiceURLOptions.SASToken = ""
	}
	if opener.ServiceURLOptions.SASToken != "" && len(q) > 0 { // the token belongs to the account
		return nil, errors.New("with AZURE_STORAGE_SAS_TOKEN a URL has no parameters: the token would go " +
			"where they say; set AZURE_STORAGE_DOMAIN and the like instead")
	}
	b, err := opener.OpenBucketURL(ctx, &url.URL{
		Scheme: azureblob.Scheme, Host: u.Host, RawQuery: q.Encode(),
	})
	if err != nil {
		return nil, x.network(err)
	}
	return &bucket{
		blob: b, explain: x,
		version: func(r *blob.Reader) string {
			var raw azblob.DownloadStreamResponse
			r.As(&raw)
			if raw.ETag == nil {
				return ""
			}
			return string(*raw.ETag)
		},
		attributes: func(a *blob.Attributes) string { return a.ETag },
	}, nil
}

// azureClient makes a client with the credentials of the environment, which are looked for in the
// order of every tool for Azure.
func azureClient(service, name string, anonymous bool) (*container.Client, error) {
	place, err := url.JoinPath(service, name)
	if err != nil {
		return nil, err
	}
	options := &container.ClientOptions{ClientOptions: azcore.ClientOptions{
		Retry: policy.RetryOptions{MaxRetries: -1}, // package store tries again
	}}
	account, key := os.Getenv("AZURE_STORAGE_ACCOUNT"), os.Getenv("AZURE_STORAGE_KEY")
	connection := os.Getenv("AZURE_STORAGE_CONNECTION_STRING")
	if connection == "" {
		connection = os.Getenv("AZURE_STORAGEBLOB_CONNECTIONSTRING")
	}
	switch {
	case anonymous:
		return container.NewClientWithNoCredential(place, options)
	case account != "" && key != "":
		credential, err := container.NewSharedKeyCredential(account, key)
		if err != nil {
			return nil, err
		}
		return container.NewClientWithSharedKeyCredential(place, credential, options)
	case os.Getenv("AZURE_STORAGE_SAS_TOKEN") != "": // which is part of the address
		return container.NewClientWithNoCredential(place, options)
	case connection != "":
		return container.NewClientFromConnectionString(connection, name, options)
	}
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return nil, err
	}
	return container.NewClient(place, credential, options)
}

func azureAnswer(err error) answer {
	if e, ok := errors.AsType[*azcore.ResponseError](err); ok {
		return answer{e.StatusCode, e.ErrorCode, ""}
	}
	return answer{}
}
