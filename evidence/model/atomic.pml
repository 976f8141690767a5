/*
 * Atomic mode: CALLS calls of Guard.Do that order the last article. All but the
 * last call have one key; the last has another and competes for the article.
 * README.md says what is modelled and how names map to the Go code; check.sh
 * runs every configuration and every mutant.
 *
 * Chosen on spin's command line:
 *
 *   -DTOKEN_FORGOTTEN   DynamoDB does not know a repeated transaction any more
 *   -D<mutant>          breaks one guarded condition
 */

#ifndef CALLS
#define CALLS 3
#endif
#ifndef LATE
#define LATE 1		/* how many transactions the network delivers late */
#endif
#ifndef WINDOWS
#define WINDOWS 1	/* how many windows pass */
#endif
#define PLANS 3		/* maxPlans in atomic.go */
#define NOBODY 0

#define KEYS 2
#define keyOf(i) (i == CALLS -> 2 : 1)

/* A transaction's token names a call and which of its plans it is. */
#define tokenOf(i, plan) (4 * i + plan)
#ifdef FENCING_TOKEN_PER_CALL
#define fence(token) (4 * by(token))
#else
#define fence(token) (token)
#endif
#define by(token) (token / 4)

/* --- the tables --------------------------------------------------------------- */

mtype = { Nothing, Placed, OutOfStock };

typedef Record {
	byte  owner;			/* fencing token; NOBODY: there is no record */
	mtype says			/* the response: the order, or that there is no article */
}

Record record[KEYS + 1];
byte stock = 1;
byte orders[KEYS + 1];			/* in this window; 2 for more */

/* --- the truth, which no call can see --------------------------------------------- */

bit  past[KEYS + 1];			/* the record's window has passed */
bit  known[4 * CALLS + 4];		/* the transaction of this token is known to have been written */
bit  behind[CALLS + 1];			/* the window of the call's record has passed */
byte windows, late;
bit  restocked;

mtype = { New, Planning, Committing, Recording, Ended };

mtype at[CALLS + 1] = New;
bit   asks[CALLS + 1];			/* the fingerprint of its request */

byte  lateOwner;			/* a transaction that is still under way */
mtype lateSays;

#ifdef EXPIRY_IGNORED
#define isFree(k) (record[k].owner == NOBODY)
#else
#define isFree(k) (record[k].owner == NOBODY || past[k])
#endif

#define isKnown(t) (known[t])

#ifdef RECORD_UNCONDITIONAL
#define mayRecord(k) (true)
#else
#define mayRecord(k) (isFree(k))
#endif

/* --- one TransactWriteItems, atomic: transaction.go ----------------------------------- */

mtype = { Written, Met, Refused };

inline placeOrder(k) {
	stock--;
	orders[k] = (orders[k] == 0 -> 1 : 2)
}

inline putRecord(t, k, what) {
	record[k].owner = fence(t); record[k].says = what; past[k] = false
}

inline transact(t, k, what) {
	if
	:: isKnown(t) -> result = Written
	:: else ->
		if
		:: !mayRecord(k) -> result = Met
		:: mayRecord(k) && what == Placed && stock == 0 -> result = Refused
		:: else ->
			orders[k] = (past[k] -> 0 : orders[k]);	/* a new window */
			if
			:: what == Placed -> placeOrder(k)
			:: else
			fi;
#ifndef EFFECTS_BESIDE_RECORD
			putRecord(t, k, what);
#ifndef TOKEN_FORGOTTEN
			known[t] = true;
#endif
#endif
			result = Written
		fi
	fi
}

/* --- a call: atomic.go ----------------------------------------------------------------- */

inline goTo(place) {
	at[me] = place; repeated = false
}

inline finish() {
	goTo(Ended); plans = 0; token = NOBODY; plan = Nothing
}

#ifdef REPLAY_BEFORE_FINGERPRINT
#define mismatch(k) (false)
#else
#define mismatch(k) (asks[by(record[k].owner)] != asks[me])
#endif

inline replay(k) {
	assert(!past[k]);				/* G7: a record past its window is not replayed */
	assert(asks[by(record[k].owner)] == asks[me]);	/* a response is replayed to the same request only */
	assert(record[k].owner != fence(token))			/* an own record is not another's */
}

inline answer(k) {
	assert(past[k] || behind[me] || by(record[k].owner) == me && record[k].says == plan);	/* G1: the response is the one on record */
	finish()
}

proctype call(byte me) {
	mtype plan = Nothing, result = 0;
	byte plans, token;
	bit repeated;

	do
	/* Calls of one key are alike, so that they begin in order is no loss. */
	:: d_step { at[me] == New && (me == 1 || me == CALLS || at[me - 1] != New) -> plan = Placed; goTo(Planning) }
	:: d_step { at[me] == New && me > 1 && me < CALLS && at[me - 1] != New -> asks[me] = 1; plan = Placed; goTo(Planning) }

	/* Plan: the handler runs, and has no effect of its own. */
	:: d_step { at[me] == Planning && plans < PLANS -> plans++; token = tokenOf(me, plans); goTo(Committing) }
	:: d_step { at[me] == Planning -> finish() }		/* an error, a discarded result, or one plan too many */

	/* Commit */
	:: d_step { at[me] == Committing ->
		transact(token, keyOf(me), plan);
		if
		:: result == Refused ->
			plan = OutOfStock;
#ifdef REFUSAL_NOT_RECORDED
			answer(keyOf(me))
#else
			goTo(Planning)
#endif
		:: result == Met ->
			if
			:: mismatch(keyOf(me)) -> finish()
#ifndef NO_OWN_RECORD_CHECK
			:: !mismatch(keyOf(me)) && record[keyOf(me)].owner == fence(token) -> answer(keyOf(me))
#endif
			:: else -> replay(keyOf(me)); finish()
			fi
		:: result == Written ->
#ifdef EFFECTS_BESIDE_RECORD
			goTo(Recording)
#else
			answer(keyOf(me))
#endif
		fi;
		result = 0 }
	/* The reply is lost: the SDK repeats the transaction. */
	:: d_step { at[me] == Committing && !repeated -> transact(token, keyOf(me), plan); repeated = true; result = 0 }
	/* The request is late: so it does. */
	:: d_step { at[me] == Committing && !repeated && late < LATE && lateOwner == NOBODY ->
		late++; lateOwner = token; lateSays = plan; repeated = true }

	:: d_step { at[me] == Recording -> putRecord(token, keyOf(me), plan); answer(keyOf(me)) }	/* mutant */

	/* The process dies, the store does not answer, or conflicts do not end. */
	:: d_step { at[me] != New && at[me] != Ended -> finish() }

	:: at[me] == Ended -> break
	od
}

/* --- what else happens -------------------------------------------------------------------- */

proctype world() {
	byte k;
	mtype result = 0;
end:
	do
	:: d_step { windows < WINDOWS && record[1].owner != NOBODY && !past[1] -> windows++; past[1] = true; behind[by(record[1].owner)] = true }
	:: d_step { past[1] && record[1].owner != NOBODY ->		/* the sweep */
		record[1].owner = NOBODY; record[1].says = Nothing; orders[1] = 0; past[1] = false }
	:: d_step { !restocked && stock == 0 -> restocked = true; stock++ }
	:: d_step { lateOwner != NOBODY ->
		transact(lateOwner, keyOf(by(lateOwner)), lateSays);
		lateOwner = NOBODY; lateSays = 0; result = 0 }
	od
}

/* Effects happen if, and only if, the record says so (G4), at every moment. */
#define agrees(k) (past[k] || (orders[k] == 1 && record[k].says == Placed) || (orders[k] == 0 && record[k].says != Placed))

ltl effectIffRecord { [] (agrees(1) && agrees(2)) }

init {
	atomic {
		record[1].says = Nothing;
		record[2].says = Nothing;
		run world();
		run call(1);
#if CALLS > 1
		run call(2);
#endif
#if CALLS > 2
		run call(3);
#endif
#if CALLS > 3
		run call(4)
#endif
	}
}
