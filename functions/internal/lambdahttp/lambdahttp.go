// Package lambdahttp lets an ordinary http.Handler answer the events that an API
// Gateway HTTP API (payload format 2.0) sends to a Lambda function.
package lambdahttp

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/awslabs/aws-lambda-go-api-proxy/core"
)

// Handler is the function that lambda.Start takes.
type Handler func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error)

// Adapt returns a function that has next answer its events. The request's
// context is the invocation's: it ends when the function's time does.
func Adapt(next http.Handler) Handler {
	return func(ctx context.Context, event events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		event.RawPath = escapePath(event.RawPath)
		var accessor core.RequestAccessorV2
		request, err := accessor.EventToRequestWithContext(ctx, event)
		if err != nil {
			return events.APIGatewayV2HTTPResponse{}, fmt.Errorf("lambdahttp: the event is not an HTTP request: %w", err)
		}
		restoreHeaders(request.Header, event.Headers)
		answer := core.NewProxyResponseWriterV2()
		next.ServeHTTP(answer, request)
		return answer.GetProxyResponse()
	}
}

// restoreHeaders gives each header the one value it has in the event. The
// conversion has split values at commas, also inside of quotes, where they are a
// part of the value. API Gateway for its part joins a header that was sent more
// than once with commas, so a value here stands for all of them.
func restoreHeaders(header http.Header, sent map[string]string) {
	for name, value := range sent {
		header.Set(name, value)
	}
}

// escapePath escapes what cannot be in a URL's path. HTTP APIs send the path
// decoded, while other sources of the same payload, such as function URLs, send
// it encoded: what is already escaped stays so.
func escapePath(path string) string {
	var escaped strings.Builder
	for i := range len(path) {
		switch c := path[i]; {
		case c == '%' && !(i+2 < len(path) && isHex(path[i+1]) && isHex(path[i+2])),
			c <= ' ', c >= 0x7f, strings.IndexByte("\"#<>?[\\]^`{|}", c) >= 0:
			fmt.Fprintf(&escaped, "%%%02X", c)
		default:
			escaped.WriteByte(c)
		}
	}
	return escaped.String()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
