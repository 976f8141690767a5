package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
)

// session is a visitor of a deployment.
type session struct {
	url    string
	token  string // of a deployment that has an authorizer
	id     string
	client *http.Client
}

func newSession(url string) *session {
	return &session{url: strings.TrimSuffix(url, "/"), token: os.Getenv("TOKEN"), id: uuid.NewString(), client: newClient()}
}

// answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) String() string { return fmt.Sprintf("%d %v %.300s", a.status, a.header, a.body) }

func (a answer) expect(status int) error {
	if a.status != status {
		return fmt.Errorf("want %d, got %v", status, a)
	}
	return nil
}

// do sends a request, and again while the API is throttled.
func (s *session) do(ctx context.Context, method, path, body string, header map[string]string) (answer, error) {
	for {
		a, err := s.doOnce(ctx, method, path, body, header)
		if err != nil || a.status != http.StatusTooManyRequests {
			return a, err
		}
		select {
		case <-ctx.Done():
			return a, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (s *session) doOnce(ctx context.Context, method, path, body string, header map[string]string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	if s.token != "" && strings.HasPrefix(path, "/api/") {
		request.Header.Set("Authorization", "Bearer "+s.token)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return answer{response.StatusCode, response.Header, string(text)}, nil
}

// get gets a path of the page.
func (s *session) get(ctx context.Context, path string) (answer, error) {
	return s.do(ctx, http.MethodGet, path, "", nil)
}

// read gets a path of the API.
func (s *session) read(ctx context.Context, path string, header map[string]string) (answer, error) {
	return s.do(ctx, http.MethodGet, path, "", with(header, "Demo-Session", s.id))
}

// pay asks for a payment. An empty key is left out.
func (s *session) pay(ctx context.Context, key, body string) (answer, error) {
	header := map[string]string{"Demo-Session": s.id, "Content-Type": "application/json"}
	if key != "" {
		header["Idempotency-Key"] = key
	}
	return s.do(ctx, http.MethodPost, "/api/payments", body, header)
}

func with(header map[string]string, name, value string) map[string]string {
	merged := map[string]string{name: value}
	for name, value := range header {
		merged[name] = value
	}
	return merged
}
