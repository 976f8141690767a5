#!/bin/sh
# Runs every fuzzer for a while, one after the other: fuzz.sh 1m
set -eu
# Go takes a minute to make an input smaller that has reached something new, and
# counts nothing meanwhile. A second of that is enough.
smaller=1s
status=0
for file in $(git ls-files '*_test.go' | xargs grep -l '^func Fuzz' | sort); do
    for name in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
        package=./$(dirname "$file")
        echo "$name of $package"
        if said=$(go test "$package" -run '^$' -fuzz "^$name\$" -fuzztime "$1" -fuzzminimizetime "$smaller" 2>&1); then
            echo "$said" | grep execs | tail -n 1
        else
            echo "$said"
            status=1
        fi
    done
done
exit $status
