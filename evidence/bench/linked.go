package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// linked are the programs whose size is measured: what they are, and where they
// stand in the repository. Those of the consumers are what the documents show.
var linked = []struct{ name, dir string }{
	{"the guard and memstore", "evidence/bench/linked/core"},
	{"idemhttp and memstore, with a server", "evidence/consumers/testdata/http"},
	{"valkeystore, with go-redis", "evidence/consumers/testdata/valkey"},
	{"pgstore, with pgx", "evidence/consumers/testdata/postgres"},
	{"the AWS SDK's client of DynamoDB alone", "evidence/bench/linked/sdk"},
	{"dynamostore, with that client", "evidence/consumers/testdata/dynamodb"},
	{"Lambda's runtime for Go alone", "evidence/bench/linked/runtime"},
	{"idemlambda and memstore, with that runtime", "evidence/consumers/testdata/lambda"},
}

// linkedSizes builds the programs as they are deployed and keeps their sizes.
func (b *bench) linkedSizes(ctx context.Context) error {
	b.results.linked = make([]int64, len(linked))
	for i, program := range linked {
		b.progress("linking %s", program.name)
		binary := filepath.Join(b.built, "linked")
		environment := []string{"GOARCH=arm64", "GOOS=linux", "CGO_ENABLED=0"}
		if strings.HasPrefix(program.dir, "evidence/bench/") {
			environment = append(environment, "GOWORK=off") // this module is not part of the workspace
		} else {
			environment = append(environment, "GOWORK=", "GOFLAGS=")
		}
		err := run(ctx, filepath.Join(b.root, program.dir), environment, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, ".")
		if err != nil {
			return err
		}
		info, err := os.Stat(binary)
		if err != nil {
			return err
		}
		b.results.linked[i] = info.Size()
	}
	return nil
}

func (b *bench) linkedTable() string {
	t := table{{"program, arm64, without symbols", "MB"}}
	for i, size := range b.results.linked {
		t = append(t, []string{linked[i].name, fmt.Sprintf("%.1f", float64(size)/1e6)})
	}
	return t.String()
}
