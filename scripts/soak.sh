#!/usr/bin/env bash
# The long runs behind `make soak-short` and `make soak`: each suite alone on the machine, then one line of figures for each.
# Usage: scripts/soak.sh short|long [SUITE...]
# A suite's number of rounds can be set by its variable (DAYBOOK_CUTS_ROUNDS=10 ...); SEED=N repeats a run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
length="${1:-short}"
shift || true
case "$length" in
short | long) ;;
*)
    printf 'soak: "%s" is neither short nor long\n' "$length" >&2
    exit 64
    ;;
esac

# name | tests, or a script and its words | variable | rounds of a short and of a long run | what it is
suites="
kills     | CrashTests                  | DAYBOOK_KILL_ROUNDS      | 1000  | 20000  | kill -9 of writers, one to four callers
commands  | KillTests                   | DAYBOOK_KILL_ROUNDS      | 150   | 2000   | kill -9 of commands and a projector
cuts      | PowerCutTests               | DAYBOOK_CUTS_ROUNDS      | 60    | 1000   | power cuts on ext4, a third as many on xfs
images    | CrashImageTests             | DAYBOOK_IMAGES_ROUNDS    | 5000  | 200000 | states that a power cut can leave
syscalls  | SyscallTests                | DAYBOOK_SYSCALLS_ROUNDS  | 1200  | 100000 | a failing system call, EIO ENOSPC EDQUOT SIGKILL
flips     | FlipTests                   | DAYBOOK_FLIPS_ROUNDS     | 10000 | 100000 | flipped bits, a fifth as many in each other kind of file
cut_files | TruncationTests             | DAYBOOK_CUT_FILES_ROUNDS | 200   | 2000   | files cut short
disks     | SmallDiskTests              | DAYBOOK_DISKS_ROUNDS     | 20    | 200    | full and read-only disks
crowd     | CrowdTests/crowd            | DAYBOOK_CROWD_ROUNDS     | 5000  | 25000  | four writing and four reading processes
readers   | CrowdTests/staleReader      | DAYBOOK_CROWD_ROUNDS     | 5000  | 50000  | readers that die while they read
rebuilds  | CrowdTests/killedRebuild    | DAYBOOK_REBUILDS_ROUNDS  | 200   | 2000   | rebuilds killed in their middle
rewrites  | RewriteTests                | DAYBOOK_REWRITES_ROUNDS  | 100   | 1000   | histories made anew by an insider, stale copies, forks
as_of     | AsOfTests                   | DAYBOOK_AS_OF_ROUNDS     | 500   | 5000   | read models as of any position equal a rebuild
activations | ActivationKillTests       | DAYBOOK_ACTIVATIONS_ROUNDS | 200 | 1000  | kills of the command, the control service and the workers
erasure   | PersonalDataTests           | DAYBOOK_KILL_ROUNDS      | 100   | 1000   | markers planted everywhere are gone; redactions killed
verifying | VerifyProcessTests          | DAYBOOK_VERIFY_ROUNDS    | 1     | 1      | ends of the process that verifies
fuzz      | scripts/fuzz-api.sh         | DAYBOOK_FUZZ_SECONDS     | 60    | 1800   | Schemathesis as each of six roles, so many seconds each
"

folder=".build/soak"
mkdir -p "$folder"
if (($# == 0)); then rm -f "$folder"/*.log; fi
swift build --build-tests
# The programs that are killed and damaged are those that people run.
for product in daybook EventStoreTestWriter; do swift build -c release --product "$product"; done
DAYBOOK_PROGRAMS="$(swift build -c release --show-bin-path)"
export DAYBOOK_PROGRAMS

failed=()
summary=()
began=$SECONDS
while IFS='|' read -r name tests variable short long what; do
    name="${name// /}"
    [[ -n $name ]] || continue
    if (($# > 0)) && [[ " $* " != *" $name "* ]]; then continue; fi
    tests="${tests// /}"
    variable="${variable// /}"
    rounds="${!variable:-$([[ $length == short ]] && echo "${short// /}" || echo "${long// /}")}"
    printf '\n== %s:%s (%s=%s)\n' "$name" "$what" "$variable" "$rounds"
    start=$SECONDS
    status=held
    if [[ $tests == scripts/* ]]; then
        "$tests" "$rounds" admin operator approver auditor viewer anonymous >"$folder/$name.log" 2>&1 || status=FAILED
    else
        env "$variable=$rounds" swift test --skip-build --filter "$tests" >"$folder/$name.log" 2>&1 || status=FAILED
    fi
    figures="$(grep -hE '^(FIGURES|SKIPPED)|kills, |killed commands: |whole logs, ' "$folder/$name.log" | sed 's/^FIGURES [a-z_]*: //' || true)"
    printf '%s\n' "${figures:-no figures}"
    [[ $status == held ]] || {
        failed+=("$name")
        grep -E '✘|SEED=' "$folder/$name.log" | head -20
        printf 'the whole record: %s\n' "$folder/$name.log"
    }
    summary+=("$(printf '%-11s %-6s %5ds  %s' "$name" "$status" "$((SECONDS - start))" "$(paste -sd ';' <<<"$figures" | sed 's/;/; /g')")")
done <<<"$suites"

if ((${#summary[@]} == 0)); then
    printf 'soak: no such suite: %s\n      there are:%s\n' "$*" "$(awk -F'|' 'NF > 1 { gsub(/ /, "", $1); printf " %s", $1 }' <<<"$suites")" >&2
    exit 64
fi
printf '\n== soak %s of %s on %s processors, %s s in all\n' "$length" "$(git describe --always --dirty 2>/dev/null || echo unknown)" "$(nproc)" "$((SECONDS - began))"
printf '%s\n' "${summary[@]}" | tee "$folder/summary-$length.txt"
((${#failed[@]} == 0)) || {
    printf 'soak: FAILED: %s\n' "${failed[*]}" >&2
    exit 65
}
