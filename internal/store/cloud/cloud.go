// Package cloud holds the object stores: S3 and what speaks its protocol, Google Cloud Storage and
// Azure Blob Storage. Only command lines import it, for the libraries under it are large.
package cloud

import (
	"longlora/internal/store"
)

// Drivers is the table of object stores.
func Drivers() []store.Driver {
	return []store.Driver{
		{Scheme: "s3", Open: openS3},
		{Scheme: "gs", Open: openGS},
		{Scheme: "azblob", Open: openAzure},
	}
}
