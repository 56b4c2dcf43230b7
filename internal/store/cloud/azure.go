package cloud

import (
	"context"
	"errors"
	"net/url"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azblob "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"

	"longlora/internal/store"
)

const azureCredentials = "set AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY or " +
	"AZURE_STORAGE_SAS_TOKEN, or log in with az"

// openAzure opens azblob://CONTAINER/PREFIX of the account that the environment names.
func openAzure(ctx context.Context, u *url.URL) (store.Bucket, error) {
	x := explain{azureAnswer, azureCredentials}
	b, err := blob.OpenBucket(ctx, (&url.URL{
		Scheme: azureblob.Scheme, Host: u.Host, RawQuery: u.RawQuery,
	}).String())
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

func azureAnswer(err error) answer {
	if e, ok := errors.AsType[*azcore.ResponseError](err); ok {
		return answer{e.StatusCode, e.ErrorCode, ""}
	}
	return answer{}
}
