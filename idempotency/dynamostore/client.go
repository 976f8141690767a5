package dynamostore

import (
	"bytes"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Tuned makes the SDK's client quicker at what a store asks of it:
//
//	client := dynamodb.NewFromConfig(cfg, dynamostore.Tuned)
//
// Requests go out in one piece, and as many connections are kept open as there
// are in all, 100 by default, where the SDK keeps 10. Everything else is as
// configured, and a store works as well without. What it brings is measured in
// docs/performance.md.
func Tuned(o *dynamodb.Options) {
	if o.HTTPClient == nil {
		o.HTTPClient = awshttp.NewBuildableClient()
	}
	if client, ok := o.HTTPClient.(*awshttp.BuildableClient); ok {
		o.HTTPClient = client.WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConnsPerHost = max(t.MaxIdleConnsPerHost, t.MaxIdleConns)
		})
	}
	o.HTTPClient = inOnePiece{o.HTTPClient}
}

// inOnePiece sends requests whose bodies net/http can see to be in memory. Of
// others, like the SDK's own, it writes the header first and the body by
// another system call. And the SDK closes those as soon as the reply is there;
// where that is before net/http has looked whether the body has ended, the
// connection is lost.
type inOnePiece struct{ next aws.HTTPClient }

// Do implements [aws.HTTPClient].
func (c inOnePiece) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.ContentLength > 0 {
		body := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return c.next.Do(r)
}
