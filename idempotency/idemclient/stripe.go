package idemclient

import (
	"encoding/json"
	"net/http"
)

// Stripe returns a configuration for the conventions of Stripe's API: a recorded
// response is final, also an error; otherwise Stripe-Should-Retry decides if it is
// there; and an error whose code is idempotency_key_in_use says that the first
// request is still running. Every field may be changed before [New] is called.
// The window is the 24 hours for which Stripe promises to remember a key.
func Stripe() Config {
	return Config{
		KeyedMethods: []string{http.MethodPost},
		ShouldRetry:  stripe,
		Window:       DefaultWindow,
	}
}

func stripe(response *http.Response) Verdict {
	if Replayed(response) {
		return Final
	}
	switch response.Header.Get("Stripe-Should-Retry") {
	case "true":
		if response.StatusCode != http.StatusConflict {
			return Again
		}
	case "false":
		return Final
	}
	if response.StatusCode != http.StatusConflict {
		return ByRules
	}
	var body struct{ Error struct{ Code string } }
	if err := json.NewDecoder(response.Body).Decode(&body); err == nil && body.Error.Code == "idempotency_key_in_use" {
		return InProgress
	}
	return Again // a conflict of other kinds: the client libraries of Stripe repeat it as well
}
