#!/bin/sh
# Has Spin print every step of the store that the model of leased mode can make, and
# compares the list with transitions.txt, which ties the code to the model: tests
# hold the steps of the simulation against it, in both directions. See model.go.
#
#   transitions.sh           compare
#   transitions.sh --update  rewrite
set -eu

models=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM
cd "$scratch"
cp "$models/leased.pml" .

for policy in REEXECUTE REFUSE RECONCILE; do
	for clocks in '' -DCLOCKS_LIE; do
		# shellcheck disable=SC2086 # $clocks is a flag or nothing
		spin -a -DTRANSITIONS -D$policy $clocks -DCALLS=2 leased.pml >spin.log
		cc -O2 -w -DSAFETY -DNOFAIR -DPRINTF -DMEMLIM=1900 -o pan pan.c
		./pan -m10000 -w22 >pan.log
		grep -q 'errors: 0' pan.log || { echo "$policy $clocks: a property fails; run check.sh" >&2; exit 1; }
		grep -o 'T [0-9 ]*' pan.log
	done
done | awk '
	BEGIN {
		split("claim,renew,interrupt,complete,release", request, ",")
		split("nothing,in progress,completed", record, ",")
		split("; same lease; earlier lease; later lease", lease, ";")
		split("left,written,removed", became, ",")
	}
	{
		line = request[$2] ": " record[$3 + 1]
		if ($3 > 0) line = line ($4 ? ", own" : ", of another")
		if ($2 <= 3 && $5) line = line "," lease[$5 + 1]  # the others do not look at it
		if ($5 == 1) $8 = 0                               # nobody sees whether the same is written again
		if ($2 == 1 && $6) line = line ", past its window"
		if ($2 == 1 && $7) line = line ", as observed"
		print line " -> " became[$8 + 1] ($9 ? ", refused" : "")
	}' | LC_ALL=C sort -u >transitions.txt

if [ "${1:-}" = --update ]; then
	cp transitions.txt "$models/transitions.txt"
else
	diff -u "$models/transitions.txt" transitions.txt
	echo "The model makes the $(wc -l <transitions.txt) steps of transitions.txt."
fi
