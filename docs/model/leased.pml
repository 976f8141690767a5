/*
 * Leased mode: claim, execute, complete, as CALLS calls of Guard.Do with one
 * idempotency key against one record. README.md says what is modelled and how
 * the names below map to the Go code; check.sh runs every configuration and
 * every mutant.
 *
 * Chosen on the command line of spin:
 *
 *   -DREEXECUTE | -DREFUSE | -DRECONCILE   the recovery policy
 *   -DCLOCKS_LIE                           clocks differ by more than the allowance
 *   -DCALLS=n                              how many calls there are
 *   -D<mutant>                             breaks one guarded condition
 */

#ifndef CALLS
#define CALLS 3
#endif
#ifndef CLAIMS
#define CLAIMS 2	/* claims of one call; maxClaims in claim.go */
#endif
#ifndef DELAYED
#define DELAYED 1	/* requests that the network delivers late */
#endif
#ifndef WINDOWS
#define WINDOWS 1	/* windows that pass */
#endif

#define NOBODY 0
#define OVER   0	/* a lease that is over for everybody: see fail in execute.go */

mtype = { Absent, InProgress, Completed };
mtype = { Claim, Renew, Interrupt, Complete, Release };	/* requests to the store */
mtype = { Done, Met, Refused, Failed };			/* what becomes of them */

/* --- the store: one record ------------------------------------------------ */

mtype status = Absent;
byte  owner;			/* fencing token: the number of the call */
byte  lease;			/* number of the owner's lease, in the order made */

/* --- what each call believes ---------------------------------------------- */

bit  asks[CALLS + 1];		/* the request's fingerprint */
bit  runs[CALLS + 1];		/* its claim was granted and its execution has not ended */
bit  time[CALLS + 1];		/* its lease is running, by its own clock */
byte holds[CALLS + 1];		/* number of the last lease it knows it has */

/* --- the truth, which no call can see ------------------------------------- */

bit  past[CALLS + 1];		/* the window of a record of this call has passed */
bit  wrote[CALLS + 1];		/* it has been the owner in the store */
bit  made[CALLS + 1];		/* it has had its effect */
byte effects;			/* in this window, 2 for more */
byte answer;			/* whose response is on record in this window */
bit  interrupted;		/* after an effect, its call got no further or failed */
bit  outlived;			/* an execution had its effect after its lease */

byte started, ended;
byte delayed, windows;

/* A request that the network still holds. */
mtype lateKind = 0;
byte  lateOwner, lateLease, lateSeenOwner, lateSeenLease;

/* --- time ----------------------------------------------------------------- */

/*
 * Has lease l of call o ended, for whoever looks? A call's own clock ends its
 * execution's context first: that is what the allowance for skew is for. What
 * is true here may be seen or not.
 */
#if defined(CLOCKS_LIE) || defined(NO_SKEW_ALLOWANCE)
#define leaseOver(o, l) (true)
#else
#define leaseOver(o, l) (l == OVER || !time[o] || l < holds[o])
#endif

inline leaseEnds(o) {
	time[o] = false;
	interrupted = interrupted || (made[o] && answer == NOBODY && !past[o])
}

/* --- steps of the store, each atomic: dynamostore.go ------------------------ */

/*
 * An own lease that others take for running is asserted to be the only one (G2),
 * and a completed record to be final within its window (G1), at every write.
 */
inline write(newStatus, newOwner, newLease) {
	assert(status != Completed || past[owner]);
	status = newStatus;
	owner = newOwner;
	lease = newLease
}

#ifdef WINDOW_WITHOUT_EXPIRY	/* a record past its window still counts */
#define isFree (status == Absent)
#else
#define isFree (status == Absent || past[owner])
#endif

#ifdef TAKEOVER_WITHOUT_CAS
#define isObserved(seenOwner, seenLease) (seenOwner != NOBODY)
#elif defined(TAKEOVER_IGNORES_OWNER)
#define isObserved(seenOwner, seenLease) (seenOwner != NOBODY && status == InProgress && lease == seenLease)
#elif defined(TAKEOVER_IGNORES_LEASE)
#define isObserved(seenOwner, seenLease) (status == InProgress && owner == seenOwner)
#elif defined(TAKEOVER_IGNORES_STATUS)
#define isObserved(seenOwner, seenLease) (seenOwner != NOBODY && owner == seenOwner && lease == seenLease)
#else
#define isObserved(seenOwner, seenLease) (status == InProgress && owner == seenOwner && lease == seenLease)
#endif

inline storeClaim(o, l, seenOwner, seenLease) {
	if
#ifdef CLAIM_UNCONDITIONAL
	:: true ->
#else
	:: isFree || isObserved(seenOwner, seenLease) ->
#endif
		write(InProgress, o, l);
		wrote[o] = true;
		past[o] = false;
		result = Done
	:: else ->
		if
#ifndef NO_OWN_CLAIM_CHECK
		:: status == InProgress && owner == o -> result = Done
#endif
		:: else -> assert(!past[owner]); result = Met	/* G7 */
		fi
	fi
}

#ifdef RENEW_WITHOUT_OWNER
#define mayRenew(o) (status == InProgress)
#elif defined(RENEW_COMPLETED)
#define mayRenew(o) (status != Absent && owner == o)
#else
#define mayRenew(o) (status == InProgress && owner == o)
#endif

inline storeRenew(o, l) {
	if
	:: mayRenew(o) -> write(InProgress, o, l); result = Done
	:: else -> result = Refused
	fi
}

#ifdef NO_FENCING
#define mayComplete(o) (true)
#elif defined(COMPLETE_ONLY_OWN)
#define mayComplete(o) (status == InProgress && owner == o)
#else
#define mayComplete(o) (status == Absent || status == InProgress && owner == o)
#endif

inline storeComplete(o) {
	if
	:: mayComplete(o) ->
		write(Completed, o, OVER);
		wrote[o] = true;
		if
		:: past[o]
		:: else ->
			assert(answer == NOBODY);	/* G1 */
			answer = o
		fi;
		result = Done
	:: else ->
		if
#ifndef NO_OWN_COMPLETION_CHECK
		:: status == Completed && owner == o -> result = Done
#endif
		:: else -> result = Met
		fi
	fi
}

#ifdef RELEASE_WITHOUT_OWNER
#define mayRelease(o) (status == InProgress)
#else
#define mayRelease(o) (status == InProgress && owner == o)
#endif

inline storeRelease(o) {
	if
	:: mayRelease(o) -> write(Absent, NOBODY, OVER)
	:: else
	fi;
	result = Done
}

inline atStore(kind, o, l, seenOwner, seenLease) {
	if
	:: kind == Claim -> storeClaim(o, l, seenOwner, seenLease)
	:: kind == Renew || kind == Interrupt -> storeRenew(o, l)
	:: kind == Complete -> storeComplete(o)
	:: kind == Release -> storeRelease(o)
	fi
}

/*
 * One call of a Store method by the SDK, which repeats a request whose reply is
 * lost or late. At any point the process may die.
 */
inline request(kind, l) {
	repeated = false;
	do
	:: d_step { atStore(kind, me, l, toOwner, toLease); see() } break
	:: !repeated -> d_step { atStore(kind, me, l, toOwner, toLease); repeated = true }	/* reply lost */
	:: delayed < DELAYED && !repeated && lateKind == 0 ->					/* request late */
		d_step {
			delayed++; lateKind = kind; lateOwner = me; lateLease = l;
			lateSeenOwner = toOwner; lateSeenLease = toLease; repeated = true
		}
	:: result = Failed; break
	:: goto crash
	od
}

/* What the reply shows of the record in the way. */
inline see() {
	if
	:: result == Met -> seenStatus = status; seenOwner = owner; seenLease = lease
	:: else -> seenStatus = Absent; seenOwner = NOBODY; seenLease = OVER
	fi
}

/* --- a call: guard.go, claim.go, execute.go --------------------------------- */

inline replay(recordOf) {
	assert(asks[recordOf] == asks[me]);	/* never another request's response */
	assert(recordOf == answer || past[recordOf])	/* G1: the one on record */
}

#ifdef REPLAY_BEFORE_FINGERPRINT
#define mismatch (seenStatus == InProgress && asks[seenOwner] != asks[me])
#else
#define mismatch (asks[seenOwner] != asks[me])
#endif

inline haveEffect() {
	d_step {
		if
		:: past[me]	/* counts for a window that has passed */
		:: else ->
			outlived = outlived || !time[me];
			made[me] = true;
#if defined(REFUSE)
			assert(effects == 0);					/* G4: at most once */
#elif !defined(CLOCKS_LIE) && defined(RECONCILE)
			assert(effects == 0 || outlived);			/* G4: exactly once */
#elif !defined(CLOCKS_LIE)
			assert(effects == 0 || outlived || interrupted);	/* G3 */
#endif
			if
			:: effects < 2 -> effects++
			:: else
			fi
		fi
	}
}

inline stop() {
	runs[me] = false;
	leaseEnds(me)
}

proctype call(byte me) {
	mtype result, seenStatus = Absent;
	byte  seenOwner, seenLease;	/* the record that was met */
	byte  toOwner, toLease;		/* the record that is to be taken over */
	byte  number;			/* of the lease */
	byte  claims;
	bit   repeated, renewed, waited, tookOver;

	atomic {
		started == me - 1 -> started++;	/* calls are alike: their order is no loss */
		if
		:: asks[me] = 0
		:: me > 1 -> asks[me] = 1
		fi
	}

	/* recall: by the retry hint, or from the cache */
	if
	:: d_step { status == Completed && !past[owner] && asks[owner] == asks[me] -> replay(owner) }
		goto end
	:: skip
	fi;

claim:
	atomic {
		claims++;
		number++;
		holds[me] = number;
		time[me] = true
	}
	request(Claim, number);
	if
	:: result == Done ->
		d_step { tookOver = (toOwner != NOBODY); toOwner = NOBODY; toLease = OVER }
		goto execute
	:: result == Failed -> goto abandon
	:: else -> d_step { time[me] = false; toOwner = NOBODY; toLease = OVER }
	fi;

decide:
	assert(!(seenStatus == InProgress && seenOwner == me));	/* never locked out by oneself */
	if
	:: mismatch -> goto end					/* 422 */
	:: else ->
		if
		:: seenStatus == Completed ->
			d_step { replay(seenOwner) }
			goto end
		:: seenStatus == InProgress -> goto end		/* 409 */
		:: seenStatus == InProgress && !waited && claims < CLAIMS ->
			/* wait: what a load shows, some time later */
			waited = true;
			if
			:: atomic { isFree -> goto claim }
			:: d_step { !isFree -> result = Met; see() } goto decide
			fi
#if !defined(REFUSE) && !defined(NO_TAKEOVER)
		:: atomic { seenStatus == InProgress && leaseOver(seenOwner, seenLease) && claims < CLAIMS ->
			toOwner = seenOwner; toLease = seenLease; goto claim }
#endif
		fi
	fi;

abandon:
	atomic { time[me] = false }
	request(Release, OVER);
	goto end;

execute:
	atomic {
		runs[me] = true;
#ifndef CLOCKS_LIE
		number = 1;
		do	/* G2: a lease that runs is the only one */
		:: number <= CALLS -> assert(number == me || !runs[number] || !time[number] || !time[me]); number++
		:: else -> break
		od;
#endif
		number = holds[me]
	}
#ifdef RECONCILE
#ifndef NO_RECONCILIATION
	if
	:: !tookOver
	:: else ->
		if
		:: effects > 0 && !past[me] -> goto complete	/* found */
		:: effects == 0 || past[me]			/* found that there was none */
		:: goto fail					/* could not be found out */
		:: goto crash
		fi
	fi;
#endif
#endif

execution:
	if
	:: !renewed && time[me] ->	/* the heartbeat */
		renewed = true;
		request(Renew, number + 1);
		if
		:: result == Done -> d_step { number++; holds[me] = number }
		:: result == Refused -> d_step { leaseEnds(me) }
		:: else
		fi;
		goto execution
	:: haveEffect();
		if
		:: goto complete
		:: goto fail		/* by an error or a panic, after the effect */
		:: goto crash
		fi
	:: goto fail			/* before it */
	:: goto release			/* nothing to be kept */
	:: goto crash
	fi;

complete:
	request(Complete, OVER);
	d_step {
		if
		:: result == Done -> assert(answer == me || past[me])
		:: result == Failed		/* the effect is acknowledged, and not remembered */
		:: result == Met ->
			assert(seenStatus != Absent);	/* an effect is never refused its record */
			assert(seenOwner != me);	/* nor takes its own for another's */
			if
			:: seenStatus == Completed && !mismatch && !past[seenOwner] -> replay(seenOwner)
			:: else
			fi
		fi;
		stop()
	}
	goto end;

fail:
#if !defined(REEXECUTE) && !defined(FAILURE_RELEASES)
	atomic { stop() }
	request(Interrupt, OVER);
	goto end;
#endif

release:
	atomic { stop() }
	request(Release, OVER);
	goto end;

crash:
	atomic { stop() }

end:
	atomic { time[me] = false; ended++ }
}

/* --- everything else that happens ------------------------------------------- */

#ifdef WINDOW_ENDS_IN_LEASE
#define windowMayEnd (status != Absent)
#else
#define windowMayEnd (status == Completed || status == InProgress && !(runs[owner] && time[owner]))
#endif

proctype world() {
	byte i;
	mtype result;
end:
	do
	/* A lease ends while its owner, or the call that is about to be, goes on. */
	:: d_step { time[1] -> leaseEnds(1) }
#if CALLS > 1
	:: d_step { time[2] -> leaseEnds(2) }
#endif
#if CALLS > 2
	:: d_step { time[3] -> leaseEnds(3) }
#endif
#if CALLS > 3
	:: d_step { time[4] -> leaseEnds(4) }
#endif
	/* The window passes, and with it those of earlier records of the key. */
	:: d_step { windows < WINDOWS && windowMayEnd && !past[owner] ->
		windows++;
		i = 1;
		do
		:: i <= CALLS ->
			past[i] = past[i] || (wrote[i] && (i == owner || !(runs[i] && time[i])));
			i++
		:: else -> break
		od;
		effects = 0; answer = NOBODY; interrupted = false; outlived = false; i = 0
	}
	/* DynamoDB sweeps it. */
	:: d_step { status != Absent && past[owner] -> write(Absent, NOBODY, OVER) }
	/* The late request arrives, or never does. */
	:: d_step { lateKind != 0 ->
		atStore(lateKind, lateOwner, lateLease, lateSeenOwner, lateSeenLease);
		lateKind = 0; lateOwner = 0; lateLease = 0; lateSeenOwner = 0; lateSeenLease = 0; result = 0 }
	:: d_step { lateKind != 0 ->
		lateKind = 0; lateOwner = 0; lateLease = 0; lateSeenOwner = 0; lateSeenLease = 0 }
	od
}

/*
 * Whatever has happened, somebody who asks for the same once all is quiet gets
 * a response or, under Refuse, is told that the outcome is unknown.
 */
active proctype lastCall() {
	atomic {
		ended == CALLS && lateKind == 0 ->
		if
		:: isFree				/* executes */
		:: !isFree && status == Completed ->
			assert(owner == answer)		/* is answered */
		:: !isFree && status == InProgress ->
#if defined(NO_TAKEOVER)
			assert(false)
#elif !defined(REFUSE)
			assert(leaseOver(owner, lease) && isObserved(owner, lease))	/* takes over */
#else
			skip				/* outcome unknown */
#endif
		fi
	}
}

init {
	byte i;
	atomic {
		run world();
		i = 1;
		do
		:: i <= CALLS -> run call(i); i++
		:: else -> break
		od;
		i = 0
	}
}
