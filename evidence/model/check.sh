#!/bin/sh
# Verifies the models exhaustively within their bounds, and shows for each mutant
# the property that it breaks. Ends with an error if a property fails or a mutant
# survives.
#
#   check.sh          one to two minutes on two cores, below 4 GB
#   check.sh --long   more calls and windows at once: some 15 minutes
set -eu

models=$(cd "$(dirname "$0")" && pwd)

# One verification: model, what is expected ("holds" or "breaks"), title, flags.
verify() {
	model=$1 expected=$2 title=$3
	shift 3
	# Everything happens in a directory of its own: spin and pan write where they are.
	cd "$(mktemp -d "$scratch/XXXXXX")"
	cp "$models/$model.pml" .
	start=$(date +%s)
	if ! spin -a "$@" "$model.pml" >spin.log 2>&1 ||
		! cc -O2 -w -DSAFETY -DNOFAIR -DMEMLIM="$memory" -o pan pan.c >cc.log 2>&1; then
		cat spin.log cc.log >&2
		echo "BROKEN    $title: does not compile"
		touch "$scratch/failed"
		return
	fi
	./pan -m10000 -w"$hash" >pan.log 2>&1 || true
	took=$(($(date +%s) - start))
	states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' pan.log)
	depth=$(sed -n 's/.*depth reached \([0-9]*\).*/\1/p' pan.log)
	if grep -q 'errors: 0' pan.log && ! grep -Eq 'not completed|too small|out of memory|resized too' pan.log; then
		outcome=holds property=
	elif grep -q 'assertion violated' pan.log; then
		# The comment beside the assertion that the counterexample ends in says what
		# is violated; that of an LTL formula is its name.
		spin -t "$@" "$model.pml" >trail.log 2>&1 || true
		line=$(sed -n "s/^spin: $model.pml:\([0-9]*\), Error: assertion violated.*/\1/p" trail.log | head -n 1)
		property=$(sed -n "${line:-0}s|.*/\* \(.*\) \*/.*|\1|p" "$model.pml" 2>/dev/null || true)
		[ -n "$property" ] || property=$(sed -n 's/^ltl \([A-Za-z]*\).*/\1/p' "$model.pml")
		outcome=breaks
	else
		outcome=unknown property=$(grep -E 'error|not completed|too small|memory' pan.log | head -n 1)
	fi
	if [ "$outcome" = "$expected" ]; then
		mark=$outcome
	else
		mark="WRONG: $outcome"
		touch "$scratch/failed"
	fi
	printf "$row" "$mark" "$title" "$states" "$depth" "$took" "$property"
}

if [ "${1:-}" = --verify ]; then # what xargs calls below
	shift
	verify "$@"
	exit
fi

case ${1:-} in
'') long=false ;;
--long) long=true ;;
*)
	echo "usage: $0 [--long]" >&2
	exit 2
	;;
esac

if ! command -v spin >/dev/null; then
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		echo "installing spin"
		apt-get update -qq && apt-get install -y -qq spin >/dev/null
	else
		echo "$0: install spin (Debian, Ubuntu: apt-get install spin; macOS: brew install spin) and run this again" >&2
		exit 1
	fi
fi
command -v cc >/dev/null || {
	echo "$0: install a C compiler and run this again" >&2
	exit 1
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM
memory=1900 hash=22 parallel=2
row='%-7s  %-76s %9s %6s %8s  %s\n'
export scratch memory hash row

# run verifies what its input lists, a line each: the arguments of verify.
run() {
	sed 's/ *$//' | xargs -P "$parallel" -L 1 "$0" --verify
}

properties() {
	for policy in REEXECUTE REFUSE RECONCILE; do
		for clocks in '' -DCLOCKS_LIE; do
			title="leased, $policy${clocks:+, clocks lie}"
			echo "leased holds '$title: 2 calls, late requests, a window passes' -D$policy $clocks -DCALLS=2"
			echo "leased holds '$title: 3 calls' -D$policy $clocks -DCALLS=3 -DLATE=0 -DWINDOWS=0"
		done
	done
	for token in '' -DTOKEN_FORGOTTEN; do
		echo "atomic holds 'atomic${token:+, request token forgotten}: 4 calls, late requests, a window passes' $token -DCALLS=4"
	done
}

mutants() {
	small='-DCALLS=2' large='-DCALLS=3 -DLATE=0 -DWINDOWS=0'
	while read -r model name flags; do
		case $model in
		leased2) echo "leased breaks 'leased, $name' -D$name $small $flags" ;;
		late3) echo "leased breaks 'leased, $name' -D$name -DCALLS=3 -DWINDOWS=0 $flags" ;;
		leased3) echo "leased breaks 'leased, $name' -D$name $large $flags" ;;
		atomic) echo "atomic breaks 'atomic, $name' -D$name -DCALLS=3 $flags" ;;
		esac
	done <<-END
		leased2 NO_FENCING                  -DREEXECUTE
		leased3 RELEASE_WITHOUT_OWNER       -DREEXECUTE
		leased2 TAKEOVER_WITHOUT_CAS        -DREEXECUTE
		leased3 TAKEOVER_IGNORES_OWNER      -DREEXECUTE
		leased2 TAKEOVER_IGNORES_STATUS     -DREEXECUTE
		leased2 TAKEOVER_IGNORES_LEASE      -DREEXECUTE
		leased2 CLAIM_UNCONDITIONAL         -DREEXECUTE
		leased2 NO_OWN_CLAIM_CHECK          -DREEXECUTE
		late3   OWN_CLAIM_OF_ANY_LEASE      -DREEXECUTE
		leased2 SLOW_CLAIM_EXECUTES         -DREEXECUTE
		leased3 RENEW_WITHOUT_OWNER         -DREEXECUTE
		leased2 RENEW_COMPLETED             -DREEXECUTE
		leased2 RENEWAL_MOVES_BACK          -DREEXECUTE
		leased2 COMPLETE_ONLY_OWN           -DREEXECUTE
		leased2 NO_OWN_COMPLETION_CHECK     -DREEXECUTE
		leased2 NO_ALLOWANCE                -DRECONCILE
		leased2 EXPIRY_IGNORED              -DREEXECUTE
		leased2 WINDOW_ENDS_IN_LEASE        -DREEXECUTE
		leased2 REPLAY_BEFORE_FINGERPRINT   -DREEXECUTE
		leased2 NO_TAKEOVER                 -DREEXECUTE
		leased2 SILENCE_RECORDED            -DREEXECUTE
		leased2 LATE_RECONCILIATION_EXECUTES -DRECONCILE
		leased2 FAILURE_RELEASES            -DREFUSE
		leased2 NO_RECONCILIATION           -DRECONCILE
		leased3 ABANDONED_TAKEOVER_RELEASES -DRECONCILE
		atomic  RECORD_UNCONDITIONAL
		atomic  EFFECTS_BESIDE_RECORD
		atomic  FENCING_TOKEN_PER_CALL
		atomic  NO_OWN_RECORD_CHECK         -DTOKEN_FORGOTTEN
		atomic  REPLAY_BEFORE_FINGERPRINT
		atomic  REFUSAL_NOT_RECORDED
		atomic  EXPIRY_IGNORED
	END
}

printf "$row" result model states depth seconds 'property that is broken'
echo
echo "Properties, which hold in every state:"
properties | run
echo
echo "Mutants, each of which breaks one, where the search ends:"
mutants | run
if $long; then
	echo
	echo "More at once:"
	memory=12000 hash=27 parallel=1
	for policy in REEXECUTE REFUSE RECONCILE; do
		echo "leased holds 'leased, $policy: 3 calls, a window passes' -D$policy -DCALLS=3 -DLATE=0"
		echo "leased holds 'leased, $policy: 3 calls, late requests' -D$policy -DCALLS=3 -DWINDOWS=0"
	done | run
fi

if [ -e "$scratch/failed" ]; then
	echo "Not all is as it should be." >&2
	exit 1
fi
