package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// start runs the command and returns its URL and what stops it.
func start(t *testing.T, args ...string) (address string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, append([]string{"--port", "0"}, args...), writer, io.Discard)
		_ = writer.CloseWithError(errors.Join(errors.New("the command ended"), err))
		done <- err
	}()
	line, err := bufio.NewReader(reader).ReadString('\n')
	if err != nil {
		cancel()
		t.Fatalf("no URL: %v", err)
	}
	return strings.TrimSpace(line), func() error {
		cancel()
		return <-done
	}
}

func tables(t *testing.T, address string, create string) []string {
	t.Helper()
	client := dynamodb.New(dynamodb.Options{
		BaseEndpoint: &address, Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("any", "any", ""),
	})
	if create != "" {
		if _, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
			TableName:            &create,
			AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
			KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
			BillingMode:          types.BillingModePayPerRequest,
		}); err != nil {
			t.Fatalf("CreateTable: %v", err)
		}
	}
	out, err := client.ListTables(t.Context(), &dynamodb.ListTablesInput{})
	if err != nil {
		t.Fatalf("ListTables: %v", err)
	}
	return out.TableNames
}

func TestServesUntilStopped(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	address, stop := start(t, "--data", data)
	if location, err := url.Parse(address); err != nil || location.Hostname() != "127.0.0.1" {
		t.Errorf("it serves on %s", address)
	}
	if got := tables(t, address, "kept"); len(got) != 1 {
		t.Errorf("the tables are %v", got)
	}
	if err := stop(); err != nil {
		t.Errorf("it stopped with %v", err)
	}

	address, stop = start(t, "--data", data)
	if got := tables(t, address, ""); len(got) != 1 || got[0] != "kept" {
		t.Errorf("after a restart the tables are %v", got)
	}
	if err := stop(); err != nil {
		t.Errorf("it stopped with %v", err)
	}
}

func TestTakenPort(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	err = run(t.Context(), []string{"--port", port}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "port "+port+" is taken: stop what uses it, or choose another with --port") {
		t.Errorf("got %v", err)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--port", "x"}, {"--port", "65536"}, {"--nothing"}, {"more"}} {
		var stderr bytes.Buffer
		if err := run(t.Context(), args, io.Discard, &stderr); !errors.Is(err, errUsage) || !strings.Contains(stderr.String(), "Usage: dynamodb") {
			t.Errorf("%v gives %v and says\n%s", args, err, &stderr)
		}
	}
	var stderr bytes.Buffer
	if err := run(t.Context(), []string{"--help"}, io.Discard, &stderr); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("--help gives %v", err)
	}
	if help := stderr.String(); !strings.Contains(help, "-port port") || !strings.Contains(help, "-data file") {
		t.Errorf("--help says\n%s", help)
	}
}
