package dynamolocal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

const (
	maxTokenLength = 36
	// tokenWindow is how long a request token is remembered.
	tokenWindow = 10 * time.Minute
)

// token is a request token that is remembered.
type token struct {
	Token       string
	Fingerprint string
	Expires     time.Time
}

func (in transactWriteItemsInput) token() string {
	if in.ClientRequestToken == nil {
		return ""
	}
	return *in.ClientRequestToken
}

// fingerprint identifies what the transaction does: requests with the same token
// must agree in it.
func (in transactWriteItemsInput) fingerprint() (string, error) {
	canonical, err := json.Marshal(in.TransactItems)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), nil
}

// forgetTokens drops the tokens whose time has passed. The caller holds the
// lock.
func (e *Engine) forgetTokens(now time.Time) error {
	var expired []string
	for name, remembered := range e.tokens {
		if !now.Before(remembered.Expires) {
			expired = append(expired, name)
		}
	}
	if expired == nil {
		return nil
	}
	if e.file != nil {
		if err := e.file.append(entry{Forget: expired}); err != nil {
			return err
		}
	}
	for _, name := range expired {
		delete(e.tokens, name)
	}
	return nil
}
