package main

// pgstoreMutants are those of the PostgreSQL store. Most of its conditions are in
// SQL.
var pgstoreMutants = postgres(
	mutant{
		name: "pgstore: claim of an expired record refused",
		file: "pgstore/record.go",
		at:   "free-key",
		old:  "WHERE r.expiration <= $6",
		new:  "WHERE r.expiration < 0 AND $6 > 0",
		why:  "a key past its window is never free again",
	},
	mutant{
		name: "pgstore: claim of a record that has not expired",
		file: "pgstore/record.go",
		at:   "free-key",
		old:  "WHERE r.expiration <= $6",
		new:  "WHERE r.expiration >= $6",
		why:  "a record in its window is replaced",
	},
	mutant{
		name: "pgstore: takeover of any owner",
		file: "pgstore/record.go",
		at:   "takeover",
		old:  "(r.owner = $7 AND",
		new:  "(r.owner <> $7 AND",
		why:  "a newer owner is taken over",
	},
	mutant{
		name: "pgstore: takeover of a renewed lease",
		file: "pgstore/record.go",
		at:   "takeover",
		old:  "r.in_progress_expiration = $8 OR",
		new:  "r.in_progress_expiration >= $8 OR",
		why:  "a running owner is taken over",
	},
	mutant{
		name: "pgstore: own claim not recognised",
		file: "pgstore/record.go",
		at:   "own-claim",
		old:  " OR r.owner = $2 AND r.in_progress_expiration = $4)",
		new:  ")",
		why:  "a lost reply locks its own caller out",
	},
	mutant{
		name: "pgstore: data for a request of another fingerprint",
		file: "pgstore/record.go",
		old:  "CASE WHEN validation = $2 AND",
		new:  "CASE WHEN $2 <> '' AND",
		why:  "what is recorded for another request leaves the server",
	},
	mutant{
		name: "pgstore: renewal that shortens a lease",
		file: "pgstore/record.go",
		at:   "renewal-forward",
		old:  "greatest(in_progress_expiration, $3)",
		new:  "$3",
		why:  "a late copy of a renewal ends the lease of a running owner",
	},
	mutant{
		name: "pgstore: renewal by anybody",
		file: "pgstore/record.go",
		at:   "ownership",
		old:  "greatest(in_progress_expiration, $3) END WHERE id = $1 AND status = 'INPROGRESS' AND owner = $2",
		new:  "greatest(in_progress_expiration, $3) END WHERE id = $1 AND status = 'INPROGRESS' AND $2 <> ''",
		why:  "a zombie believes in its lease",
	},
	mutant{
		name: "pgstore: completion by anybody",
		file: "pgstore/record.go",
		at:   "fencing",
		old:  "WHERE r.status = 'INPROGRESS' AND r.owner = $2",
		new:  "WHERE r.status = 'INPROGRESS'",
		why:  "a zombie overwrites its heir",
	},
	mutant{
		name: "pgstore: completion of a completed record",
		file: "pgstore/record.go",
		at:   "fencing",
		old:  "WHERE r.status = 'INPROGRESS' AND r.owner = $2",
		new:  "WHERE r.owner = $2",
		why:  "a repeated completion changes the response",
	},
	mutant{
		name: "pgstore: release by anybody",
		file: "pgstore/record.go",
		at:   "ownership",
		old:  "DELETE FROM {table} WHERE id = $1 AND status = 'INPROGRESS' AND owner = $2",
		new:  "DELETE FROM {table} WHERE id = $1 AND status = 'INPROGRESS' AND $2 <> ''",
		why:  "a zombie frees the key of its heir",
	},
	mutant{
		name: "pgstore: release of a completed record",
		file: "pgstore/record.go",
		at:   "ownership",
		old:  "DELETE FROM {table} WHERE id = $1 AND status = 'INPROGRESS' AND owner = $2",
		new:  "DELETE FROM {table} WHERE id = $1 AND owner = $2",
		why:  "what has happened is forgotten",
	},
	mutant{
		name: "pgstore: own completion not recognised",
		file: "pgstore/pgstore.go",
		at:   "own-completion",
		and:  "existing.Owner == completed.ID",
		why:  "a lost reply looks like a lost lease",
	},
	mutant{
		name: "pgstore: record written over another",
		file: "pgstore/record.go",
		at:   "atomic-free-key",
		old:  "WHERE r.expiration <= $7",
		new:  "WHERE $7 > 0",
		why:  "effects happen beside those of the record",
	},
	mutant{
		name: "pgstore: expired record replayed",
		file: "pgstore/transaction.go",
		old:  "case existing != nil && a.Now.Before(existing.Expires):",
		new:  "case existing != nil:",
		why:  "a record past its window is replayed",
	},
	mutant{
		name: "pgstore: key not locked",
		file: "pgstore/transaction.go",
		old:  "SELECT pg_try_advisory_xact_lock($1)",
		new:  "SELECT $1::bigint IS NOT NULL",
		why:  "two executions of one key run at once",
	},
	mutant{
		name: "pgstore: lost commit not looked up",
		file: "pgstore/transaction.go",
		old:  "return s.settle(ctx, completed, now, err)",
		new:  "return nil, err",
		why:  "what has happened is said to be unknown",
	},
	mutant{
		name: "pgstore: execution may commit",
		file: "pgstore/transaction.go",
		old:  "return guardedTx{e.tx}",
		new:  "return e.tx",
		why:  "effects are committed without their record",
	},
	mutant{
		name: "pgstore: result of a failed transaction",
		file: "pgstore/transaction.go",
		old:  "case status == 'E':",
		new:  "case status == 'X':",
		why:  "nobody learns why nothing is recorded",
	},
	mutant{
		name: "pgstore: sweep of what other clocks still see",
		file: "pgstore/pgstore.go",
		old:  "time.Now().Add(-keepAfterWindow)",
		new:  "time.Now()",
		why:  "a record is gone in its window",
	},
	mutant{
		name: "pgstore: a takeover drops the steps",
		file: "pgstore/record.go",
		old:  "CASE WHEN r.expiration > $6 THEN r.step_names END",
		new:  "CASE WHEN r.expiration < -$6 THEN r.step_names END",
		why:  "a recorded step runs again",
	},
	mutant{
		name: "pgstore: a key past its window has steps",
		file: "pgstore/record.go",
		old:  "CASE WHEN r.expiration > $6 THEN r.step_names END",
		new:  "CASE WHEN r.expiration > -$6 THEN r.step_names END",
		why:  "a new operation takes an old one's results for its own",
	},
	mutant{
		name: "pgstore: any owner's step",
		file: "pgstore/record.go",
		at:   "step-once",
		old: `THEN array_append(step_encodings, $6::text) ELSE step_encodings END
WHERE id = $1 AND status = 'INPROGRESS' AND owner = $2`,
		new: `THEN array_append(step_encodings, $6::text) ELSE step_encodings END
WHERE id = $1 AND status = 'INPROGRESS' AND (owner <> '' OR owner = $2)`,
		why: "a zombie's step is mixed into its successor's",
	},
	mutant{
		name: "pgstore: a repeated step is added again",
		file: "pgstore/record.go",
		at:   "step-once",
		old:  "coalesce(cardinality(step_names), 0) = $3 THEN array_append(step_names",
		new:  "coalesce(cardinality(step_names), 0) >= $3 THEN array_append(step_names",
		why:  "a step is there twice",
	},
	mutant{
		name: "pgstore: steps stay with the response",
		file: "pgstore/record.go",
		old:  `const noSteps = "step_names = NULL, step_data = NULL`,
		new:  `const noSteps = "step_names = NULL`,
		why:  "the table keeps what nobody may read any more",
	},
)

func postgres(mutants ...mutant) []mutant {
	for i := range mutants {
		mutants[i].packages = []string{"evidence/library/pgstore"}
	}
	return mutants
}
