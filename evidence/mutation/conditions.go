package main

// condition is a condition that a promise rests on. It has a name where it stands
// in the code, the same in each store. Mutants, switches of the model and stores
// that are broken on purpose each leave one out.
type condition struct {
	name     string
	without  string   // what happens without it
	promises string   // that rest on it
	tests    []string // that are about it; all stores also run storetest
	model    []string // switches of the model, in evidence/model
	broken   []string // stores that are broken on purpose
	contract bool     // it is no condition in the code, but what a store has to do
}

var conditions = []condition{
	{
		name:     "free-key",
		without:  "two owners claim one key, or a record past its window counts",
		promises: "G1, G2, G4, G7",
		tests:    []string{"TestWindowPassed", "TestAClaimMeetsWhatCameMeanwhile"},
		model:    []string{"CLAIM_UNCONDITIONAL", "EXPIRY_IGNORED"},
		broken:   []string{"claim unconditional", "replay of what has expired"},
	},
	{
		name:     "takeover",
		without:  "another record is taken over than the one whose lease was seen to be over",
		promises: "G1, G2, G3",
		tests:    []string{"TestHazardZombieOverwrites"},
		model:    []string{"TAKEOVER_WITHOUT_CAS", "TAKEOVER_IGNORES_OWNER", "TAKEOVER_IGNORES_STATUS", "TAKEOVER_IGNORES_LEASE"},
		broken:   []string{"takeover without compare-and-swap"},
	},
	{
		name:     "own-claim",
		without:  "a claim whose reply was lost is refused because of itself",
		promises: "G2",
		tests:    []string{"TestHazardOwnLock", "TestLateClaimDoesNotShortenTheLease"},
		model:    []string{"NO_OWN_CLAIM_CHECK", "OWN_CLAIM_OF_ANY_LEASE"},
	},
	{
		name:     "ownership",
		without:  "a zombie renews or releases the record of its heir, or one that is completed",
		promises: "G1, G3",
		tests:    []string{"TestHazardZombieOverwrites"},
		model:    []string{"RENEW_WITHOUT_OWNER", "RENEW_COMPLETED", "RELEASE_WITHOUT_OWNER"},
		broken:   []string{"renewal without owner check", "release without owner check"},
	},
	{
		name:     "renewal-forward",
		without:  "a renewal that arrives late shortens the lease",
		promises: "G2",
		model:    []string{"RENEWAL_MOVES_BACK"},
		broken:   []string{"renewal that shortens a lease"},
	},
	{
		name:     "fencing",
		without:  "a zombie's completion replaces the response of its heir, or an effect is refused its record",
		promises: "G1, G3",
		tests:    []string{"TestHazardZombieOverwrites"},
		model:    []string{"NO_FENCING", "COMPLETE_ONLY_OWN"},
		broken:   []string{"completion unconditional"},
	},
	{
		name:     "own-completion",
		without:  "a completion whose reply was lost takes itself for a lost lease, or is written twice",
		promises: "G1",
		tests:    []string{"TestHazardOwnCompletion"},
		model:    []string{"NO_OWN_COMPLETION_CHECK"},
	},
	{
		name:     "acknowledged-is-kept",
		without:  "a store forgets, or changes, what it has acknowledged",
		promises: "G1, G3",
		broken:   []string{"completion acknowledged and not kept", "another response at each replay", "fingerprint not kept"},
		contract: true,
	},
	{
		name:     "claimed",
		without:  "an operation executes although its claim has failed",
		promises: "G5",
		tests:    []string{"TestStoreUnavailable"},
		broken:   []string{"failed claim taken for a success"},
	},
	{
		name:     "claim-in-time",
		without:  "an operation executes under a claim whose reply took longer than the lease",
		promises: "G2",
		tests:    []string{"TestASlowClaimIsNotExecutedUnder"},
		model:    []string{"SLOW_CLAIM_EXECUTES"},
	},
	{
		name:     "own-lease-over",
		without:  "an owner counts its own lease as running when others do not, or when it was frozen",
		promises: "G2",
		tests:    []string{"TestASlowClaimIsNotExecutedUnder", "TestAFrozenProcessNoticesThatItsLeaseIsOver"},
		model:    []string{"SLOW_CLAIM_EXECUTES"},
	},
	{
		name:     "lease-noticed",
		without:  "an execution goes on after its lease without being told",
		promises: "G2, G3",
		tests:    []string{"TestHazardOutlivedLease", "TestAFrozenProcessNoticesThatItsLeaseIsOver"},
	},
	{
		name:     "lease-over",
		without:  "a running owner is taken over, or a dead one never",
		promises: "G2, G4",
		tests:    []string{"TestHazardSkewedClock"},
		model:    []string{"NO_TAKEOVER"},
		broken:   []string{"takeover of a running lease"},
	},
	{
		name:     "late-own-claim",
		without:  "a call is refused because of a copy of its own claim that has arrived late",
		promises: "G4",
		tests:    []string{"TestLateClaimDoesNotLockItsCallOut"},
	},
	{
		name:     "skew-allowance",
		without:  "a clock that is fast takes over a running lease",
		promises: "G2",
		tests:    []string{"TestHazardSkewedClock"},
		model:    []string{"NO_ALLOWANCE"},
	},
	{
		name:     "window-outlasts-lease",
		without:  "a running operation counts as absent",
		promises: "G1, G2",
		model:    []string{"WINDOW_ENDS_IN_LEASE"},
	},
	{
		name:     "fingerprint",
		without:  "a request with another payload is given the response, or told to retry",
		promises: "G1",
		model:    []string{"REPLAY_BEFORE_FINGERPRINT"},
	},
	{
		name:     "refuse",
		without:  "a caller is told to retry what is never executed again",
		promises: "G4",
	},
	{
		name:     "failure",
		without:  "what failed, perhaps after its effect, is executed again although the policy forbids it",
		promises: "G3, G4",
		model:    []string{"FAILURE_RELEASES"},
		broken:   []string{"interruption forgotten"},
	},
	{
		name:     "reconcile-first",
		without:  "an interrupted operation is executed again without asking what became of it",
		promises: "G4",
		model:    []string{"NO_RECONCILIATION"},
	},
	{
		name:     "reconciled-in-time",
		without:  "an operation executes after a reconciliation that took longer than the lease",
		promises: "G2",
		tests:    []string{"TestNothingIsExecutedAfterAReconciliationThatOutlivedItsLease"},
		model:    []string{"LATE_RECONCILIATION_EXECUTES"},
	},
	{
		name:     "abandoned-takeover",
		without:  "a takeover that is given up deletes the record of what was interrupted",
		promises: "G4",
		model:    []string{"ABANDONED_TAKEOVER_RELEASES"},
	},
	{
		name:     "interrupted-before",
		without:  "a call takes a copy of its own claim that has arrived late for an interrupted execution, or the reverse",
		promises: "G4",
		tests:    []string{"TestLateClaimFollowsNoExecution", "TestLateClaimDoesNotLockItsCallOut"},
	},
	{
		name:     "begun-step",
		without:  "an execution that follows an interrupted one frees the key, and the step that may have begun is not asked about",
		promises: "G4",
		tests:    []string{"TestEndBeforeAReconciledStepIsNotItsEnd", "TestDiscardAfterA"},
	},
	{
		name:     "pending-step",
		without:  "a step that ran while the store did not answer is lost if the execution then fails",
		promises: "G8",
		tests:    []string{"TestStepIsRecordedByAFailedExecution"},
	},
	{
		name:     "parts-outlive",
		without:  "what a step keeps beside its record expires before the record does that an heir has taken over",
		promises: "G8",
		tests:    []string{"TestPartsOfSteps"},
	},
	{
		name:     "silence",
		without:  "an operation that gave up is remembered as an empty success",
		promises: "G3",
		tests:    []string{"TestHazardSilenceRecorded"},
		model:    []string{"SILENCE_RECORDED"},
	},
	{
		name:     "winner",
		without:  "a zombie answers otherwise than its heir",
		promises: "G1",
		tests:    []string{"TestHazardZombieOverwrites"},
	},
	{
		name:     "reply-in-window",
		without:  "a record is replayed whose window has passed while its reply was under way",
		promises: "G7",
		tests:    []string{"TestARecordThatExpiresOnItsWayIsNotReplayed"},
	},
	{
		name:     "hint-in-window",
		without:  "a record past its window is replayed to a request that says it is a retry",
		promises: "G7",
	},
	{
		name:     "scope",
		without:  "strangers share a record",
		promises: "G6",
		tests:    []string{"TestHazardStrangersShare", "TestDifferentPartsMakeDifferentKeys"},
		broken:   []string{"scope dropped from the key"},
	},
	{
		name:     "atomic-free-key",
		without:  "effects happen beside those of the record",
		promises: "G1, G4, G7",
		model:    []string{"RECORD_UNCONDITIONAL", "EXPIRY_IGNORED"},
		broken:   []string{"record unconditional"},
	},
	{
		name:     "atomic-own-record",
		without:  "a transaction whose reply was lost takes its own record for another's",
		promises: "G1",
		model:    []string{"NO_OWN_RECORD_CHECK"},
	},
	{
		name:     "atomic-discard",
		without:  "what an execution has discarded happens",
		promises: "G4",
	},
	{
		name:     "token-per-plan",
		without:  "the record of a refused plan is taken for that of the next",
		promises: "G1, G4",
		model:    []string{"FENCING_TOKEN_PER_CALL"},
	},
	{
		name:     "refusal-seen",
		without:  "an execution plans the same again after a refusal",
		promises: "G4",
		model:    []string{"REFUSAL_NOT_RECORDED"},
	},
	{
		name:     "one-transaction",
		without:  "effects exist without their record",
		promises: "G4",
		tests:    []string{"TestKilledOrders"},
		model:    []string{"EFFECTS_BESIDE_RECORD"},
		broken:   []string{"effects in a transaction before their record"},
		contract: true,
	},
	{
		name:     "step-once",
		without:  "a zombie's step is mixed into those of its heir, or a copy of a step that arrives late replaces others",
		promises: "G8",
	},
	{
		name:     "steps-kept",
		without:  "a write of the whole record drops a step that its writer has not seen",
		promises: "G8",
	},
	{
		name:     "part-once",
		without:  "a repeated completion changes a part of the response that lies beside the record",
		promises: "G1",
	},
	{
		name:     "as-observed",
		without:  "an operator settles or forgets another record than the one that was looked at",
		promises: "G1, G3",
	},
}
