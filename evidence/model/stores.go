package model

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// TestStore makes each step that the model can make of a store: it brings the record
// into the state that the step meets, makes the request, and wants the store to do
// what the model does. The store is empty.
func TestStore(t *testing.T, store idempotency.Store) {
	t.Helper()
	for i, step := range Transitions() {
		var took []string
		watched := Watch(store, func(step string) { took = append(took, step) })
		if err := take(t, watched, fmt.Sprintf("payments.create#%d", i), step); err != nil {
			t.Errorf("%s: %v", step, err)
			continue
		}
		if got := took[len(took)-1]; got != step {
			t.Errorf("the store:\n  %s\nthe model:\n  %s", got, step)
		}
	}
}

// take brings the key's record into the state that the step meets, and takes it.
func take(t *testing.T, store idempotency.Store, id, step string) error {
	ctx := t.Context()
	now := time.Now().Truncate(time.Second)
	request, rest, _ := strings.Cut(step, ": ")
	met, _, _ := strings.Cut(rest, " -> ")

	ours := idempotency.Record{
		ID: id, Status: idempotency.InProgress, Owner: "ours", Fingerprint: "same",
		LeaseUntil: now.Add(time.Minute), Expires: now.Add(time.Hour),
	}
	there := ours
	switch {
	case strings.Contains(met, "of another"):
		there.Owner = "another's"
	case strings.Contains(met, "earlier lease"):
		there.LeaseUntil = ours.LeaseUntil.Add(-time.Second)
	case strings.Contains(met, "later lease") && request != "interrupt":
		there.LeaseUntil = ours.LeaseUntil.Add(time.Second)
	}
	if met != "nothing" {
		if existing, err := store.Claim(ctx, idempotency.Claim{Record: there, Now: now}); err != nil || existing != nil {
			return fmt.Errorf("prepare: %v, %v", existing, err)
		}
	}
	if strings.HasPrefix(met, "completed") {
		completed := there
		completed.Status, completed.Data = idempotency.Completed, []byte("response")
		if winner, err := store.Complete(ctx, completed); err != nil || winner != nil {
			return fmt.Errorf("prepare: %v, %v", winner, err)
		}
	}

	switch request {
	case "claim":
		claim := idempotency.Claim{Record: ours, Now: now}
		if strings.Contains(met, "past its window") {
			claim.Now = there.Expires
			if !strings.Contains(met, "same lease") {
				claim.Record.Expires = there.Expires.Add(time.Hour)
			}
		}
		if strings.Contains(met, "as observed") {
			claim.TakeOver = &there
		}
		_, err := store.Claim(ctx, claim)
		return err
	case "interrupt":
		ours.LeaseUntil = time.Time{}
		if strings.Contains(met, "same lease") {
			if _, err := store.Renew(ctx, ours); err != nil {
				return err
			}
		}
		_, err := store.Renew(ctx, ours)
		return err
	case "renew":
		_, err := store.Renew(ctx, ours)
		return err
	case "complete":
		ours.Status, ours.Data = idempotency.Completed, []byte("ours")
		_, err := store.Complete(ctx, ours)
		return err
	case "release":
		return store.Release(ctx, id, ours.Owner)
	}
	return fmt.Errorf("no request %q", request)
}
