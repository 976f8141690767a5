package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/idempotent-requests/idempotent-requests/local/localstack/lambda"
)

// function is one Lambda function whose start is measured.
type function struct {
	name, binary string
	payload      string // what is deployed, zipped; "" for what is not
	keyed        bool   // it is asked for a first call, and not only for an answer
}

// starts are the figures of one function.
type starts struct {
	toAnswer series // nanoseconds from the start of the process to its first answer
	atFirst  series // bytes resident after it
	memory   series // bytes resident after callsBeforeMemory further calls
}

// callsBeforeMemory is when the memory of all has stopped growing.
const callsBeforeMemory = 1000

// coldStarts starts each function again and again, in turn.
func (b *bench) coldStarts(ctx context.Context, functions []function) error {
	return b.db.withTable(ctx, func(records string) error {
		return b.db.withTable(ctx, func(data string) error {
			for round := range b.starts {
				b.progress("cold starts: round %d of %d", round+1, b.starts)
				for _, f := range functions {
					if err := b.coldStart(ctx, f, records, data, round < 3); err != nil {
						return fmt.Errorf("%s: %w", f.name, err)
					}
				}
			}
			return nil
		}, "pk", "sk")
	})
}

func (b *bench) coldStart(ctx context.Context, f function, records, data string, memory bool) error {
	service, err := lambda.NewService(lambda.Config{Env: map[string]string{
		"AWS_ENDPOINT_URL_DYNAMODB": b.db.endpoint, "DATA_TABLE": data, "IDEMPOTENCY_TABLE": records,
	}})
	if err != nil {
		return err
	}
	defer service.Close()
	err = service.Deploy(lambda.Function{
		Name: f.name, Handler: "bench", Binary: f.binary, Timeout: 10 * time.Second, MemoryMB: 256, LogFormat: "JSON", LogLevel: "INFO",
	})
	if err != nil {
		return err
	}
	result := b.results.starts[f.name]
	if result == nil {
		result = &starts{}
		b.results.starts[f.name] = result
	}
	start := time.Now()
	if err := invoke(ctx, service, f); err != nil {
		return err
	}
	result.toAnswer = append(result.toAnswer, float64(time.Since(start)))
	resident := func() (float64, error) {
		pids := service.Processes("bench")
		if len(pids) != 1 {
			return 0, fmt.Errorf("%d processes, want 1", len(pids))
		}
		bytes, err := residentMemory(pids[0])
		return float64(bytes), err
	}
	bytes, err := resident()
	if err != nil {
		return err
	}
	result.atFirst = append(result.atFirst, bytes)
	if !memory {
		return nil
	}
	for range callsBeforeMemory {
		if err := invoke(ctx, service, f); err != nil {
			return err
		}
	}
	if bytes, err = resident(); err != nil {
		return err
	}
	result.memory = append(result.memory, bytes)
	return nil
}

// invoke sends an HTTP API event: with a new key where the function is asked for
// a first call, else without any.
func invoke(ctx context.Context, service *lambda.Service, f function) error {
	headers := map[string]string{"content-type": "application/json", "demo-session": "5b1f8f0c-7f0a-4c7e-9d5e-0c6e6a1d2f3b"}
	want := 0
	if f.keyed {
		headers["idempotency-key"] = uuid.NewString()
		want = 201
	}
	body := `{"name":"Ada Lovelace","email":"ada@example.com"}`
	event, err := json.Marshal(map[string]any{
		"version": "2.0", "routeKey": "POST /api/customers", "rawPath": "/api/customers", "headers": headers, "body": body,
		"requestContext": map[string]any{
			"stage": "$default", "requestId": "bench", "domainName": "localhost",
			"http": map[string]string{"method": "POST", "path": "/api/customers", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
		},
	})
	if err != nil {
		return err
	}
	text, err := service.Invoke(ctx, f.name, event)
	if err != nil {
		return err
	}
	var answer struct {
		StatusCode int
		Body       string
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return err
	}
	if want != 0 && answer.StatusCode != want {
		return fmt.Errorf("answered %d: %s", answer.StatusCode, answer.Body)
	}
	return nil
}

// buildFunctions makes what is missing: the empty function and the bundle of the
// one by Powertools.
func (b *bench) buildFunctions(ctx context.Context) ([]function, error) {
	empty := filepath.Join(b.built, "empty")
	err := run(ctx, b.here, []string{"GOWORK=off", "CGO_ENABLED=0"}, "go", "build", "-trimpath", "-buildvcs=false",
		"-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", empty, "./empty")
	if err != nil {
		return nil, err
	}
	bundle := filepath.Join(b.built, "powertools.mjs")
	err = run(ctx, b.here, nil, filepath.Join(b.here, "node_modules", ".bin", "esbuild"), "powertools/function.mjs",
		"--bundle", "--minify", "--platform=node", "--format=esm", "--target=node20", "--outfile="+bundle,
		`--banner:js=import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`)
	if err != nil {
		return nil, err
	}
	powertools := filepath.Join(b.built, "powertools")
	if err := os.WriteFile(powertools, []byte("#!/bin/sh\nexec node '"+bundle+"'\n"), 0o755); err != nil {
		return nil, err
	}
	customers := filepath.Join(b.root, "build/lambda/local/customers/bootstrap")
	return []function{
		{name: "empty", binary: empty},
		{name: "ours", binary: customers},
		{name: "ours, first call", binary: customers, keyed: true},
		{name: "powertools, first call", binary: powertools, payload: bundle, keyed: true},
	}, nil
}

// packageSizes are the deployed functions' sizes as zip files.
func (b *bench) packageSizes() (map[string]int, error) {
	sizes := make(map[string]int)
	binaries, err := filepath.Glob(filepath.Join(b.root, "build/lambda/arm64/*/bootstrap"))
	if err != nil {
		return nil, err
	}
	for _, binary := range append(binaries, filepath.Join(b.built, "powertools.mjs")) {
		name := filepath.Base(filepath.Dir(binary))
		if strings.HasSuffix(binary, ".mjs") {
			name = "powertools"
		}
		if sizes[name], err = zipped(binary); err != nil {
			return nil, err
		}
	}
	return sizes, nil
}

func zipped(file string) (int, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	w.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, 6) }) // as zip does
	f, err := w.Create(filepath.Base(file))
	if err != nil {
		return 0, err
	}
	if _, err := f.Write(content); err != nil {
		return 0, err
	}
	return b.Len(), w.Close()
}
