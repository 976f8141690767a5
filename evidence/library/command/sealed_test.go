package command_test

import (
	"testing"

	"github.com/idempotent-requests/idempotent-requests/evidence/kmsserver"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/kmsseal"
)

// TestSealedResults: with the application's key an operator sees what was recorded, and
// records what the application can read.
func TestSealedResults(t *testing.T) {
	t.Parallel()
	w := newTable(t)
	keys := kmsserver.Start(t)
	keys.Alias("alias/idempotency", keys.CreateKey("one"))
	sealer, err := kmsseal.New(kmsseal.Config{Client: keys.Client(), KeyID: "alias/idempotency", Context: map[string]string{"stage": "live"}})
	if err != nil {
		t.Fatal(err)
	}
	w.guard, err = idempotency.New(idempotency.Config{Store: w.store, Seal: sealer, Recovery: idempotency.Refuse, CacheEntries: -1})
	if err != nil {
		t.Fatal(err)
	}
	env := append(w.environment(), "AWS_ENDPOINT_URL_KMS="+keys.URL())
	command := func(args ...string) run { return w.runIn(env, "", args...) }
	key := []string{"--kms-key", "alias/idempotency", "--kms-context", "stage=live"}

	id := w.completed("k1", []byte(`{"id":"7"}`))
	if r := command("show", "--full", id); r.status != 0 {
		t.Errorf("without the key: status %d, %s", r.status, r.errors)
	} else {
		wantIn(t, r.out, "completed", "sealed, perhaps: say --kms-key")
	}
	r := command(append([]string{"show", "--full", id}, key...)...)
	if r.status != 0 {
		t.Fatalf("status %d, %s", r.status, r.errors)
	}
	wantIn(t, r.out, "JSON, 10 bytes", `{"id":"7"}`)

	interrupted := w.interrupted("k2")
	if r = command(append([]string{"settle", "--yes", "--result", `{"id":"8"}`, interrupted}, key...)...); r.status != 0 {
		t.Fatalf("status %d, %s%s", r.status, r.out, r.errors)
	}
	outcome, err := w.do("k2", idempotency.Result{}, nil)
	if err != nil || !outcome.Replayed || string(outcome.Data) != `{"id":"8"}` {
		t.Errorf("the application replays %q, %v", outcome.Data, err)
	}

	for says, args := range map[string][]string{
		"cannot be sealed or opened": {"--kms-key", "alias/idempotency"}, // in another context
		"say --kms-key":              {"--kms-context", "stage=live"},
		"want name=value":            {"--kms-context", "stage"},
	} {
		r := command(append([]string{"show", id}, args...)...)
		if r.status == 0 {
			t.Errorf("%v: it prints\n%s", args, r.out)
		}
		wantIn(t, r.errors, says)
	}
}
