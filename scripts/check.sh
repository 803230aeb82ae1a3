#!/usr/bin/env bash
# Everything that must hold before a change is accepted; stops at the first thing that does not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() {
    printf '\n== %s\n' "$*"
    "$@"
}

step scripts/setup.sh build test
step scripts/lint.sh
step swift build --build-tests
# Unit tests, house rules, generated reference against the committed files, kill rounds, and the real binary end to end.
export DAYBOOK_KILL_SECONDS="${DAYBOOK_KILL_SECONDS:-60}"
record=.build/check.log
step scripts/test.sh "$record"
# A plant, a model, a proposal over HTTP and the routing kept of it, without a network.
step scripts/offline.sh
# A quarter of a minute for each of three roles; `make fuzz` and `make soak` take longer.
# One seed, so that a change and not the day decides what is found.
export SEED="${SEED:-1}"
step scripts/fuzz-api.sh "${DAYBOOK_FUZZ_SECONDS:-15}" admin viewer anonymous
grep -E '^(FIGURES|SKIPPED)|^✔ Test run|seconds\.$' "$record" | grep -vE '^[✔➜] (Test|Suite) "' | awk '!seen[$0]++' || true
printf '\n== check: all green\n'
