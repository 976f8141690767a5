// A service that runs in two Regions on one global table. Every idempotency key has a
// home, and each Region passes on what belongs to the other.
package main

import (
	"context"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

const operation = "payments.create"

// regions are the homes that keys can have, and where the service is reached there.
// All Regions must have the same list at the same time.
var regions = map[string]string{
	"eu-central-1": os.Getenv("EU_ENDPOINT"),
	"us-east-1":    os.Getenv("US_ENDPOINT"),
}

func main() {
	cfg := idempotency.Must(config.LoadDefaultConfig(context.Background()))
	store := idempotency.Must(dynamostore.New(dynamodb.NewFromConfig(cfg, dynamostore.Tuned), "idempotency"))
	guard := idempotency.Must(idempotency.New(idempotency.Config{Store: store}))
	protect := idempotency.Must(idemhttp.New(idemhttp.Config{Guard: guard, Operation: operation, Scope: callerOf}))

	mux := http.NewServeMux()
	mux.Handle("POST /payments", atHome(cfg.Region, protect(http.HandlerFunc(createPayment))))
	log.Fatal(http.ListenAndServe(os.Getenv("LISTEN"), mux))
}

// atHome serves the keys whose home is this Region, and passes the others on.
func atHome(here string, next http.Handler) http.Handler {
	const passedOn = "Passed-On-By"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		home, err := homeOf(r)
		switch {
		case err != nil || home == here:
			next.ServeHTTP(w, r) // which refuses a request without a caller or a key
		case r.Header.Get(passedOn) != "": // the Regions do not agree on the list
			http.Error(w, "no Region is the home of this key", http.StatusServiceUnavailable)
		default:
			target, err := url.Parse(regions[home])
			if err != nil {
				http.Error(w, "the Region "+home+" has no address", http.StatusInternalServerError)
				return
			}
			proxy := httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
				p.SetURL(target)
				p.Out.Header.Set(passedOn, here)
			}}
			proxy.ServeHTTP(w, r)
		}
	})
}

// homeOf returns the Region of a request's key.
func homeOf(r *http.Request) (string, error) {
	scope, err := callerOf(r)
	if err != nil {
		return "", err
	}
	token, err := idemhttp.ParseKey(r.Header)
	if err != nil {
		return "", err
	}
	key, err := idempotency.NewKey(scope, operation, token)
	if err != nil {
		return "", err
	}
	names := make([]string, 0, len(regions))
	for name := range regions {
		names = append(names, name)
	}
	return key.Home(names...), nil
}

func callerOf(r *http.Request) (idempotency.Scope, error) {
	user, _, _ := r.BasicAuth() // which a gateway in front has verified
	return idempotency.NewScope(user)
}

func createPayment(w http.ResponseWriter, r *http.Request) {
	log.Print("a payment") // the effect
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write([]byte("paid in " + os.Getenv("AWS_REGION")))
}
