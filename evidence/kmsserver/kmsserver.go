// Package kmsserver is a stand-in for AWS KMS, as far as data keys need it: the
// operations GenerateDataKey and Decrypt over HTTP, in the protocol of the SDKs. Its
// keys have aliases, states and rotations, it binds encryption contexts, and it fails
// when it is told to.
package kmsserver

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// Error is what KMS answers instead of a result.
type Error struct {
	Status int
	Code   string
}

// Errors of KMS.
var (
	Disabled      = &Error{http.StatusBadRequest, "DisabledException"}
	ToBeDeleted   = &Error{http.StatusBadRequest, "KMSInvalidStateException"}
	NotFound      = &Error{http.StatusBadRequest, "NotFoundException"}
	AccessDenied  = &Error{http.StatusBadRequest, "AccessDeniedException"}
	WrongKey      = &Error{http.StatusBadRequest, "IncorrectKeyException"}
	WrongContext  = &Error{http.StatusBadRequest, "InvalidCiphertextException"}
	Throttled     = &Error{http.StatusBadRequest, "ThrottlingException"}
	Unavailable   = &Error{http.StatusInternalServerError, "KeyUnavailableException"}
	Internal      = &Error{http.StatusInternalServerError, "KMSInternalException"}
	NotRecognised = &Error{http.StatusBadRequest, "UnknownOperationException"}
)

// Server is the stand-in. Its methods may be called at any time.
type Server struct {
	url string

	mu       sync.Mutex
	keys     map[string]*key
	aliases  map[string]string
	requests []string // the operations asked for
	fail     func(operation string) *Error
	hang     chan struct{}
}

type key struct {
	state    *Error // nil if it is enabled
	material []cipher.AEAD
}

// Start starts a server that ends with the test. It has no keys.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{keys: make(map[string]*key), aliases: make(map[string]string)}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Cleanup(s.Resume) // or closing waits for what hangs
	s.url = server.URL
	return s
}

// URL returns the endpoint.
func (s *Server) URL() string { return s.url }

// Client returns the SDK's client, which repeats failed requests as configured by
// default, but without pauses.
func (s *Server) Client() *kms.Client {
	return kms.New(kms.Options{
		Region:       "eu-central-1",
		BaseEndpoint: &s.url,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) { o.Backoff = retry.BackoffDelayerFunc(noPause) }),
	})
}

func noPause(int, error) (time.Duration, error) { return 0, nil }

// CreateKey makes an enabled key of that id, and returns its ARN.
func (s *Server) CreateKey(id string) (arn string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	arn = "arn:aws:kms:eu-central-1:123456789012:key/" + id
	s.keys[arn] = &key{material: []cipher.AEAD{newMaterial()}}
	return arn
}

// Alias points an alias, whose name begins with "alias/", at a key.
func (s *Server) Alias(name, arn string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aliases[name] = arn
}

// Rotate gives the key new material. What the old one has encrypted is still decrypted.
func (s *Server) Rotate(arn string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[arn].material = append(s.keys[arn].material, newMaterial())
}

// SetState makes the key answer with an error, or work again if that is nil.
func (s *Server) SetState(arn string, state *Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[arn].state = state
}

// Fail calls f before each request is carried out. It is answered with the error that
// f returns, if any.
func (s *Server) Fail(f func(operation string) *Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = f
}

// Hang keeps requests waiting until Resume is called, or their client gives up.
func (s *Server) Hang() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hang = make(chan struct{})
}

// Resume ends what Hang began.
func (s *Server) Resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hang != nil {
		close(s.hang)
		s.hang = nil
	}
}

// Requests returns how often an operation was asked for.
func (s *Server) Requests(operation string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, asked := range s.requests {
		if asked == operation {
			n++
		}
	}
	return n
}

type request struct {
	KeyID             string `json:"KeyId"`
	KeySpec           string
	CiphertextBlob    []byte
	EncryptionContext map[string]string
}

type response struct {
	KeyID          string `json:"KeyId"`
	CiphertextBlob []byte `json:",omitempty"`
	Plaintext      []byte
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	var asked request
	malformed := json.NewDecoder(r.Body).Decode(&asked)

	s.mu.Lock()
	s.requests = append(s.requests, operation)
	fail, hang := s.fail, s.hang
	s.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-r.Context().Done():
			return
		}
	}
	var failure *Error
	if fail != nil {
		failure = fail(operation)
	}
	if malformed != nil {
		failure = &Error{http.StatusBadRequest, "SerializationException"}
	}
	var found *response
	if failure == nil {
		found, failure = s.carryOut(operation, asked)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if failure != nil {
		w.WriteHeader(failure.Status)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": failure.Code, "message": "as the test has it"})
		return
	}
	_ = json.NewEncoder(w).Encode(found)
}

func (s *Server) carryOut(operation string, asked request) (*response, *Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	arn := asked.KeyID
	if target, isAlias := s.aliases[arn]; isAlias {
		arn = target
	}
	k := s.keys[arn]
	switch {
	case operation == "Decrypt" && arn == "": // KMS finds out itself by which key it was encrypted
		return s.decrypt("", asked)
	case k == nil:
		return nil, NotFound
	case operation == "GenerateDataKey" && k.state != nil:
		return nil, k.state
	case operation == "GenerateDataKey" && asked.KeySpec == "AES_256":
		plain := make([]byte, 32)
		_, _ = rand.Read(plain)
		latest := len(k.material) - 1
		blob := append(label(arn, latest), k.material[latest].Seal(nil, nil, plain, canonical(asked.EncryptionContext))...)
		return &response{KeyID: arn, CiphertextBlob: blob, Plaintext: plain}, nil
	case operation == "Decrypt":
		return s.decrypt(arn, asked)
	}
	return nil, NotRecognised
}

func (s *Server) decrypt(arn string, asked request) (*response, *Error) {
	for of, k := range s.keys {
		for i, material := range k.material {
			encrypted, found := strings.CutPrefix(string(asked.CiphertextBlob), string(label(of, i)))
			switch {
			case !found:
				continue
			case arn != "" && of != arn:
				return nil, WrongKey
			case k.state != nil:
				return nil, k.state
			}
			plain, err := material.Open(nil, nil, []byte(encrypted), canonical(asked.EncryptionContext))
			if err != nil {
				return nil, WrongContext
			}
			return &response{KeyID: of, Plaintext: plain}, nil
		}
	}
	return nil, WrongContext
}

// label begins what a key's material has encrypted.
func label(arn string, material int) []byte { return fmt.Appendf(nil, "%s %d ", arn, material) }

func canonical(encryption map[string]string) (text []byte) {
	for _, name := range slices.Sorted(maps.Keys(encryption)) {
		text = fmt.Appendf(text, "%q=%q ", name, encryption[name])
	}
	return text
}

func newMaterial() cipher.AEAD {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	block, err := aes.NewCipher(secret)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return aead
}
