package main

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemclient"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

func main() {
	guard := idempotency.Must(idempotency.New(idempotency.Config{Store: memstore.New()}))
	protect := idempotency.Must(idemhttp.New(idemhttp.Config{
		Guard: guard, Operation: "payments.create",
		Scope:     func(*http.Request) (idempotency.Scope, error) { return idempotency.NewScope("alice") },
		FirstSent: idemhttp.FirstSentRequired,
	}))
	api := httptest.NewServer(protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
	})))
	defer api.Close()

	// This client says with every attempt when the first one was.
	client := &http.Client{Transport: idempotency.Must(idemclient.New(idemclient.Config{FirstSent: true}))}
	response := idempotency.Must(client.Post(api.URL, "text/plain", strings.NewReader("coffee")))
	fmt.Println(response.StatusCode)

	// A retry of last week comes from somewhere. Its key is forgotten.
	late := idempotency.Must(http.NewRequest(http.MethodPost, api.URL, strings.NewReader("coffee")))
	late.Header.Set("Idempotency-Key", "last-week")
	late.Header.Set(idemhttp.HeaderFirstSent, time.Now().AddDate(0, 0, -7).UTC().Format(http.TimeFormat))
	response, err := http.DefaultClient.Do(late)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(response.StatusCode)
}
