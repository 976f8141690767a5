/*
 * Leased mode: CALLS calls of Guard.Do with one key, and the record they share.
 * README.md says what is modelled and how names map to the Go code; check.sh
 * runs every configuration and every mutant.
 *
 * Chosen on spin's command line:
 *
 *   -DREEXECUTE | -DREFUSE | -DRECONCILE   the recovery policy
 *   -DCLOCKS_LIE                           clocks differ by more than the allowance
 *   -D<mutant>                             breaks one guarded condition
 *   -DTRANSITIONS                          prints each step of the store; transitions.sh
 */

#ifndef CALLS
#define CALLS 3
#endif
#ifndef CLAIMS
#define CLAIMS 2	/* how often one call claims; maxClaims in claim.go */
#endif
#ifndef LATE
#define LATE 1		/* how many requests the network delivers late */
#endif
#ifndef WINDOWS
#define WINDOWS 1	/* how many windows pass */
#endif

/* --- the store: one record -------------------------------------------------- */

mtype = { Absent, InProgress, Completed };

#define NOBODY 0
#define OVER   0	/* a lease that is over for everybody: interrupt in execute.go */

mtype status = Absent;
byte  owner = NOBODY;		/* fencing token; here the number of the call */
byte  lease = OVER;		/* which of its leases */

/* --- the calls ---------------------------------------------------------------- */

mtype = { New, Claiming, Waiting, Reconciling, Running, Renewing, HasRun,
	Completing, Interrupting, Releasing, Ended };

mtype at[CALLS + 1] = New;
bit   asks[CALLS + 1];		/* the fingerprint of its request */
bit   time[CALLS + 1];		/* its latest lease is running, by its own clock */
byte  leases[CALLS + 1];	/* the latest lease that it knows to have */

#define executes(i) (at[i] == Reconciling || at[i] == Running || at[i] == Renewing || at[i] == HasRun)

/* --- the truth, which no call can see ------------------------------------------- */

bit  did[CALLS + 1];		/* it has had its effect, or found that it has happened */
bit  past[CALLS + 1];		/* the window of its record has passed */
byte effects;			/* in this window; 2 for more */
byte answer;			/* the call whose response is on record in this window */
bit  interrupted;		/* a call got no further, or failed, after its effect */
bit  outlived;			/* a call had its effect after its lease */
byte windows;

mtype = { Claim, Renew, Interrupt, Complete, Release };

mtype lateKind = 0;		/* a request that is still under way */
byte  late, lateOwner, lateLease, lateOver, lateOverLease;

/*
 * Is lease l of call o over, for whoever looks? By the allowance for skew, no
 * clock says so before the owner's own has ended the execution's context.
 */
#if defined(CLOCKS_LIE) || defined(NO_ALLOWANCE)
#define leaseOver(o, l) (true)
#else
#define leaseOver(o, l) (l == OVER || !time[o] || l < leases[o])
#endif

/* --- steps of the store, each atomic: dynamostore.go ----------------------------- */

/*
 * What a step met and what it left, for transitions.sh: which request, whether there
 * is a record and whose, how its lease compares with the request's, whether its window
 * has passed, whether it is the one to be taken over; then what became of it.
 */
#ifdef TRANSITIONS
hidden byte met, own, compared, wasPast, observed, became;
#define meets(o, l, over, overLease) \
	met = (status == Absent -> 0 : (status == InProgress -> 1 : 2)); \
	own = (met > 0 && owner == o); \
	compared = (own && met == 1 -> (lease == l -> 1 : (lease < l -> 2 : 3)) : 0); \
	wasPast = (met > 0 -> past[owner] : 0); \
	observed = (met == 1 && over != NOBODY && owner == over && lease == overLease); \
	became = 0
#define leaves(kind) printf("T %d %d %d %d %d %d %d %d\n", kind, met, own, compared, wasPast, observed, became, refused)
#define writes(newStatus) became = (newStatus == Absent -> 2 : 1)
#else
#define meets(o, l, over, overLease) skip
#define leaves(kind) skip
#define writes(newStatus) skip
#endif

inline write(newStatus, newOwner, newLease) {
	assert(status != Completed || past[owner]);	/* G1: what is on record is final */
	writes(newStatus);
	status = newStatus; owner = newOwner; lease = newLease
}

#ifdef EXPIRY_IGNORED
#define isFree (status == Absent)
#else
#define isFree (status == Absent || past[owner])
#endif

#if defined(TAKEOVER_WITHOUT_CAS)
#define isObserved(o, l) (o != NOBODY)
#elif defined(TAKEOVER_IGNORES_STATUS)
#define isObserved(o, l) (o != NOBODY && owner == o)
#elif defined(TAKEOVER_IGNORES_OWNER)
#define isObserved(o, l) (o != NOBODY && status == InProgress && lease == l)
#elif defined(TAKEOVER_IGNORES_LEASE)
#define isObserved(o, l) (status == InProgress && owner == o)
#else
#define isObserved(o, l) (status == InProgress && owner == o && lease == l)
#endif

#if defined(NO_OWN_CLAIM_CHECK)
#define isSameClaim(o, l) (false)
#elif defined(OWN_CLAIM_OF_ANY_LEASE)
#define isSameClaim(o, l) (status == InProgress && owner == o)
#else
#define isSameClaim(o, l) (status == InProgress && owner == o && lease == l)
#endif

inline storeClaim(o, l, over, overLease) {
	meets(o, l, over, overLease);
	if
#ifdef CLAIM_UNCONDITIONAL
	:: true -> write(InProgress, o, l); refused = false
#else
	:: isFree || isObserved(over, overLease) -> write(InProgress, o, l); refused = false
#endif
	:: else -> refused = !isSameClaim(o, l)
	fi;
	leaves(1)
}

#if defined(RENEW_WITHOUT_OWNER)
#define mayRenew(o) (status == InProgress)
#elif defined(RENEW_COMPLETED)
#define mayRenew(o) (status != Absent && owner == o)
#else
#define mayRenew(o) (status == InProgress && owner == o)
#endif

#ifdef RENEWAL_MOVES_BACK
#define isLater(l) (false)
#else
#define isLater(l) (l != OVER && lease > l)
#endif

inline storeRenew(o, l) {
	meets(o, l, NOBODY, OVER);
	if
	:: mayRenew(o) && isLater(l) -> refused = false	/* a copy of an earlier renewal, late */
	:: mayRenew(o) && !isLater(l) -> write(InProgress, o, l); refused = false
	:: else -> refused = true
	fi;
	leaves((l == OVER -> 3 : 2))
}

#if defined(NO_FENCING)
#define mayComplete(o) (true)
#elif defined(COMPLETE_ONLY_OWN)
#define mayComplete(o) (status == InProgress && owner == o)
#else
#define mayComplete(o) (status == Absent || status == InProgress && owner == o)
#endif

#ifdef NO_OWN_COMPLETION_CHECK
#define isSameCompletion(o) (false)
#else
#define isSameCompletion(o) (status == Completed && owner == o)
#endif

inline storeComplete(o) {
	meets(o, OVER, NOBODY, OVER);
	if
	:: mayComplete(o) ->
		write(Completed, o, OVER);
		answer = (past[o] -> answer : o);
		refused = false
	:: else -> refused = !isSameCompletion(o)
	fi;
	leaves(4)
}

#ifdef RELEASE_WITHOUT_OWNER
#define mayRelease(o) (status == InProgress)
#else
#define mayRelease(o) (status == InProgress && owner == o)
#endif

inline storeRelease(o) {
	meets(o, OVER, NOBODY, OVER);
	if
	:: mayRelease(o) -> write(Absent, NOBODY, OVER)
	:: else
	fi;
	refused = false;
	leaves(5)
}

/* --- parts of a call ----------------------------------------------------------------- */

inline goTo(place) {
	at[me] = place; repeated = false
}

inline forgetRecord() {
	overOwner = NOBODY; overLease = OVER
}

inline leaseEnds() {
	time[me] = false;
	interrupted = interrupted || ((at[me] == HasRun || at[me] == Completing) && answer == NOBODY && !past[me])
}

inline finish() {
	leaseEnds(); goTo(Ended); forgetRecord(); did[me] = false
}

inline makeClaim() {
	leases[me]++; time[me] = true; past[me] = false; goTo(Claiming)
}

inline replay() {
	assert(!past[owner]);			/* G7: a record past its window is not replayed */
	assert(asks[owner] == asks[me]);	/* a response is replayed to the same request only */
	assert(owner == answer)			/* G1: the response is the one on record */
}

#ifdef REPLAY_BEFORE_FINGERPRINT
#define mismatch (status == InProgress && asks[owner] != asks[me])
#else
#define mismatch (asks[owner] != asks[me])
#endif

/* The record in the way, as a claim or a load shows it: verdict in guard.go. */
inline meet() {
	if
	:: mismatch -> finish()						/* 422 */
	:: else ->
		if
		:: status == Completed -> replay(); finish()
		:: else -> time[me] = false; goTo(Waiting); overOwner = owner; overLease = lease
		fi
	fi
}

#define underLease(i) (executes(i) && time[i])
#if CALLS == 1
#define anyExecutesUnderLease (underLease(1))
#elif CALLS == 2
#define anyExecutesUnderLease (underLease(1) || underLease(2))
#else
#define anyExecutesUnderLease (underLease(1) || underLease(2) || underLease(3))
#endif

inline giveUp() {
	time[me] = false;
#if !defined(REEXECUTE) && !defined(ABANDONED_TAKEOVER_RELEASES)
	if
	:: overOwner != NOBODY -> goTo(Interrupting)
	:: else -> goTo(Releasing)
	fi;
#else
	goTo(Releasing);
#endif
	forgetRecord()
}

inline begin() {
	assert(time[me]);		/* no execution begins after its lease */
	goTo(Running)
}

inline execute() {
	assert(time[me]);		/* nothing is asked, and nothing begins, after its lease */
#ifndef CLOCKS_LIE
	assert(!anyExecutesUnderLease);	/* G2: one owner under a running lease */
#endif
#if defined(RECONCILE) && !defined(NO_RECONCILIATION)
	if
	:: overOwner != NOBODY -> goTo(Reconciling)
	:: else -> begin()
	fi;
#else
	begin();
#endif
	forgetRecord()
}

/* Where the SDK repeats a request, because its reply is lost or late. */
#define mayRepeat (!repeated)
#define mayBeLate (!repeated && late < LATE && lateKind == 0)

inline isLate(kind, l) {
	late++; repeated = true;
	lateKind = kind; lateOwner = me; lateLease = l;
	lateOver = overOwner; lateOverLease = overLease
}

/* --- a call: guard.go, claim.go, execute.go --------------------------------------------- */

proctype call(byte me) {
	byte overOwner, overLease;	/* the record that was met, or is to be taken over */
	bit  repeated, refused;

	do
	/* Calls are alike, so that they begin in order is no loss. Some read first. */
	:: d_step { at[me] == New && (me == 1 || at[me - 1] != New) -> makeClaim() }
	:: d_step { at[me] == New && me > 1 && at[me - 1] != New -> asks[me] = 1; makeClaim() }
	:: d_step { at[me] == New && me > 1 && at[me - 1] != New && status == Completed && !past[owner] && asks[owner] == 0 ->
		replay(); finish() }

	/* Claim: claim.go */
	:: d_step { at[me] == Claiming ->
		storeClaim(me, leases[me], overOwner, overLease);
		if
		:: refused ->
			assert(owner != me || lease != leases[me]);	/* no claim is its own obstacle */
			meet()
#ifndef SLOW_CLAIM_EXECUTES
		:: !refused && !time[me] -> giveUp()	/* the reply took longer than the lease */
		:: !refused && time[me] -> execute()
#else
		:: else -> execute()
#endif
		fi; refused = false }
	:: d_step { at[me] == Claiming && mayRepeat ->
		storeClaim(me, leases[me], overOwner, overLease); repeated = true; refused = false }
	:: d_step { at[me] == Claiming && mayBeLate -> isLate(Claim, leases[me]) }
	:: d_step { at[me] == Claiming -> giveUp() }		/* its fate is unknown */

	/* In the way is a record in progress. */
	:: d_step { at[me] == Waiting && overOwner != me -> finish() }		/* 409, or outcome unknown */
	:: d_step { at[me] == Waiting && overOwner != me && isFree -> 		/* it was released meanwhile */
		if
		:: leases[me] < CLAIMS -> forgetRecord(); makeClaim()
		:: else -> finish()
		fi }
	:: d_step { at[me] == Waiting && overOwner != me && !isFree -> meet() }
#if !defined(REFUSE) && !defined(NO_TAKEOVER)
	:: d_step { at[me] == Waiting && leases[me] < CLAIMS && leaseOver(overOwner, overLease) -> makeClaim() }
#endif
	/* It is an earlier claim of this call, which has only now arrived. */
	:: d_step { at[me] == Waiting && overOwner == me ->
		if
		:: leases[me] < CLAIMS -> makeClaim()
		:: else -> finish()
		fi }

	/* Execute: execute.go */
	:: d_step { at[me] == Reconciling && effects > 0 && !past[me] -> did[me] = true; goTo(Completing) }
	:: d_step { at[me] == Reconciling && (effects == 0 || past[me]) ->
		if
#ifndef LATE_RECONCILIATION_EXECUTES
		:: !time[me] -> goTo(Interrupting)	/* finding out took longer than the lease */
		:: else -> begin()
#else
		:: true -> begin()
#endif
		fi }
	:: d_step { at[me] == Reconciling -> goTo(Interrupting) }		/* it cannot be found out */

	:: d_step { at[me] == Running && !past[me] ->
		outlived = outlived || !time[me];
#if defined(REFUSE)
		assert(effects == 0);						/* G4: at most once */
#elif defined(CLOCKS_LIE)
#elif defined(RECONCILE)
		assert(effects == 0 || outlived);				/* G4: exactly once */
#else
		assert(effects == 0 || outlived || interrupted);		/* G3: no second effect without a failure */
#endif
		effects = (effects == 0 -> 1 : 2);
		did[me] = true; goTo(HasRun) }
	:: d_step { at[me] == Running && past[me] -> did[me] = true; goTo(HasRun) }	/* counts for a window that has passed */
	:: d_step { at[me] == Running -> goTo(Releasing); time[me] = false }		/* the result is discarded */
	:: d_step { at[me] == HasRun -> goTo(Completing) }
#ifdef SILENCE_RECORDED
	:: d_step { at[me] == Running && !time[me] -> goTo(Completing) }	/* it gave up, and said nothing */
#endif
	:: d_step { at[me] == Running || at[me] == HasRun ->			/* an error or a panic */
		leaseEnds();
#if defined(REEXECUTE) || defined(FAILURE_RELEASES)
		goTo(Releasing)
#else
		goTo(Interrupting)
#endif
		}

	/* The heartbeat */
	:: d_step { at[me] == Running && time[me] && leases[me] <= CLAIMS -> goTo(Renewing) }
	:: d_step { at[me] == Renewing ->
		storeRenew(me, leases[me] + 1);
		if
		:: refused -> leaseEnds()
		:: else -> leases[me]++
		fi;
		goTo(Running); refused = false }
	:: d_step { at[me] == Renewing && mayRepeat -> storeRenew(me, leases[me] + 1); repeated = true; refused = false }
	:: d_step { at[me] == Renewing && mayBeLate -> isLate(Renew, leases[me] + 1) }
	:: d_step { at[me] == Renewing -> goTo(Running) }
	/* It goes on until the result is recorded. */
	:: d_step { (at[me] == HasRun || at[me] == Completing) && time[me] && leases[me] <= CLAIMS ->
		storeRenew(me, leases[me] + 1);
		if
		:: refused -> leaseEnds()
		:: else -> leases[me]++
		fi;
		refused = false }

	/* Complete */
	:: d_step { at[me] == Completing ->
		storeComplete(me);
		if
		:: refused ->
			assert(status != Absent);	/* an effect is never refused its record */
			assert(owner != me);		/* an own record is not another's */
#ifndef CLOCKS_LIE
			assert(!time[me] || past[me]);	/* a lease that runs is not lost */
#endif
			if
			:: status == Completed && !mismatch && !past[owner] -> replay()
			:: else
			fi
		:: else ->
			assert(answer == me || past[me]);	/* G1: the response is the one on record */
			assert(did[me])			/* what is on record has happened */
		fi;
		finish(); refused = false }
	:: d_step { at[me] == Completing && mayRepeat -> storeComplete(me); repeated = true; refused = false }
	:: d_step { at[me] == Completing && mayBeLate -> isLate(Complete, OVER) }

	/* Release, and what is left to whoever comes next */
	:: d_step { at[me] == Releasing -> storeRelease(me); finish() }
	:: d_step { at[me] == Releasing && mayRepeat -> storeRelease(me); repeated = true }
	:: d_step { at[me] == Releasing && mayBeLate -> isLate(Release, OVER) }
	:: d_step { at[me] == Interrupting -> storeRenew(me, OVER); finish(); refused = false }
	:: d_step { at[me] == Interrupting && mayRepeat -> storeRenew(me, OVER); repeated = true; refused = false }
	:: d_step { at[me] == Interrupting && mayBeLate -> isLate(Interrupt, OVER) }

	/* The lease ends, and the owner goes on. */
	:: d_step { time[me] -> leaseEnds() }
	/* The process dies, or the store does not answer any more. */
	:: d_step { at[me] != New && at[me] != Ended -> finish() }

	:: at[me] == Ended -> break
	od
}

/* --- what else happens ---------------------------------------------------------------------- */

/* A window outlasts a lease, and a call that still claims. */
#ifdef WINDOW_ENDS_IN_LEASE
#define windowMayEnd (status != Absent)
#else
#define windowMayEnd (status == Completed || status == InProgress && leaseOver(owner, lease) && at[owner] != Claiming)
#endif

/* Earlier records of the key, of calls that are behind, have passed with it. */
#define passes(i) (past[i] || i == owner || at[i] != Claiming && !time[i] && !(lateKind == Claim && lateOwner == i))

proctype world() {
	byte me;	/* for the steps of the store */
	bit refused;
end:
	do
	:: d_step { windows < WINDOWS && windowMayEnd && !past[owner] ->
		windows++;
		past[1] = passes(1);
#if CALLS > 1
		past[2] = passes(2);
#endif
#if CALLS > 2
		past[3] = passes(3);
#endif
		effects = 0; answer = NOBODY; interrupted = false; outlived = false }

	:: d_step { status != Absent && past[owner] -> write(Absent, NOBODY, OVER) }	/* the sweep */

	:: d_step { lateKind != 0 ->
		if
		:: lateKind == Claim -> storeClaim(lateOwner, lateLease, lateOver, lateOverLease)
		:: lateKind == Renew || lateKind == Interrupt -> storeRenew(lateOwner, lateLease)
		:: lateKind == Complete -> storeComplete(lateOwner)
		:: lateKind == Release -> storeRelease(lateOwner)
		fi;
		lateKind = 0; lateOwner = 0; lateLease = 0; lateOver = 0; lateOverLease = 0; refused = false }

	/*
	 * Whatever has happened: who asks for the same once all is quiet executes, is
	 * answered or takes over; under Refuse, may be told that the outcome is unknown.
	 */
	:: d_step { at[1] == Ended && at[CALLS] == Ended && (CALLS < 3 || at[2] == Ended) && lateKind == 0 && !isFree ->
		if
		:: status == Completed ->
			assert(owner == answer)		/* whoever asks last is answered */
#ifdef NO_TAKEOVER
		:: else -> assert(false)		/* whoever asks last is answered */
#elif defined(REFUSE)
		:: else
#else
		:: else ->
			assert(leaseOver(owner, lease) && isObserved(owner, lease))	/* whoever asks last is answered */
#endif
		fi }
	od
}

init {
	atomic {
		run world();
		run call(1);
#if CALLS > 1
		run call(2);
#endif
#if CALLS > 2
		run call(3)
#endif
	}
}
