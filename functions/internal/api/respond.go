package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

// Resource is what an operation creates.
type Resource interface {
	// Path is where the resource can be read from now on.
	Path() string
}

// contentType of everything that is not a problem.
const contentType = "application/json"

func respondCreated(w http.ResponseWriter, r *http.Request, logger *slog.Logger, out Resource) {
	body, err := json.Marshal(out)
	if err != nil {
		fail(w, r, logger, fmt.Errorf("encode the created resource: %w", err))
		return
	}
	w.Header().Set("Location", out.Path())
	w.Header().Set("Etag", etag(body))
	send(w, http.StatusCreated, body)
}

func respondResource(w http.ResponseWriter, r *http.Request, logger *slog.Logger, out any) {
	body, err := json.Marshal(out)
	if err != nil {
		fail(w, r, logger, fmt.Errorf("encode the resource: %w", err))
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Etag", etag(body))
	// The same URL means something else in another session: caches of many users
	// must not keep it, and one's own asks before it is used again.
	w.Header().Set("Cache-Control", "private, no-cache")
	r = r.Clone(r.Context())
	r.Header.Del("Range") // a resource of some hundred bytes has no parts
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

func respondView(w http.ResponseWriter, r *http.Request, logger *slog.Logger, out any) {
	body, err := json.Marshal(out)
	if err != nil {
		fail(w, r, logger, fmt.Errorf("encode the view: %w", err))
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	send(w, http.StatusOK, body)
}

func send(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone cannot be told
}

// etag is a strong validator: equal bytes, equal tags.
func etag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}
