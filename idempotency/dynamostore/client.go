package dynamostore

import (
	"bytes"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Tuned is an option of the SDK's client that makes a store's requests faster:
//
//	client := dynamodb.NewFromConfig(cfg, dynamostore.Tuned)
//
// Requests are written in one piece, and all idle connections are kept, 100 by
// default, instead of the SDK's 10. Everything else is as configured. A store works
// without it, too. Its effect is measured in docs/performance.md.
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

// inOnePiece sends requests with bodies that net/http knows to be in memory. For
// other bodies, like the SDK's own, net/http writes the header first and the body by
// another system call. The SDK also closes its bodies as soon as the reply is there:
// if net/http has not yet seen the end of the body then, the connection is lost.
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
