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
DAYBOOK_KILL_SECONDS="${DAYBOOK_KILL_SECONDS:-60}" step swift test --skip-build
printf '\n== check: all green\n'
