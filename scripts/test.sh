#!/usr/bin/env bash
# Runs every test of a build that stands (swift build --build-tests), group by group, and ends at the first group that fails.
# Usage: scripts/test.sh [RECORD]; RECORD takes what the tests say, and the screen shows it where one failed.
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
    local began=$SECONDS
    printf '\n== swift test %s\n' "$*"
    # Nothing that is tested needs more of a network than this machine.
    if scripts/alone.sh swift test --skip-build "$@" >>"$record" 2>&1; then
        printf '%d s\n' "$((SECONDS - began))"
        return
    fi
    cat "$record"
    # What failed stands last, where it is looked for first.
    printf '\n== tests: FAILED (the whole record: %s)\n' "$record"
    grep -E '✘|Fatal error|error:' "$record" | head -100
    exit 1
}
group --filter ServingTests --skip FrameTests
for alone in FrameTests SlowCrowdTests; do group --filter "$alone"; done
group --filter "$watched"
group --filter "$served" --skip "ServingTests|SlowCrowdTests|$watched"
group --filter "$workers"
group --filter "$model" --skip "$workers"
group --skip "$served|$model|$workers"
