package idemclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency/idemclient"
)

// The first answer is lost on its way. The client asks again with the same key,
// and is given it.
func Example() {
	api := newPaymentsAPI()
	defer api.Close()

	transport, err := idemclient.New(idemclient.Config{})
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: transport}

	answer, err := client.Post(api.URL+"/payments", "application/json", strings.NewReader(`{"amount":1250}`))
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d %s, replayed: %v\n", answer.StatusCode, body, idemclient.Replayed(answer))
	// Output:
	// 201 payment 1, replayed: true
}

// A key that was written down before the first attempt outlives the process:
// whoever finds it sends the same request again.
func ExampleWithFirstSent() {
	api := newPaymentsAPI()
	defer api.Close()
	transport, err := idemclient.New(idemclient.Config{})
	if err != nil {
		log.Fatal(err)
	}

	pay := func(key, body string, firstSent time.Time) {
		ctx := idemclient.WithFirstSent(context.Background(), firstSent)
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, api.URL+"/payments", strings.NewReader(body))
		if err != nil {
			log.Fatal(err)
		}
		request.Header.Set("Idempotency-Key", key)
		answer, err := (&http.Client{Transport: transport}).Do(request)
		switch {
		case errors.Is(err, idemclient.ErrWindowPassed):
			fmt.Println("too old to send again: ask whether it was made")
		case err != nil:
			log.Fatal(err)
		default:
			defer answer.Body.Close()
			fmt.Println(answer.Status, idemclient.KeyOf(answer))
		}
	}
	pay("order-17-payment", `{"amount":1250}`, time.Now().Add(-time.Hour))
	pay("order-16-payment", `{"amount":900}`, time.Now().Add(-48*time.Hour))
	// Output:
	// 201 Created order-17-payment
	// too old to send again: ask whether it was made
}

// When all attempts have failed nobody knows whether the payment was made. The
// error tells the key with which that can be found out.
func ExampleError() {
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	transport, err := idemclient.New(idemclient.Config{
		MaxAttempts: 2,
		BaseDelay:   time.Millisecond,
		NewKey:      func() string { return "k1" }, // by default a random UUID
	})
	if err != nil {
		log.Fatal(err)
	}
	_, err = (&http.Client{Transport: transport}).Post(down.URL, "application/json", strings.NewReader(`{"amount":1250}`))
	if gaveUp, ok := errors.AsType[*idemclient.Error](err); ok {
		fmt.Printf("ask again with the key %s, after %d attempts\n", gaveUp.Key, gaveUp.Attempts)
	}
	// Output:
	// ask again with the key k1, after 2 attempts
}

// Calling again after a failure is a new intent, with a key of its own. That is
// the wrong way to go on: the first call may have been executed.
func ExampleTransport_callingAgain() {
	api := newPaymentsAPI()
	defer api.Close()
	transport, err := idemclient.New(idemclient.Config{MaxAttempts: 1})
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: transport}
	for range 2 {
		answer, err := client.Post(api.URL+"/payments", "application/json", strings.NewReader(`{"amount":1250}`))
		if err != nil {
			fmt.Println("no answer, so once more")
			continue
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		fmt.Println(answer.StatusCode, string(body))
	}
	// Output:
	// no answer, so once more
	// 201 payment 2
}

// A client library makes the requests. The key comes with the context, from what
// was written down before, and the transport follows the conventions of Stripe's
// API.
func ExampleStripe() {
	api := httptest.NewServer(&stripeLike{})
	defer api.Close()

	transport, err := idemclient.New(idemclient.Stripe())
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: transport} // what a client library is given
	ctx := idemclient.WithKey(context.Background(), "order-17-payment")

	for range 2 {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, api.URL+"/v1/charges", strings.NewReader("amount=1250"))
		if err != nil {
			log.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			log.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		fmt.Printf("%s, key %s, replayed: %v\n", text, idemclient.KeyOf(response), idemclient.Replayed(response))
	}
	// Output:
	// charge 1, key order-17-payment, replayed: false
	// charge 1, key order-17-payment, replayed: true
}
