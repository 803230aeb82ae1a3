#!/usr/bin/env bash
# Runs test suites under ThreadSanitizer and ends with 65 where it reports a race that tsan-suppressions.txt does not explain.
# Usage: scripts/developer/tsan.sh [SUITE...]     each a filter of `swift test`; without any, the suites of InferenceTests.
# A developer's tool: the build has a folder of its own (.build-tsan, ten minutes on two processors), and what waits for other
# processes is far slower under it. Its own controls run first: what is a race is found, what is none is not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
here=scripts/developer
build=.build-tsan
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
suites=("$@")
if ((${#suites[@]} == 0)); then
    mapfile -t suites < <(grep -hoP '^(final class|struct) \K\w+Tests' Tests/InferenceTests/*.swift | sed 's/^/InferenceTests./' | sort)
fi

compiler="$(dirname "$(command -v swiftc)")/clang"
[[ -x $compiler ]] || compiler=clang
"$compiler" -O1 -shared -fPIC -Wall -Werror -o "$work/mutex_order.so" Tests/Shims/mutex_order.c -ldl
swiftc -sanitize=thread -Onone "$here/tsan-control.swift" -o "$work/control"

# watched RECORD COMMAND...: runs it; prints the number of reports, which go to RECORD.*. WITHOUT=library or WITHOUT=list leaves that out.
watched() {
    local record="$1" preload="$work/mutex_order.so" options="exitcode=0:log_path=$1.race:history_size=4"
    shift
    [[ ${WITHOUT:-} == library ]] && preload=""
    [[ ${WITHOUT:-} == list ]] || options+=":suppressions=$PWD/$here/tsan-suppressions.txt"
    TSAN_OPTIONS="$options" LD_PRELOAD="$preload" "$@" >"$record.log" 2>&1 || echo failed >"$record.failed"
    cat "$record".race.* 2>/dev/null | grep -c '^WARNING: ThreadSanitizer' || true
}

# expect some|none WITHOUT WORD
expect() {
    local count
    count="$(WITHOUT="$2" watched "$work/control-$2-$3" "$work/control" "$3")"
    if [[ -e $work/control-$2-$3.failed || $1 == some && $count == 0 || $1 == none && $count != 0 ]]; then
        printf 'tsan: the control %s (without %s) gave %s reports, expected: %s\n' "$3" "$2" "$count" "$1" >&2
        cat "$work/control-$2-$3".* >&2
        exit 70
    fi
    printf 'control %-20s %-16s %s\n' "$3" "${2:+without $2}" "$1"
}
# What is a race is found, and nothing that we add to the sanitizer hides it.
for word in unguarded two-mutexes half-guarded; do expect some "" "$word"; done
# What is none is not reported; without the library the same Mutex is: so what it tells is what was missing.
for word in mutex mutex-state mutex-if-available pthread-mutex empty-array array; do expect none "" "$word"; done
for word in mutex mutex-state; do expect some library "$word"; done
expect none library pthread-mutex
expect some list empty-array
expect none list array

swift build --sanitize=thread --scratch-path "$build" --build-tests
bad=()
for suite in "${suites[@]}"; do
    began=$SECONDS
    record="$work/suite-${suite//[^A-Za-z0-9.]/_}"
    count="$(watched "$record" swift test --sanitize=thread --scratch-path "$build" --skip-build --filter "$suite")"
    tests="$(grep -oE 'Test run with [0-9]+ tests?' "$record.log" | grep -oE '[0-9]+' | tail -n 1 || true)"
    if [[ -e $record.failed || $count != 0 || ${tests:-0} == 0 ]]; then
        bad+=("$suite")
        cat "$record".race.* 2>/dev/null || true
        grep -E '✘|error:' "$record.log" | head -40 || true
    fi
    printf '%-40s %3s tests, %s reports, %4d s%s\n' "$suite" "${tests:-0}" "$count" "$((SECONDS - began))" \
        "$([[ -e $record.failed ]] && echo ', and a test failed')"
done
((${#bad[@]} == 0)) || {
    printf 'tsan: FAILED: %s\n' "${bad[*]}" >&2
    exit 65
}
