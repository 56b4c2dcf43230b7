package cloud

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// gsFake answers the requests of Google Cloud Storage's JSON and XML APIs that a store makes, for one
// bucket, from memory. scripts/interop/stores holds fake-gcs-server to the same contract.
type gsFake struct {
	bucket string

	mu      sync.Mutex
	objects map[string]gsObject
	uploads map[string]*gsUpload // begun in parts
	serial  int64
}

type gsObject struct {
	content    []byte
	generation int64
}

type gsUpload struct {
	name, condition string
	content         []byte
}

func newGSFake(bucket string) *gsFake {
	return &gsFake{bucket: bucket, objects: map[string]gsObject{}, uploads: map[string]*gsUpload{}}
}

func gsFail(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"code":%d,"message":%q}}`, status, message)
}

func (f *gsFake) put(key, content string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.make(key, []byte(content))
}

func (f *gsFake) make(key string, content []byte) gsObject {
	f.serial++
	f.objects[key] = gsObject{content, 1700000000000000 + f.serial}
	return f.objects[key]
}

func (f *gsFake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	api, isAPI := strings.CutPrefix(path, "/storage/v1/b/"+f.bucket+"/o")
	key, err := url.PathUnescape(strings.TrimPrefix(api, "/"))
	object, isObject := strings.CutPrefix(r.URL.Path, "/"+f.bucket+"/")
	switch {
	case err != nil:
		gsFail(w, http.StatusBadRequest, err.Error())
	case strings.HasPrefix(path, "/upload/storage/v1/b/"+f.bucket+"/o"):
		f.upload(w, r)
	case isAPI && key == "":
		f.list(w, r.URL.Query())
	case isAPI:
		f.attributes(w, r.Method, key)
	case isObject && r.Method == http.MethodGet:
		f.read(w, r.Header.Get("Range"), object, r.URL.Query().Get("generation"))
	default:
		gsFail(w, http.StatusNotFound, "The specified bucket does not exist.")
	}
}

func resource(key string, o gsObject) map[string]any {
	return map[string]any{
		"kind": "storage#object", "name": key, "size": fmt.Sprint(len(o.content)),
		"generation": fmt.Sprint(o.generation), "updated": "2023-01-02T15:04:05Z",
		"contentType": "application/octet-stream",
	}
}

// attributes answers Objects: get and Objects: delete.
func (f *gsFake) attributes(w http.ResponseWriter, method, key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o, ok := f.objects[key]
	if !ok {
		gsFail(w, http.StatusNotFound, "No such object: "+f.bucket+"/"+key)
		return
	}
	if method == http.MethodDelete {
		delete(f.objects, key)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	json.NewEncoder(w).Encode(resource(key, o)) //nolint:errcheck // the client may have gone
}

// read answers a GET of the XML API. A reader that goes on after a connection broke names the
// generation that it had.
func (f *gsFake) read(w http.ResponseWriter, span, key, generation string) {
	f.mu.Lock()
	o, ok := f.objects[key]
	f.mu.Unlock()
	if !ok || generation != "" && generation != fmt.Sprint(o.generation) {
		gsFail(w, http.StatusNotFound, "No such object: "+f.bucket+"/"+key)
		return
	}
	begin, end, status := 0, len(o.content), http.StatusOK
	if span != "" {
		last := end - 1
		if n, err := fmt.Sscanf(span, "bytes=%d-%d", &begin, &last); n == 0 && err != nil || begin >= end {
			gsFail(w, http.StatusRequestedRangeNotSatisfiable, "The requested range cannot be satisfied.")
			return
		}
		end, status = min(last+1, end), http.StatusPartialContent
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", begin, end-1, len(o.content)))
	}
	w.Header().Set("X-Goog-Generation", fmt.Sprint(o.generation))
	w.Header().Set("Last-Modified", "Mon, 02 Jan 2023 15:04:05 GMT")
	w.Header().Set("Content-Length", fmt.Sprint(end-begin))
	w.WriteHeader(status)
	w.Write(o.content[begin:end]) //nolint:errcheck // the client may have gone
}

// upload answers Objects: insert, in one request and in parts.
func (f *gsFake) upload(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.ContentLength >= 0 && int64(len(body)) != r.ContentLength {
		gsFail(w, http.StatusBadRequest, "Incomplete body")
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	q := r.URL.Query()
	u := &gsUpload{name: q.Get("name"), condition: q.Get("ifGenerationMatch")}
	switch {
	case q.Has("upload_id"):
		f.part(w, r.Header.Get("Content-Range"), q.Get("upload_id"), body)
	case q.Get("uploadType") == "resumable":
		id := fmt.Sprint(len(f.uploads))
		f.uploads[id] = u
		w.Header().Set("Location", "http://"+r.Host+r.URL.Path+"?upload_id="+id)
	default:
		if u.content, err = mediaOf(r.Header.Get("Content-Type"), string(body)); err != nil {
			gsFail(w, http.StatusBadRequest, err.Error())
			return
		}
		f.finish(w, u)
	}
}

// mediaOf takes the content out of a request of metadata and content.
func mediaOf(contentType, body string) ([]byte, error) {
	_, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, err
	}
	parts := multipart.NewReader(strings.NewReader(body), parameters["boundary"])
	if _, err := parts.NextPart(); err != nil {
		return nil, err
	}
	media, err := parts.NextPart()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(media)
}

// part answers a chunk of an upload; the last says how long the whole is.
func (f *gsFake) part(w http.ResponseWriter, span, id string, body []byte) {
	u := f.uploads[id]
	if u == nil {
		gsFail(w, http.StatusNotFound, "No such upload")
		return
	}
	u.content = append(u.content, body...)
	if strings.HasSuffix(span, "/*") {
		w.Header().Set("Range", fmt.Sprintf("bytes=0-%d", len(u.content)-1))
		w.Header().Set("X-Http-Status-Code-Override", "308")
		return
	}
	if _, total, _ := strings.Cut(span, "/"); total != fmt.Sprint(len(u.content)) {
		gsFail(w, http.StatusBadRequest, "Upload of "+span+" in all")
		return
	}
	f.finish(w, u)
}

func (f *gsFake) finish(w http.ResponseWriter, u *gsUpload) {
	if _, there := f.objects[u.name]; there && u.condition == "0" {
		gsFail(w, http.StatusPreconditionFailed, "At least one of the pre-conditions you specified did not hold.")
		return
	}
	json.NewEncoder(w).Encode(resource(u.name, f.make(u.name, u.content))) //nolint:errcheck // as above
}

// list answers Objects: list, with tokens that are keys.
func (f *gsFake) list(w http.ResponseWriter, q url.Values) {
	f.mu.Lock()
	defer f.mu.Unlock()
	const limit = 7 // fewer than a client wants may come
	prefix, delimiter := q.Get("prefix"), q.Get("delimiter")
	found := map[string]bool{} // a folder?
	for key := range f.objects {
		rest, ok := strings.CutPrefix(key, prefix)
		if folder, _, in := strings.Cut(rest, delimiter); ok && in && delimiter != "" {
			found[prefix+folder+delimiter] = true
		} else if ok {
			found[key] = false
		}
	}
	var names []string
	for name := range found {
		if name >= q.Get("pageToken") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	answer := map[string]any{"kind": "storage#objects"}
	if len(names) > limit {
		answer["nextPageToken"] = names[limit]
		names = names[:limit]
	}
	var items []any
	var folders []string
	for _, name := range names {
		if found[name] {
			folders = append(folders, name)
		} else {
			items = append(items, resource(name, f.objects[name]))
		}
	}
	answer["items"], answer["prefixes"] = items, folders
	json.NewEncoder(w).Encode(answer) //nolint:errcheck // as above
}
