package idemclient

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// body is a request's body, to be sent as often as need be. A nil body is none.
type body struct {
	first  io.ReadCloser // for the first attempt; nil after it
	again  func() (io.ReadCloser, error)
	length int64
}

// bodyOf makes a request's body repeatable. One that cannot be is closed.
func (t *Transport) bodyOf(request *http.Request) (*body, error) {
	if request.Body == nil || request.Body == http.NoBody {
		return nil, nil
	}
	if request.GetBody != nil {
		return &body{request.Body, request.GetBody, request.ContentLength}, nil
	}
	kept, err := io.ReadAll(io.LimitReader(request.Body, t.cfg.MaxBody+1))
	_ = request.Body.Close() // it was only read
	if err != nil {
		return nil, fmt.Errorf("idemclient: read the request's body: %w", err)
	}
	if int64(len(kept)) > t.cfg.MaxBody {
		return nil, ErrBodyTooLarge
	}
	again := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(kept)), nil }
	first, _ := again()
	return &body{first, again, int64(len(kept))}, nil
}

// next returns the body for the next attempt.
func (b *body) next() (io.ReadCloser, error) {
	switch {
	case b == nil:
		return nil, nil
	case b.first != nil:
		first := b.first
		b.first = nil
		return first, nil
	}
	return b.again()
}

// close closes a body that was not sent.
func (b *body) close() {
	if b != nil && b.first != nil {
		_ = b.first.Close() // nothing was read from it
	}
}

// endingBody ends an attempt's context with its response's body.
type endingBody struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

func (b *endingBody) Close() error {
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}

// patience bounds how long the rest of a response that nobody wants is read.
const patience = time.Second

// discard reads a little of a response that nobody wants, so that its connection
// can be used again, and closes it. One that does not end soon is ended by end.
func discard(response io.ReadCloser, end context.CancelCauseFunc) {
	late := time.AfterFunc(patience, func() { end(nil) })
	defer late.Stop()
	_, _ = io.CopyN(io.Discard, response, 64<<10)
	_ = response.Close()
}
