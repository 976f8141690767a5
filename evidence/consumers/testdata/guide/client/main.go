// Command client makes a payment whose key is its argument.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemclient"
)

func main() {
	client := &http.Client{Transport: idempotency.Must(idemclient.New(idemclient.Config{}))}
	ctx := idemclient.WithKey(context.Background(), os.Args[1])
	request := idempotency.Must(http.NewRequestWithContext(ctx, http.MethodPost, os.Getenv("API")+"/payments", strings.NewReader(`{"amount":1250}`)))
	request.Header.Set("Authorization", "Bearer "+os.Getenv("TOKEN"))
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		log.Fatal(err) // an *idemclient.Error: the outcome is unknown, and its Key is to be asked with
	}
	defer response.Body.Close()
	fmt.Println(response.StatusCode, idemclient.Replayed(response))
}
