package dynamostore_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
)

// What has been handed to net/http is not taken away from it when the SDK closes
// its body, which it does as soon as the reply is there.
func TestTunedRequestsOutliveTheirBody(t *testing.T) {
	t.Parallel()
	var sent *http.Request
	options := dynamodb.Options{HTTPClient: doer(func(r *http.Request) (*http.Response, error) {
		sent = r
		return &http.Response{}, nil
	})}
	dynamostore.Tuned(&options)

	body := &closable{Reader: strings.NewReader(`{"TableName":"t"}`)}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/", body)
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = 17
	if _, err := options.HTTPClient.Do(request); err != nil {
		t.Fatal(err)
	}
	body.closed = true
	if text, err := io.ReadAll(sent.Body); err != nil || string(text) != `{"TableName":"t"}` || sent.ContentLength != 17 {
		t.Errorf("the body is %q, %d long, error %v", text, sent.ContentLength, err)
	}
}

func TestTunedReportsABodyThatEndsEarly(t *testing.T) {
	t.Parallel()
	options := dynamodb.Options{HTTPClient: doer(func(*http.Request) (*http.Response, error) {
		t.Error("half a request was sent")
		return &http.Response{}, nil
	})}
	dynamostore.Tuned(&options)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/", io.NopCloser(strings.NewReader("{")))
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = 2
	if _, err := options.HTTPClient.Do(request); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, want %v", err, io.ErrUnexpectedEOF)
	}
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

type closable struct {
	io.Reader
	closed bool
}

func (c *closable) Read(p []byte) (int, error) {
	if c.closed {
		return 0, errors.New("read after close")
	}
	return c.Reader.Read(p)
}

func (c *closable) Close() error {
	c.closed = true
	return nil
}
