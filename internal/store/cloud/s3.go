package cloud

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
	gcaws "gocloud.dev/aws"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"

	"longlora/internal/store"
)

// s3Credentials is how credentials are given.
const s3Credentials = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, or add " +
	"?anonymous=true for a public bucket"

// openS3 opens s3://BUCKET/PREFIX. Endpoint, region and credentials come from the environment and the
// files that every S3 tool reads; the parameters endpoint, region, profile, anonymous and
// use_path_style overrule them.
func openS3(ctx context.Context, u *url.URL) (store.Bucket, error) {
	q := u.Query()
	pathStyle := q.Get("use_path_style")
	q.Del("use_path_style")
	cfg, err := gcaws.V2ConfigFromURLParams(ctx, q)
	if err != nil {
		return nil, err
	}
	cfg.Logger = logging.Nop{}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	own := cfg.BaseEndpoint != nil || q.Get("endpoint") != "" || os.Getenv("AWS_ENDPOINT_URL") != "" ||
		os.Getenv("AWS_ENDPOINT_URL_S3") != ""
	if pathStyle == "" {
		pathStyle = strconv.FormatBool(own) // servers on one host have no name for each bucket
	}
	byPath, err := strconv.ParseBool(pathStyle)
	if err != nil {
		return nil, fmt.Errorf("parameter use_path_style is %q, want true or false", pathStyle)
	}
	if own && os.Getenv("AWS_REQUEST_CHECKSUM_CALCULATION") == "" {
		cfg.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = byPath
		o.Retryer = aws.NopRetryer{} // package store tries again
		o.DisableLogOutputChecksumValidationSkipped = true
	})
	b, err := s3blob.OpenBucket(ctx, client, u.Host, &s3blob.Options{
		RequestChecksumCalculation: cfg.RequestChecksumCalculation,
	})
	if err != nil {
		return nil, err
	}
	return &bucket{
		blob: b, explain: explain{s3Answer, s3Credentials},
		version: func(r *blob.Reader) string {
			var out s3.GetObjectOutput
			r.As(&out)
			return aws.ToString(out.ETag)
		},
		attributes: func(a *blob.Attributes) string { return a.ETag },
	}, nil
}

// s3Answer reads an error of the AWS library.
func s3Answer(err error) answer {
	var a answer
	var status interface{ HTTPStatusCode() int }
	if errors.As(err, &status) {
		a.status = status.HTTPStatusCode()
	}
	var api interface {
		ErrorCode() string
		ErrorMessage() string
	}
	if errors.As(err, &api) {
		a.code, a.message = api.ErrorCode(), api.ErrorMessage()
	}
	return a
}
