package pgstore

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// statements are what a store asks. Each is one step of the protocol, or the look
// at the record that follows a write which may have been refused: a statement of
// its own, so that it sees what was in the way.
type statements struct{ check, claim, met, renew, complete, commit, release, load, settle, forget, sweep string }

func newStatements(table string) statements {
	on := func(sql string) string { return strings.ReplaceAll(sql, "{table}", table) }
	return statements{
		// Writes nothing, and is refused unless the role may.
		check: on(`
WITH written AS (
  INSERT INTO {table} (id, status, owner, validation, expiration, in_progress_expiration, claimed, data, data_encoding)
  SELECT '', 'COMPLETED', '', '', 0::bigint, 0::bigint, 0::bigint, ''::bytea, '' WHERE false ON CONFLICT (id) DO NOTHING
), changed AS (UPDATE {table} SET status = status WHERE false)
DELETE FROM {table} WHERE false`),

		// conditions: free-key, takeover, own-claim
		claim: on(`
INSERT INTO {table} AS r (id, status, owner, validation, in_progress_expiration, expiration, claimed)
VALUES ($1, 'INPROGRESS', $2, $3, $4, $5, $9)
ON CONFLICT (id) DO UPDATE
SET status = 'INPROGRESS', owner = $2, validation = $3, in_progress_expiration = $4, expiration = $5, claimed = $9, data = NULL, data_encoding = NULL
WHERE r.expiration <= $6
   OR r.status = 'INPROGRESS' AND (r.owner = $7 AND r.in_progress_expiration = $8 OR r.owner = $2 AND r.in_progress_expiration = $4)`),

		// Who asks for something else, or holds the data already, needs none.
		met: on(`
SELECT status, owner, validation, expiration, in_progress_expiration, claimed,
       CASE WHEN validation = $2 AND owner <> $3 THEN data END, data_encoding
FROM {table} WHERE id = $1`),

		// conditions: renewal-forward, ownership
		renew: on(`
UPDATE {table}
SET expiration = CASE WHEN $5 OR in_progress_expiration <= $3 THEN $4 ELSE expiration END,
    in_progress_expiration = CASE WHEN $5 THEN $3 ELSE greatest(in_progress_expiration, $3) END
WHERE id = $1 AND status = 'INPROGRESS' AND owner = $2`),

		// condition: fencing
		complete: on(`
INSERT INTO {table} AS r (id, status, owner, validation, expiration, data, data_encoding, claimed)
VALUES ($1, 'COMPLETED', $2, $3, $4, $5, $6, $7)
ON CONFLICT (id) DO UPDATE
SET status = 'COMPLETED', validation = $3, in_progress_expiration = NULL, expiration = $4, data = $5, data_encoding = $6
WHERE r.status = 'INPROGRESS' AND r.owner = $2`),

		// condition: atomic-free-key
		commit: on(`
INSERT INTO {table} AS r (id, status, owner, validation, expiration, data, data_encoding, claimed)
VALUES ($1, 'COMPLETED', $2, $3, $4, $5, $6, $8)
ON CONFLICT (id) DO UPDATE
SET status = 'COMPLETED', owner = $2, validation = $3, in_progress_expiration = NULL, expiration = $4, claimed = $8, data = $5, data_encoding = $6
WHERE r.expiration <= $7`),

		// condition: ownership
		release: on(`DELETE FROM {table} WHERE id = $1 AND status = 'INPROGRESS' AND owner = $2`),

		load: on(`
SELECT status, owner, validation, expiration, in_progress_expiration, claimed, data, data_encoding
FROM {table} WHERE id = $1`),

		// Both also hold if an earlier attempt has done it.
		//
		// condition: as-observed
		settle: on(`
UPDATE {table}
SET status = 'COMPLETED', owner = $2, validation = $3, in_progress_expiration = NULL, expiration = $4, data = $5, data_encoding = $6
WHERE id = $1 AND (status = 'INPROGRESS' AND owner = $7 AND in_progress_expiration = $8 OR status = 'COMPLETED' AND owner = $2)`),

		// condition: as-observed
		forget: on(`
WITH observed AS (
  DELETE FROM {table}
  WHERE id = $1 AND owner = $2 AND status = $3 AND (status = 'COMPLETED' OR in_progress_expiration = $4)
  RETURNING id
)
SELECT EXISTS (SELECT FROM observed) OR NOT EXISTS (SELECT FROM {table} WHERE id = $1)`),

		sweep: on(`
DELETE FROM {table} WHERE expiration <= $1 AND id IN (
  SELECT id FROM {table} WHERE expiration <= $1 ORDER BY expiration LIMIT $2 FOR UPDATE SKIP LOCKED)`),
	}
}

// claimed returns the time of a record's claim as it is stored, nil for none.
func claimed(r idempotency.Record) *int64 {
	if r.Claimed.IsZero() {
		return nil
	}
	at := r.Claimed.UnixMilli()
	return &at
}

// pack returns data as it is stored, and its encoding, nil for none.
func (s *Store) pack(data []byte) (stored []byte, encoding *string, err error) {
	if data == nil {
		return nil, nil, nil
	}
	stored, name, err := s.codec.Compress(data)
	if err != nil {
		return nil, nil, err
	}
	if name != "" {
		encoding = &name
	}
	return stored, encoding, nil
}

// scan reads a record, or nil if there is none.
func (s *Store) scan(row pgx.Row, id string) (*idempotency.Record, error) {
	var (
		status, owner, fingerprint string
		expires                    int64
		lease, claimed             *int64
		data                       []byte
		encoding                   *string
	)
	err := row.Scan(&status, &owner, &fingerprint, &expires, &lease, &claimed, &data, &encoding)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r := &idempotency.Record{
		ID:          id,
		Status:      idempotency.Status(status),
		Owner:       owner,
		Fingerprint: idempotency.Fingerprint(fingerprint),
		Expires:     time.Unix(expires, 0),
	}
	if claimed != nil {
		r.Claimed = time.UnixMilli(*claimed)
	}
	switch {
	case r.Status == idempotency.InProgress && lease == nil:
		return nil, fmt.Errorf("pgstore: the record %s is in progress without a lease", id)
	case r.Status == idempotency.InProgress:
		r.LeaseUntil = time.UnixMilli(*lease)
	case data != nil:
		name := ""
		if encoding != nil {
			name = *encoding
		}
		if r.Data, err = s.codec.Decompress(data, name); err != nil {
			return nil, fmt.Errorf("pgstore: the data of the record %s: %w", id, err)
		}
	}
	return r, nil
}
