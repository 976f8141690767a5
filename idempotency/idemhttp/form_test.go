package idemhttp_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

// multipartRequest returns a form with a file, as a client writes it anew with each attempt.
func multipartRequest(t *testing.T, key, boundary string, reversed bool, amount, file string) *http.Request {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	if err := w.SetBoundary(boundary); err != nil {
		t.Fatal(err)
	}
	write := []func() error{
		func() error { return w.WriteField("amount", amount) },
		func() error {
			part, err := w.CreateFormFile("receipt", "receipt.pdf")
			if err == nil {
				_, err = io.WriteString(part, file)
			}
			return err
		},
	}
	if reversed {
		slices.Reverse(write)
	}
	for _, f := range write {
		if err := f(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r := newRequest(key, body.String())
	r.Header.Set("Content-Type", w.FormDataContentType())
	return r
}

func TestMultipartRetryIsTheSameRequest(t *testing.T) {
	t.Parallel()
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "paid ", r.FormValue("amount"))
	})
	s.send(multipartRequest(t, "k1", "first", false, "1", "%PDF"))
	for _, again := range []*http.Request{
		multipartRequest(t, "k1", "second", false, "1", "%PDF"),
		multipartRequest(t, "k1", "third", true, "1", "%PDF"),
	} {
		if response := s.send(again); response.Header.Get("Idempotent-Replayed") != "true" || bodyOf(t, response) != "paid 1" {
			t.Errorf("status %d for an honest retry", response.StatusCode)
		}
	}
	for _, other := range []*http.Request{
		multipartRequest(t, "k1", "first", false, "1000000", "%PDF"),
		multipartRequest(t, "k1", "second", false, "1", "%PDF 2"),
	} {
		wantProblem(t, s.send(other), http.StatusUnprocessableEntity, idemhttp.TypePayloadMismatch)
	}
	s.wantExecutions(1)
}

func TestMultipartBodyThatWasCutOffIsAnotherPayload(t *testing.T) {
	t.Parallel()
	whole := multipartRequest(t, "k1", "boundary", true, "1", "%PDF")
	body, err := io.ReadAll(whole.Body)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[idempotency.Fingerprint]int{}
	for n := range len(body) {
		fingerprint, err := idemhttp.FormFingerprint(whole, body[:n])
		if err != nil {
			t.Fatal(err)
		}
		if m, found := seen[fingerprint]; found && n < len(body)-1 { // the last line break says nothing
			t.Errorf("the first %d bytes and the first %d have one fingerprint", m, n)
		}
		seen[fingerprint] = n
	}
}

// A form's fingerprint never fails, and does not depend on the boundary.
func FuzzFormFingerprint(f *testing.F) {
	f.Add("amount", "1", "note", "x")
	f.Add("", "", "\r\n--b", "--b--")
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		fingerprint := func(contentType, body string) idempotency.Fingerprint {
			r := newRequest("k1", body)
			r.Header.Set("Content-Type", contentType)
			got, err := idemhttp.FormFingerprint(r, []byte(body))
			if err != nil || got == "" {
				t.Fatalf("%q %q: %q, %v", contentType, body, got, err)
			}
			return got
		}
		write := func(boundary string) (string, string) {
			var b bytes.Buffer
			w := multipart.NewWriter(&b)
			_ = w.SetBoundary(boundary)
			_ = w.WriteField(name1, value1)
			_ = w.WriteField(name2, value2)
			_ = w.Close()
			return w.FormDataContentType(), b.String()
		}
		long1, long2 := strings.Repeat("a", 60), strings.Repeat("b", 60)
		if strings.Contains(value1+value2+name1+name2, long1[:20]) || strings.Contains(value1+value2+name1+name2, long2[:20]) {
			return
		}
		readable := func(contentType, body string) bool {
			r := newRequest("k1", body)
			r.Header.Set("Content-Type", contentType)
			return r.ParseMultipartForm(1<<20) == nil
		}
		if readable(write(long1)) && fingerprint(write(long1)) != fingerprint(write(long2)) {
			t.Errorf("%q=%q, %q=%q: the boundary makes another payload", name1, value1, name2, value2)
		}
		encoded := url.Values{name1: {value1}}.Encode()
		if name1 != name2 && fingerprint("application/x-www-form-urlencoded", encoded+"&"+url.Values{name2: {value2}}.Encode()) !=
			fingerprint("application/x-www-form-urlencoded", url.Values{name2: {value2}}.Encode()+"&"+encoded) {
			t.Errorf("%q=%q, %q=%q: the order of names makes another payload", name1, value1, name2, value2)
		}
		fingerprint("multipart/form-data; boundary="+name1, value1)
		fingerprint(name1, value1)
	})
}
