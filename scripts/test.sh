#!/usr/bin/env bash
# Runs every test of a build that stands (swift build --build-tests), group by group, and ends at the first group that fails.
# Usage: scripts/test.sh [RECORD]; RECORD takes what the tests say, and the screen shows what a failed one said.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
record="${1:-.build/test.log}"
: >"$record"
# Suites whose clients and deadlines take seconds of each other have the machine to themselves: beside six hundred other tests a
# slow client is not the slowest thing on it.
served='ServingTests|ControlAPITests|EndToEndTests.(ClientTests|ServedCommandTests|AccountCommandTests|JobTests|SlowCrowdTests|HostileBodyTests|DocumentationPageTests|HealthTests|FeedTests|ObservationTests|TimetableTests)'
# Suites that train on whole plants or fill a log for seconds: they want both processors, and have limits of time of their own.
model='TrainingTests|RoutingModelTests|ExtractionTests|LegacyArtefactsTests|CommandHandlingTests'
workers='InferenceTests|ActivationKillTests|RemoteWorkerTests|ModelGatesTests|ModelGateTests|ResumptionTests'
# Of these the ones that watch what happens within seconds: alerts, jobs, the clock. Beside the others they see it too late.
watched='EndToEndTests.(HealthTests|JobTests|TimetableTests|ObservationTests)|ControlAPITests.(AlertTests|HealthTests|HealthRouteTests|RunbookTests|TimetableTests|JobTests)'
group() {
    local began=$SECONDS first
    first=$(($(wc -l <"$record") + 1))
    printf '\n== swift test %s\n' "$*"
    # Nothing that is tested needs more of a network than this machine.
    if scripts/alone.sh swift test --skip-build "$@" >>"$record" 2>&1; then
        printf '%d s\n' "$((SECONDS - began))"
        return
    fi
    # Short, and what failed last: a build server may keep no more than so many lines, and a crash has no line of a test.
    printf '\n== the end of the group that failed (the whole record: %s)\n' "$record"
    tail -n "+$first" "$record" | tail -40
    printf '\n== tests: FAILED\n'
    tail -n "+$first" "$record" | grep -E -A 12 '✘.* recorded an issue|Fatal error|error:' | cut -c 1-2000 | head -400 || true
    tail -n "+$first" "$record" | grep -E '✘' | grep -v ' recorded an issue' | tail -20 || true
    exit 1
}
group --filter ServingTests --skip FrameTests
for alone in FrameTests SlowCrowdTests; do group --filter "$alone"; done
group --filter "$watched"
group --filter "$served" --skip "ServingTests|SlowCrowdTests|$watched"
group --filter "$workers"
group --filter "$model" --skip "$workers"
group --skip "$served|$model|$workers"
