// Command smoke tells within seconds whether a deployment works: the page with
// its headers, a payment that is made once however often it is asked for, and
// the evidence of that. It leaves behind what a visitor leaves, two payments that
// are deleted after a day.
//
//	go run ./evidence/contract/smoke https://d111111abcdef8.cloudfront.net
//	go run ./evidence/contract/smoke -api https://abcdef.execute-api.us-east-1.amazonaws.com
//
// A deployment that has an authorizer is given a token by the environment variable
// TOKEN. What tells visitors apart, the burst of duplicates among it, is left out
// then: they are all the token's subject.
//
// With -api it leaves the page out, for an API that is called without CloudFront.
// The exit status is 1 where something is not as it should be.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"time"
)

const patience = time.Minute

func main() {
	apiOnly := flag.Bool("api", false, "check the API alone, not the page")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: smoke [-api] URL")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()

	s := newSession(flag.Arg(0))
	checks := []check{
		{"a payment is made and replayed", s.payment},
		{"what cannot be a request is refused", s.refusals},
	}
	if s.token == "" {
		checks = append(checks,
			check{"of a burst of duplicates one is executed", s.burst},
			check{"one visitor's error is not another's", s.errorsOfOthers})
	}
	if !*apiOnly {
		checks = append([]check{
			{"the page, its headers and its files", s.page},
			{"routes of the page", s.routes},
			{"manifest and service worker", s.installation},
		}, checks...)
	}
	failed := false
	for _, c := range checks {
		if err := c.run(ctx); err != nil {
			failed = true
			fmt.Printf("FAIL  %s: %v\n", c.name, err)
			continue
		}
		fmt.Printf("ok    %s\n", c.name)
	}
	if failed {
		os.Exit(1)
	}
}

type check struct {
	name string
	run  func(context.Context) error
}

// newClient returns a client that follows no redirects: what is checked is what
// this URL answers.
func newClient() *http.Client {
	return &http.Client{
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
