-- Idempotency records. Names and words are those of the DynamoDB record, and so
-- of Powertools for AWS Lambda. What exists already is left as it is.
CREATE TABLE IF NOT EXISTS idempotency_records (
    id                     text COLLATE "C" PRIMARY KEY,
    status                 text   NOT NULL CHECK (status IN ('INPROGRESS', 'COMPLETED')),
    owner                  text   NOT NULL, -- the fencing token
    validation             text   NOT NULL, -- the fingerprint
    expiration             bigint NOT NULL, -- the end of the window, seconds since 1970
    in_progress_expiration bigint,          -- the end of the lease, milliseconds since 1970
    claimed                bigint,          -- the time of the claim, milliseconds since 1970
    data                   bytea,           -- the recorded result; null if there is none
    data_encoding          text             -- zstd or, of old, gzip; null for none
) WITH (
    fillfactor = 70,                        -- room beside a claim for its completion
    autovacuum_vacuum_scale_factor = 0.02
);

-- Results are compressed before they come here.
ALTER TABLE idempotency_records ALTER COLUMN data SET STORAGE EXTERNAL;

-- The steps of an unfinished operation: an element of each array is of one step.
-- Without steps they are null.
ALTER TABLE idempotency_records ADD COLUMN IF NOT EXISTS step_names     text[];
ALTER TABLE idempotency_records ADD COLUMN IF NOT EXISTS step_data      bytea[];
ALTER TABLE idempotency_records ADD COLUMN IF NOT EXISTS step_encodings text[];
ALTER TABLE idempotency_records ALTER COLUMN step_data SET STORAGE EXTERNAL;

-- The sweep finds by it what has expired.
CREATE INDEX IF NOT EXISTS idempotency_records_expiration_idx ON idempotency_records (expiration);
