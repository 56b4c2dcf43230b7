package cloud

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// azureFake answers the requests of the Blob service's REST API (version 2021-12-02 and later) that a
// store makes, for one container, from memory. scripts/interop/stores holds Azurite to the same tests.
type azureFake struct {
	account, container string

	mu     sync.Mutex
	blobs  map[string]azureBlob
	blocks map[string][]byte // uncommitted, by blob and block
	serial int
}

type azureBlob struct {
	content []byte
	etag    string
}

func newAzureFake(account, container string) *azureFake {
	return &azureFake{
		account: account, container: container, blobs: map[string]azureBlob{}, blocks: map[string][]byte{},
	}
}

func azureFail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("X-Ms-Error-Code", code)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>%s</Code><Message>%s, says the "+
		"test</Message></Error>", code, code)
}

func (f *azureFake) put(key, content string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.serial++
	f.blobs[key] = azureBlob{[]byte(content), fmt.Sprintf("\"0x%016X\"", f.serial)}
}

func (f *azureFake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.Header.Get("Authorization"), "SharedKey "+f.account+":") {
		azureFail(w, http.StatusForbidden, "AuthenticationFailed")
		return
	}
	container, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"+f.account+"/"), "/")
	q := r.URL.Query()
	switch {
	case container != f.container:
		azureFail(w, http.StatusNotFound, "ContainerNotFound")
	case q.Get("comp") == "list":
		f.list(w, q.Get("prefix"), q.Get("delimiter"), q.Get("marker"))
	case r.Method == http.MethodPut:
		f.write(w, r, key)
	default:
		f.object(w, r, key)
	}
}

// object answers Get Blob, Get Blob Properties and Delete Blob.
func (f *azureFake) object(w http.ResponseWriter, r *http.Request, key string) {
	f.mu.Lock()
	b, ok := f.blobs[key]
	if ok && r.Method == http.MethodDelete {
		delete(f.blobs, key)
	}
	f.mu.Unlock()
	if !ok {
		azureFail(w, http.StatusNotFound, "BlobNotFound")
		return
	}
	if r.Method == http.MethodDelete {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	const date = "Mon, 02 Jan 2023 15:04:05 GMT"
	for name, value := range map[string]string{
		"ETag": b.etag, "Last-Modified": date, "x-ms-creation-time": date, "x-ms-blob-type": "BlockBlob",
		"Content-Type": "application/octet-stream",
	} {
		w.Header().Set(name, value)
	}
	begin, end, status := 0, len(b.content), http.StatusOK
	if x := r.Header.Get("X-Ms-Range"); x != "" {
		last := end - 1
		if n, err := fmt.Sscanf(x, "bytes=%d-%d", &begin, &last); n == 0 && err != nil || begin >= end {
			azureFail(w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
			return
		}
		end, status = min(last+1, end), http.StatusPartialContent
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", begin, end-1, len(b.content)))
	}
	w.Header().Set("Content-Length", fmt.Sprint(end-begin))
	w.WriteHeader(status)
	if r.Method == http.MethodGet {
		w.Write(b.content[begin:end]) //nolint:errcheck // the client may have gone
	}
}

// write answers Put Blob, Put Block and Put Block List.
func (f *azureFake) write(w http.ResponseWriter, r *http.Request, key string) {
	body, err := io.ReadAll(r.Body)
	if err != nil || int64(len(body)) != r.ContentLength {
		azureFail(w, http.StatusBadRequest, "IncompleteBody")
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	q := r.URL.Query()
	if q.Get("comp") == "block" {
		f.blocks[key+"\x00"+q.Get("blockid")] = body
		w.WriteHeader(http.StatusCreated)
		return
	}
	if _, there := f.blobs[key]; there && r.Header.Get("If-None-Match") == "*" {
		azureFail(w, http.StatusConflict, "BlobAlreadyExists")
		return
	}
	if q.Get("comp") == "blocklist" {
		var list struct {
			Latest []string `xml:"Latest"`
		}
		if err := xml.Unmarshal(body, &list); err != nil {
			azureFail(w, http.StatusBadRequest, "InvalidXmlDocument")
			return
		}
		body = nil
		for _, id := range list.Latest {
			block, ok := f.blocks[key+"\x00"+id]
			if !ok {
				azureFail(w, http.StatusBadRequest, "InvalidBlockList")
				return
			}
			body = append(body, block...)
		}
	}
	f.serial++
	f.blobs[key] = azureBlob{body, fmt.Sprintf("\"0x%016X\"", f.serial)}
	w.Header().Set("ETag", f.blobs[key].etag)
	w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
	w.WriteHeader(http.StatusCreated)
}

// list answers List Blobs, with markers that are keys.
func (f *azureFake) list(w http.ResponseWriter, prefix, delimiter, marker string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	const limit = 7 // fewer than a client wants may come
	sizes := map[string]int{}
	for key, b := range f.blobs {
		rest, ok := strings.CutPrefix(key, prefix)
		if folder, _, in := strings.Cut(rest, delimiter); ok && in && delimiter != "" {
			sizes[prefix+folder+delimiter] = -1
		} else if ok {
			sizes[key] = len(b.content)
		}
	}
	var names []string
	for name := range sizes {
		if name >= marker {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	next := ""
	if len(names) > limit {
		names, next = names[:limit], names[limit]
	}
	w.Header().Set("Content-Type", "application/xml")
	fmt.Fprint(w, "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Blobs>")
	for _, name := range names {
		var text strings.Builder
		xml.EscapeText(&text, []byte(name)) //nolint:errcheck // to memory
		if sizes[name] < 0 {
			fmt.Fprintf(w, "<BlobPrefix><Name>%s</Name></BlobPrefix>", text.String())
			continue
		}
		fmt.Fprintf(w, "<Blob><Name>%s</Name><Properties><Last-Modified>Mon, 02 Jan 2023 15:04:05 GMT"+
			"</Last-Modified><Content-Length>%d</Content-Length></Properties></Blob>", text.String(),
			sizes[name])
	}
	fmt.Fprintf(w, "</Blobs><NextMarker>%s</NextMarker></EnumerationResults>", next)
}
