package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/idempotent-requests/idempotent-requests/idempotency/idemclient"
)

const (
	coffee = `{"amount":1250,"currency":"EUR","description":"coffee"}`
	tea    = `{"amount":900,"currency":"EUR","description":"tea"}`
)

var (
	asset    = regexp.MustCompile(`(?:src|href)="\.?(/assets/[^"]+)"`)
	manifest = regexp.MustCompile(`<link rel="manifest" href="\.?(/[^"]+)"`)
)

// How long a browser may keep a file: for ever where its name changes with its
// content, and never without asking where it does not.
const (
	immutable  = "public, max-age=31536000, immutable"
	revalidate = "no-cache"
)

// page checks what a browser gets first: the page, with the headers that protect
// it, and the files that it names, to be kept for ever.
func (s *session) page(ctx context.Context) error {
	page, err := s.file(ctx, "/", "text/html", revalidate)
	if err != nil {
		return err
	}
	executions, err := s.read(ctx, "/api/executions", nil)
	if err != nil {
		return err
	}
	if err := errors.Join(protected("the page", page), protected("the API", executions)); err != nil {
		return err
	}
	assets := asset.FindAllStringSubmatch(page.body, -1)
	if len(assets) == 0 {
		return errors.New("the page names no file under /assets")
	}
	for _, name := range assets {
		if _, err := s.file(ctx, name[1], "", immutable); err != nil {
			return err
		}
	}
	return nil
}

// protected checks the headers that protect whoever opens an answer in a browser.
func protected(who string, a answer) error {
	for name, needed := range map[string][]string{
		"Content-Security-Policy": {
			"default-src 'none'", "script-src 'self'", "worker-src 'self'", "manifest-src 'self'", "frame-ancestors 'none'",
		},
		"Strict-Transport-Security":    {"max-age=31536000"},
		"X-Content-Type-Options":       {"nosniff"},
		"X-Frame-Options":              {"DENY"},
		"Referrer-Policy":              {"no-referrer"},
		"Permissions-Policy":           {"camera=()"},
		"Cross-Origin-Opener-Policy":   {"same-origin"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
	} {
		for _, part := range needed {
			if got := a.header.Get(name); !strings.Contains(got, part) {
				return fmt.Errorf("%s's %s is %q, want %s", who, name, got, part)
			}
		}
	}
	if csp := a.header.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe-") {
		return fmt.Errorf("%s's Content-Security-Policy is %q, which allows what it names unsafe", who, csp)
	}
	return nil
}

// installation checks the files by which the page is installed and works offline.
// A service worker that browsers might keep would never be replaced.
func (s *session) installation(ctx context.Context) error {
	home, err := s.get(ctx, "/")
	if err != nil {
		return err
	}
	named := manifest.FindStringSubmatch(home.body)
	if named == nil {
		return errors.New("the page names no manifest")
	}
	if _, err := s.file(ctx, named[1], "json", revalidate); err != nil {
		return err
	}
	_, err = s.file(ctx, "/service-worker.js", "javascript", revalidate)
	return err
}

// file gets a file of the page and checks what it is and how long it may be kept.
func (s *session) file(ctx context.Context, path, contentType, caching string) (answer, error) {
	a, err := s.get(ctx, path)
	if err != nil {
		return a, err
	}
	for name, want := range map[string]string{"Content-Type": contentType, "Cache-Control": caching} {
		if got := a.header.Get(name); a.status != http.StatusOK || !strings.Contains(got, want) {
			return a, fmt.Errorf("%s: status %d, %s %q, want %s", path, a.status, name, got, want)
		}
	}
	return a, nil
}

// routes checks that the page's own routes lead to it, that files that are not
// there are not the page, and that the page is told where its API is.
func (s *session) routes(ctx context.Context) error {
	home, err := s.get(ctx, "/")
	if err != nil {
		return err
	}
	route, err := s.file(ctx, "/a/route/of/the/page", "text/html", revalidate)
	if err != nil {
		return err
	}
	if route.body != home.body {
		return fmt.Errorf("a route of the page is not the page: %v", route)
	}
	missing, err := s.get(ctx, "/assets/missing.js")
	if err != nil {
		return err
	}
	if err := missing.expect(http.StatusNotFound); err != nil {
		return fmt.Errorf("a file that is not there: %w", err)
	}
	config, err := s.file(ctx, "/config.json", "json", revalidate)
	if err != nil {
		return err
	}
	var settings struct{ APIURL string }
	if err := json.Unmarshal([]byte(config.body), &settings); err != nil || settings.APIURL != "/api" {
		return fmt.Errorf("config.json: %v", config)
	}
	return nil
}

// payment makes a payment and asks for it again.
func (s *session) payment(ctx context.Context) error {
	key := uuid.NewString()
	first, err := s.pay(ctx, key, coffee)
	if err != nil {
		return err
	}
	if err := first.expect(http.StatusCreated); err != nil {
		return err
	}
	again, err := s.pay(ctx, key, coffee)
	if err != nil {
		return err
	}
	if again.status != first.status || again.body != first.body || again.header.Get("Idempotent-Replayed") != "true" {
		return fmt.Errorf("made %v, but replayed %v", first, again)
	}
	other, err := s.pay(ctx, key, tea)
	if err != nil {
		return err
	}
	if err := other.expect(http.StatusUnprocessableEntity); err != nil {
		return fmt.Errorf("another payload with the same key: %w", err)
	}
	unchanged, err := s.read(ctx, first.header.Get("Location"), map[string]string{"If-None-Match": first.header.Get("ETag")})
	if err != nil {
		return err
	}
	return unchanged.expect(http.StatusNotModified)
}

// refusals sends what is not executed.
func (s *session) refusals(ctx context.Context) error {
	keyless, err := s.pay(ctx, "", coffee)
	if err != nil {
		return err
	}
	nothing, err := s.read(ctx, "/api/nothing", nil)
	if err != nil {
		return err
	}
	return errors.Join(keyless.expect(http.StatusBadRequest), nothing.expect(http.StatusNotFound))
}

// errorsOfOthers asks for a payment in the name of somebody else, who may not see
// it, and then in that of its owner. A cache on the way that remembers errors would
// give the owner the stranger's.
func (s *session) errorsOfOthers(ctx context.Context) error {
	owner, stranger := newSession(s.url), newSession(s.url)
	made, err := owner.pay(ctx, uuid.NewString(), coffee)
	if err != nil {
		return err
	}
	if err := made.expect(http.StatusCreated); err != nil {
		return err
	}
	location := made.header.Get("Location")
	refused, err := stranger.read(ctx, location, nil)
	if err != nil {
		return err
	}
	if err := refused.expect(http.StatusNotFound); err != nil {
		return fmt.Errorf("a stranger: %w", err)
	}
	own, err := owner.read(ctx, location, nil)
	if err != nil {
		return err
	}
	if err := own.expect(http.StatusOK); err != nil {
		return fmt.Errorf("the owner, after a stranger: %w", err)
	}
	if cache := own.header.Get("X-Cache"); strings.HasPrefix(cache, "Error from") || own.header.Get("Age") != "" {
		return fmt.Errorf("the owner, after a stranger: X-Cache %q, Age %q: the API is cached", cache, own.header.Get("Age"))
	}
	head, err := owner.do(ctx, http.MethodHead, location, "", map[string]string{"Demo-Session": owner.id})
	if err != nil {
		return err
	}
	if head.status != http.StatusOK || head.body != "" || head.header.Get("ETag") != own.header.Get("ETag") {
		return fmt.Errorf("HEAD: %v, want the headers of GET", head)
	}
	return nil
}

// duplicates is how many requests a burst consists of: fewer than the fewest that
// Lambda runs at a time in a new account.
const duplicates = 8

// burst asks for one payment many times at once. One request is executed; the
// others are told to wait or get its answer.
func (s *session) burst(ctx context.Context) error {
	visitor := newSession(s.url)
	key := uuid.NewString()
	answers, failures := make([]answer, duplicates), make([]error, duplicates)
	var group sync.WaitGroup
	for i := range duplicates {
		group.Go(func() { answers[i], failures[i] = visitor.pay(ctx, key, coffee) })
	}
	group.Wait()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	last, err := visitor.settled(ctx, key)
	if err != nil {
		return err
	}
	executed := 0
	for _, a := range answers {
		switch {
		case a.status == http.StatusConflict && a.header.Get("Retry-After") != "":
		case a.status == http.StatusCreated && a.body == last.body:
			if a.header.Get("Idempotent-Replayed") == "" {
				executed++
			}
		default:
			return fmt.Errorf("a duplicate gets %v, the payment is %v", a, last)
		}
	}
	if executed != 1 {
		return fmt.Errorf("%d requests say that they were executed", executed)
	}
	return visitor.onePayment(ctx)
}

// settled asks as a client should, until the payment is made.
func (s *session) settled(ctx context.Context, key string) (answer, error) {
	transport, err := idemclient.New(idemclient.Config{Timeout: patience, MaxAttempts: 100})
	if err != nil {
		return answer{}, err
	}
	patient := &session{url: s.url, token: s.token, id: s.id, client: &http.Client{Transport: transport}}
	a, err := patient.pay(ctx, key, coffee)
	if err != nil {
		return answer{}, err
	}
	return a, a.expect(http.StatusCreated)
}

// onePayment checks the evidence: one execution with one charge.
func (s *session) onePayment(ctx context.Context) error {
	a, err := s.read(ctx, "/api/executions", nil)
	if err != nil {
		return err
	}
	var evidence struct{ ExecutionCount, EffectCount int }
	if err := json.Unmarshal([]byte(a.body), &evidence); err != nil || evidence.ExecutionCount != 1 || evidence.EffectCount != 1 {
		return fmt.Errorf("want one execution with one charge, got %v", a)
	}
	return nil
}
