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
	// Reads are what a repetition of the transaction consumes.
	Reads []tokenRead
}

// tokenRead are the read units that a repetition consumes of a table for one of
// the transaction's items.
type tokenRead struct {
	Table string
	Units float64
}

// replayUnits returns what it consumes to repeat the transaction: to read the
// item that the write left, or else the one that it found.
func (o *outcome) replayUnits() tokenRead {
	size := o.oldSize
	if o.item != nil {
		size = o.item.Size()
	}
	return tokenRead{Table: o.write.table.name(), Units: transactionFactor * readUnits(size, true)}
}

func (in transactWriteItemsInput) token() string {
	if in.ClientRequestToken == nil {
		return ""
	}
	return *in.ClientRequestToken
}

// fingerprint identifies what the transaction does: requests with the same token
// must agree in it. It is "" for a request without a token.
func (in transactWriteItemsInput) fingerprint() (string, error) {
	if in.ClientRequestToken == nil {
		return "", nil
	}
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
