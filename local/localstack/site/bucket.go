package site

import (
	"bytes"
	"crypto/md5" // what S3 makes entity tags of
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// BucketConfig describes what a private bucket holds.
type BucketConfig struct {
	// Files is the website, as built; nil is none. It is read at every
	// request, so that a new build shows at once.
	Files fs.FS
	// Objects are further objects by key. One of these comes before a file of
	// the same name.
	Objects map[string][]byte
	// Deployments are what put the files and objects into the bucket. Only
	// what one of them includes is there, and the last that does so gives the
	// metadata.
	Deployments []Deployment
	// Listable says that whoever reads the bucket may list it too. Then a key
	// that does not exist is answered with 404, and with 403 otherwise.
	Listable bool
}

// Deployment is one upload to a bucket.
type Deployment struct {
	// Exclude and Include are patterns of keys in the sense of "aws s3 sync":
	// all is included but what Exclude matches, unless Include matches it.
	Exclude, Include []string
	// Metadata is system metadata, such as cache-control, which S3 answers
	// with as headers.
	Metadata map[string]string
}

// Bucket is a private bucket as its reader sees it: an http.Handler.
type Bucket struct{ cfg BucketConfig }

// metadataNames are the kinds of system metadata that S3 answers with as
// headers of the same name.
var metadataNames = []string{"cache-control", "content-disposition", "content-encoding", "content-language", "content-type"}

// NewBucket makes a bucket. It fails on metadata that it does not know.
func NewBucket(cfg BucketConfig) (*Bucket, error) {
	for _, d := range cfg.Deployments {
		for name := range d.Metadata {
			if !slices.Contains(metadataNames, name) {
				return nil, fmt.Errorf("site: the system metadata %q is not understood", name)
			}
		}
	}
	return &Bucket{cfg}, nil
}

// ServeHTTP answers GET and HEAD for one object.
func (b *Bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		s3Error(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.")
		return
	}
	key := strings.TrimPrefix(r.URL.Path, "/")
	deployment, deployed := b.deployment(key)
	content, modified, err := b.read(key)
	switch {
	case !deployed || errors.Is(err, fs.ErrNotExist):
		b.missing(w)
		return
	case err != nil:
		s3Error(w, http.StatusInternalServerError, "InternalError", "The object could not be read.")
		return
	}
	h := w.Header()
	h.Set("Content-Type", contentType(key))
	for _, name := range slices.Sorted(maps.Keys(deployment.Metadata)) {
		h.Set(name, deployment.Metadata[name])
	}
	sum := md5.Sum(content)
	h.Set("Etag", `"`+hex.EncodeToString(sum[:])+`"`)
	http.ServeContent(w, r, "", modified, bytes.NewReader(content))
}

// deployment gives the last deployment that includes the key.
func (b *Bucket) deployment(key string) (Deployment, bool) {
	for _, d := range slices.Backward(b.cfg.Deployments) {
		if d.includes(key) {
			return d, true
		}
	}
	return Deployment{}, false
}

func (d Deployment) includes(key string) bool {
	matches := func(pattern string) bool { return wildcardMatch(pattern, key) }
	return !slices.ContainsFunc(d.Exclude, matches) || slices.ContainsFunc(d.Include, matches)
}

func (b *Bucket) read(key string) ([]byte, time.Time, error) {
	if content, ok := b.cfg.Objects[key]; ok {
		return content, time.Time{}, nil
	}
	if b.cfg.Files == nil || !fs.ValidPath(key) {
		return nil, time.Time{}, fs.ErrNotExist
	}
	f, err := b.cfg.Files.Open(key)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, time.Time{}, err
	}
	if info.IsDir() {
		return nil, time.Time{}, fs.ErrNotExist // S3 has no directories
	}
	content, err := io.ReadAll(f)
	return content, info.ModTime(), err
}

func (b *Bucket) missing(w http.ResponseWriter) {
	if b.cfg.Listable {
		s3Error(w, http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
		return
	}
	s3Error(w, http.StatusForbidden, "AccessDenied", "Access Denied")
}

func s3Error(w http.ResponseWriter, status int, code, message string) {
	type body struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}
	out, _ := xml.Marshal(body{Code: code, Message: message})
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = w.Write(append([]byte(xml.Header), out...))
}

// contentType is the type that an upload gives an object, by its name. It is
// a table of its own because Go's depends on what the machine has installed.
func contentType(key string) string {
	switch strings.ToLower(path.Ext(key)) {
	case ".html", ".htm":
		return "text/html"
	case ".css":
		return "text/css"
	case ".js", ".mjs":
		return "text/javascript"
	case ".json", ".map":
		return "application/json"
	case ".webmanifest":
		return "application/manifest+json"
	case ".wasm":
		return "application/wasm"
	case ".xml":
		return "text/xml"
	case ".txt":
		return "text/plain"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".gif":
		return "image/gif"
	case ".webp":
		return "image/webp"
	case ".ico":
		return "image/vnd.microsoft.icon"
	case ".woff":
		return "font/woff"
	case ".woff2":
		return "font/woff2"
	default:
		return "binary/octet-stream"
	}
}
