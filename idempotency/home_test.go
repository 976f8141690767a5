package idempotency_test

import (
	"slices"
	"strconv"
	"testing"
)

// TestHomesAreStable: another home for a known key would be another execution of it.
func TestHomesAreStable(t *testing.T) {
	t.Parallel()
	places := []string{"eu-central-1", "us-east-1", "ap-northeast-1"}
	for token, want := range map[string]string{
		"k1": "eu-central-1", "k2": "us-east-1", "k3": "us-east-1", "k4": "eu-central-1", "k5": "us-east-1",
		"k6": "us-east-1", "k7": "ap-northeast-1", "k8": "eu-central-1", "k9": "ap-northeast-1",
	} {
		key := newKey(t, "alice", "payments.create", token)
		if home := key.Home(places...); home != want {
			t.Errorf("%s: %s, want %s", token, home, want)
		}
	}
	if home := newKey(t, "alice", "payments.create", "k1").Home(); home != "" {
		t.Errorf("%q of no places", home)
	}
}

func TestHomesAreSpreadAndStay(t *testing.T) {
	t.Parallel()
	places := []string{"eu-central-1", "us-east-1", "ap-northeast-1"}
	count := make(map[string]int)
	for i := range 3000 {
		key := newKey(t, "alice", "payments.create", strconv.Itoa(i))
		home := key.Home(places...)
		count[home]++
		backwards := slices.Clone(places)
		slices.Reverse(backwards)
		if other := key.Home(backwards...); other != home {
			t.Fatalf("%s or, in another order, %s", home, other)
		}
		if more := key.Home(append(backwards, "sa-east-1")...); more != home && more != "sa-east-1" {
			t.Fatalf("a place that came moved a key from %s to %s", home, more)
		}
		if less := key.Home(places[:2]...); home != places[2] && less != home {
			t.Fatalf("a place that went moved a key from %s to %s", home, less)
		}
	}
	for _, place := range places {
		if n := count[place]; n < 900 || n > 1100 {
			t.Errorf("%s has %d of 3000 keys", place, n)
		}
	}
}
