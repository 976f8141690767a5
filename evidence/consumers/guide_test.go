package consumers_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/evidence/freeport"
)

// TestGuide runs the programs of docs/guide.md that are not run by other tests of
// this package: one module with an API, its tests, a consumer and a client.
func TestGuide(t *testing.T) {
	t.Parallel()
	c := newConsumer(t, "guide", "github.com/golang-jwt/jwt/v5@v5.3.0")
	table := newTable(t)

	t.Run("tests", func(t *testing.T) {
		if output := c.in(t).run("go", "test", "-v", "./..."); strings.Count(output, "--- PASS: Test") != 5 {
			t.Errorf("want five tests to pass:\n%s", output)
		}
	})

	t.Run("service", func(t *testing.T) {
		public, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		address := "127.0.0.1:" + freeport.Find(t)
		here := c.in(t)
		here.env = append(here.env, "ADDRESS="+address, "API=http://"+address, "TOKEN="+token(t, private, "alice"),
			"ISSUER_KEY="+string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
		for name, value := range table {
			here.env = append(here.env, name+"="+value)
		}
		here.start(here.build("service"))
		awaitListener(t, address)
		client := here.build("client")
		for _, want := range []string{"201 false\n", "201 true\n"} {
			if got := here.run(client, "invoice-4711"); got != want {
				t.Errorf("the client prints %q, want %q", got, want)
			}
		}
	})

	t.Run("consumer", func(t *testing.T) {
		env := map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": table["AWS_ENDPOINT_URL_DYNAMODB"]} // Lambda sets the others
		var output synchronised
		invoke, stop := deploy(t, c.in(t).build("orders"), env, &output)
		deliverTwice(t, invoke)
		stop()
		if n := strings.Count(output.String(), "placing"); n != 1 {
			t.Errorf("the order was placed %d times, want once:\n%s", n, output.String())
		}
		for _, outcome := range []string{"executed", "replayed"} {
			if !strings.Contains(output.String(), `"outcome":"`+outcome+`"`) {
				t.Errorf("no metric of an order that was %s:\n%s", outcome, output.String())
			}
		}
	})
}

// token returns a JSON Web Token that an issuer has signed for a subject.
func token(t *testing.T, issuer ed25519.PrivateKey, subject string) string {
	t.Helper()
	claims, err := json.Marshal(map[string]any{
		"iss": "https://login.example.com", "aud": "payments", "sub": subject, "exp": time.Now().Add(time.Hour).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"EdDSA","typ":"JWT"}`)) + "." + encode(claims)
	return text + "." + encode(ed25519.Sign(issuer, []byte(text)))
}

// awaitListener returns as soon as a server listens.
func awaitListener(t *testing.T, address string) {
	t.Helper()
	for {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			_ = connection.Close()
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatal(err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
