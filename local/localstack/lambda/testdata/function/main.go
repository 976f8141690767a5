// Command function is a Lambda function that does what its event says, for the
// tests of the runtime.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do   string `json:"do"`
	Name string `json:"name"`
	Size int    `json:"size"`
	Wait string `json:"wait"` // a file whose appearance ends the waiting
	Mark string `json:"mark"` // a file to make on the way
}

type answer struct {
	Pid       int      `json:"pid"`
	Count     int      `json:"count"`
	RequestID string   `json:"requestId"`
	ARN       string   `json:"arn"`
	Deadline  int64    `json:"deadline"`
	Env       []string `json:"env,omitempty"`
	Big       string   `json:"big,omitempty"`
}

func main() {
	switch os.Getenv("INIT") {
	case "fail":
		fmt.Fprintln(os.Stderr, "the table is missing")
		os.Exit(3)
	case "panic":
		panic("no configuration")
	}
	// A function that overruns its time must be killed, not asked.
	signal.Ignore(os.Interrupt)
	count := 0
	lambda.Start(func(ctx context.Context, e event) (answer, error) {
		count++
		lc, _ := lambdacontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		a := answer{
			Pid:       os.Getpid(),
			Count:     count,
			RequestID: lc.AwsRequestID,
			ARN:       lc.InvokedFunctionArn,
			Deadline:  deadline.UnixMilli(),
		}
		switch e.Do {
		case "env":
			a.Env = os.Environ()
		case "fail":
			return a, errors.New("declined")
		case "panic":
			panic("out of coffee")
		case "exit":
			fmt.Println("going")
			os.Exit(1)
		case "hang":
			if err := mark(e.Mark); err != nil {
				return a, err
			}
			select {}
		case "big":
			a.Big = strings.Repeat("x", e.Size)
		case "wait":
			for {
				if _, err := os.Stat(e.Wait); err == nil {
					return a, mark(e.Mark)
				}
				time.Sleep(time.Millisecond)
			}
		}
		return a, nil
	})
}

func mark(path string) error {
	if path == "" {
		return nil
	}
	return os.WriteFile(path, nil, 0o600)
}
