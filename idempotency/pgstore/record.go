package pgstore

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// statements are what a store asks. Each is one step of the protocol, or the look
// at the record that follows a write which was refused.
type statements struct {
	check, claim, met, renew, step, complete, commit, release, load, settle, forget, sweep string
}

// noSteps takes the steps from a record.
const noSteps = "step_names = NULL, step_data = NULL, step_encodings = NULL"

// free is whether a claim may replace the record r.
//
// conditions: free-key, takeover, own-claim
const free = `(r.expiration <= $6
   OR r.status = 'INPROGRESS' AND (r.owner = $7 AND r.in_progress_expiration = $8 OR r.owner = $2 AND r.in_progress_expiration = $4))`

func newStatements(table string) statements {
	on := strings.NewReplacer("{table}", table, "{free}", free, "{no steps}", noSteps).Replace
	return statements{
		// Writes nothing, and is refused unless the role may.
		check: on(`
WITH written AS (
  INSERT INTO {table} (id, status, owner, validation, expiration, in_progress_expiration, claimed, data, data_encoding,
    step_names, step_data, step_encodings)
  SELECT '', 'COMPLETED', '', '', 0::bigint, 0::bigint, 0::bigint, ''::bytea, '', '{}'::text[], '{}'::bytea[], '{}'::text[]
  WHERE false ON CONFLICT (id) DO NOTHING
), changed AS (UPDATE {table} SET status = status WHERE false)
DELETE FROM {table} WHERE false`),

		// A record in the way is read without a lock on it, so that duplicates do not
		// take turns. The claim is made if there is none, and looks again, because
		// another one may have come since the statement began: the result is then empty.
		// Steps stay unless the window of their record has passed.
		//
		// condition: free-key
		claim: on(`
WITH met AS (
  SELECT status, owner, validation, expiration, in_progress_expiration, claimed, CASE WHEN validation = $3 THEN data END AS data, data_encoding
  FROM {table} AS r WHERE id = $1 AND {free} IS NOT TRUE
), claim AS (
  INSERT INTO {table} AS r (id, status, owner, validation, in_progress_expiration, expiration, claimed)
  SELECT $1, 'INPROGRESS', $2, $3, $4, $5, $9::bigint WHERE NOT EXISTS (SELECT FROM met)
  ON CONFLICT (id) DO UPDATE
  SET status = 'INPROGRESS', owner = $2, validation = $3, in_progress_expiration = $4, expiration = $5, claimed = $9, data = NULL, data_encoding = NULL,
      step_names = CASE WHEN r.expiration > $6 THEN r.step_names END,
      step_data = CASE WHEN r.expiration > $6 THEN r.step_data END,
      step_encodings = CASE WHEN r.expiration > $6 THEN r.step_encodings END
  WHERE {free}
  RETURNING step_names, step_data, step_encodings
)
SELECT status, owner, validation, expiration, in_progress_expiration, claimed, data, data_encoding, NULL::text[], NULL::bytea[], NULL::text[] FROM met
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, step_names, step_data, step_encodings FROM claim`),

		// A request for something else needs no data, nor does one that holds it
		// already, and one that is refused no steps.
		met: on(`
SELECT status, owner, validation, expiration, in_progress_expiration, claimed,
       CASE WHEN validation = $2 AND owner <> $3 THEN data END, data_encoding, NULL::text[], NULL::bytea[], NULL::text[]
FROM {table} WHERE id = $1`),

		// conditions: renewal-forward, ownership
		renew: on(`
UPDATE {table}
SET expiration = CASE WHEN $5 OR in_progress_expiration <= $3 THEN $4 ELSE expiration END,
    in_progress_expiration = CASE WHEN $5 THEN $3 ELSE greatest(in_progress_expiration, $3) END
WHERE id = $1 AND status = 'INPROGRESS' AND owner = $2`),

		// A step that an earlier attempt has added is not added again.
		//
		// conditions: step-once, ownership
		step: on(`
UPDATE {table}
SET step_names = CASE WHEN coalesce(cardinality(step_names), 0) = $3 THEN array_append(step_names, $4::text) ELSE step_names END,
    step_data = CASE WHEN coalesce(cardinality(step_names), 0) = $3 THEN array_append(step_data, $5::bytea) ELSE step_data END,
    step_encodings = CASE WHEN coalesce(cardinality(step_names), 0) = $3 THEN array_append(step_encodings, $6::text) ELSE step_encodings END
WHERE id = $1 AND status = 'INPROGRESS' AND owner = $2`),

		// condition: fencing
		complete: on(`
INSERT INTO {table} AS r (id, status, owner, validation, expiration, data, data_encoding, claimed)
VALUES ($1, 'COMPLETED', $2, $3, $4, $5, $6, $7)
ON CONFLICT (id) DO UPDATE
SET status = 'COMPLETED', validation = $3, in_progress_expiration = NULL, expiration = $4, data = $5, data_encoding = $6, {no steps}
WHERE r.status = 'INPROGRESS' AND r.owner = $2`),

		// condition: atomic-free-key
		commit: on(`
INSERT INTO {table} AS r (id, status, owner, validation, expiration, data, data_encoding, claimed)
VALUES ($1, 'COMPLETED', $2, $3, $4, $5, $6, $8)
ON CONFLICT (id) DO UPDATE
SET status = 'COMPLETED', owner = $2, validation = $3, in_progress_expiration = NULL, expiration = $4, claimed = $8, data = $5, data_encoding = $6, {no steps}
WHERE r.expiration <= $7`),

		// condition: ownership
		release: on(`DELETE FROM {table} WHERE id = $1 AND status = 'INPROGRESS' AND owner = $2`),

		load: on(`
SELECT status, owner, validation, expiration, in_progress_expiration, claimed, data, data_encoding, step_names, step_data, step_encodings
FROM {table} WHERE id = $1`),

		// Both also hold if an earlier attempt has done it.
		//
		// condition: as-observed
		settle: on(`
UPDATE {table}
SET status = 'COMPLETED', owner = $2, validation = $3, in_progress_expiration = NULL, expiration = $4, data = $5, data_encoding = $6, {no steps}
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

// row is one of the table, or what a claim that was made returns: then the status is
// null, and the steps are those that it found.
type row struct {
	status, owner, fingerprint *string
	expires, lease, claimed    *int64
	data                       []byte
	encoding                   *string
	steps                      columns
}

// ScanRow implements [pgx.RowScanner].
func (r *row) ScanRow(rows pgx.Rows) error {
	if !slices.ContainsFunc(rows.RawValues(), func(value []byte) bool { return value != nil }) {
		return nil // most claims find nothing
	}
	return rows.Scan(&r.status, &r.owner, &r.fingerprint, &r.expires, &r.lease, &r.claimed, &r.data, &r.encoding,
		&r.steps.names, &r.steps.data, &r.steps.encodings)
}

// scan reads a record, or nil if there is none.
func (s *Store) scan(from pgx.Row, id string) (*idempotency.Record, error) {
	var r row
	switch err := from.Scan(&r); {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return s.record(&r, id)
}

// record returns the record that the row holds.
func (s *Store) record(from *row, id string) (r *idempotency.Record, err error) {
	r = &idempotency.Record{
		ID:          id,
		Status:      idempotency.Status(*from.status),
		Owner:       *from.owner,
		Fingerprint: idempotency.Fingerprint(*from.fingerprint),
		Expires:     time.Unix(*from.expires, 0),
	}
	if from.claimed != nil {
		r.Claimed = time.UnixMilli(*from.claimed)
	}
	switch {
	case r.Status == idempotency.InProgress && from.lease == nil:
		return nil, fmt.Errorf("pgstore: the record %s is in progress without a lease", id)
	case r.Status == idempotency.InProgress:
		r.LeaseUntil = time.UnixMilli(*from.lease)
		if r.Steps, err = s.steps(from.steps); err != nil {
			return nil, fmt.Errorf("pgstore: the record %s: %w", id, err)
		}
	case from.data != nil:
		if r.Data, err = s.unpack(from.data, from.encoding); err != nil {
			return nil, fmt.Errorf("pgstore: the data of the record %s: %w", id, err)
		}
	}
	return r, nil
}

// unpack returns data that is stored in the encoding.
func (s *Store) unpack(data []byte, encoding *string) ([]byte, error) {
	if encoding == nil {
		return s.codec.Decompress(data, "")
	}
	return s.codec.Decompress(data, *encoding)
}

// columns are those of a record's steps.
type columns struct {
	names     []string
	data      [][]byte
	encodings []*string
}

func (s *Store) steps(c columns) ([]idempotency.RecordedStep, error) {
	if len(c.names) == 0 {
		return nil, nil
	}
	if len(c.data) != len(c.names) || len(c.encodings) != len(c.names) {
		return nil, fmt.Errorf("%d steps have %d results and %d encodings", len(c.names), len(c.data), len(c.encodings))
	}
	steps := make([]idempotency.RecordedStep, len(c.names))
	for i, name := range c.names {
		steps[i].Name = name
		if c.data[i] == nil {
			continue
		}
		var err error
		if steps[i].Data, err = s.unpack(c.data[i], c.encodings[i]); err != nil {
			return nil, fmt.Errorf("the data of the step %s: %w", name, err)
		}
	}
	return steps, nil
}
