package cloud

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strconv"

	"cloud.google.com/go/storage"
	"gocloud.dev/blob"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/gcp"
	"google.golang.org/api/googleapi"

	"longlora/internal/store"
)

const gsCredentials = "set GOOGLE_APPLICATION_CREDENTIALS or log in with gcloud, or add " +
	"?anonymous=true for a public bucket"

// openGS opens gs://BUCKET/PREFIX with the application default credentials.
func openGS(ctx context.Context, u *url.URL) (store.Bucket, error) {
	x := explain{gsAnswer, gsCredentials}
	client, err := gsClient(ctx, u.Query())
	if err != nil {
		return nil, x.network(err)
	}
	b, err := (&gcsblob.URLOpener{Client: client}).OpenBucketURL(ctx, u)
	if err != nil {
		return nil, x.request(err)
	}
	var c *storage.Client
	if b.As(&c) {
		c.SetRetry(storage.WithPolicy(storage.RetryNever)) // package store tries again
	}
	return &bucket{
		blob: b, explain: x,
		version: func(r *blob.Reader) string {
			var raw *storage.Reader
			r.As(&raw)
			return strconv.FormatInt(raw.Attrs.Generation, 10)
		},
		attributes: func(a *blob.Attributes) string {
			var raw storage.ObjectAttrs
			a.As(&raw)
			return strconv.FormatInt(raw.Generation, 10)
		},
	}, nil
}

// gsClient returns a client with credentials, unless none are wanted or a server for tests is named.
func gsClient(ctx context.Context, q url.Values) (*gcp.HTTPClient, error) {
	if q.Get("anonymous") == "true" || os.Getenv("STORAGE_EMULATOR_HOST") != "" {
		return &gcp.HTTPClient{Client: http.Client{Transport: gcp.DefaultTransport()}}, nil
	}
	credentials, err := gcp.DefaultCredentials(ctx)
	if err != nil {
		return nil, err
	}
	return gcp.NewHTTPClient(gcp.DefaultTransport(), gcp.CredentialsTokenSource(credentials))
}

func gsAnswer(err error) answer {
	if errors.Is(err, storage.ErrBucketNotExist) {
		return answer{http.StatusNotFound, "NoSuchBucket", ""}
	}
	if errors.Is(err, storage.ErrObjectNotExist) {
		return answer{http.StatusNotFound, "", ""}
	}
	if e, ok := errors.AsType[*googleapi.Error](err); ok {
		return answer{e.Code, "", e.Message}
	}
	return answer{}
}
