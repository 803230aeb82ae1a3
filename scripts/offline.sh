#!/usr/bin/env bash
# Offline, end to end: a made plant, a model trained on it, a worker's proposal for a new part, and the routing that was kept of it;
# read back by the command line, over HTTP and out of the log, and compared with what was proposed. Takes a build that exists.
# Usage: scripts/offline.sh [--control]; with --control one minute of the answer is altered before it is compared: that must fail.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
control=""
case "${1:-}" in
"") ;;
--control) control=yes ;;
*) fail "\"$1\" is not known" "the only option is --control" 64 ;;
esac
program="${DAYBOOK_PROGRAMS:-$(swift build --show-bin-path)}/daybook"
[[ -x $program ]] || fail "there is no program at $program" "swift build --product daybook makes it" 69
for tool in curl python3; do
    command -v "$tool" >/dev/null || fail "there is no $tool here" "install it, or run this on a machine that has it" 69
done
# Everything from here on has loopback alone, where the machine allows that.
if [[ -z ${DAYBOOK_IS_ALONE:-} ]]; then
    DAYBOOK_IS_ALONE=yes exec scripts/alone.sh "$0" "$@"
fi
began=$SECONDS
others="$(awk -F: 'NR > 2 && $1 !~ /^ *lo$/ { print $1 }' /proc/net/dev | xargs)"
printf 'network: loopback %s\n' "$(if [[ -n $others ]]; then echo "and $others"; else echo alone; fi)"

home=.build/offline-home
rm -rf "$home"
export DAYBOOK_HOME="$home"
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    pids=()
}
trap finish EXIT
say() { printf '\n== %s (%d s)\n' "$1" "$((SECONDS - began))"; }
# Starts a service of the home: NAME WORD...
start() {
    local name="$1"
    shift
    "$program" "$@" --port 0 --json >"$home/$name.json" 2>"$home/logs/$name.jsonl" &
    pids+=("$!")
    listening "$home/$name.json" "$!" "$name" "$home/logs/$name.jsonl"
}
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
# Operations and minutes of a kept routing beside those of the answer: ANSWER, KEPT, its name. Says the first difference.
compare() {
    python3 - "$@" <<'PYTHON'
import decimal, json, sys
answer, kept = (json.load(open(path), parse_float=decimal.Decimal) for path in sys.argv[1:3])
row = kept.get("routing") or kept["item"]
number = lambda value: None if value is None else decimal.Decimal(value)
expected = lambda minutes: None if minutes is None else number(minutes["expected"])
proposed = [
    (o["sequence"], o["operation"], expected(o["setup_minutes"]), expected(o["run_minutes"])) for o in answer["proposals"][0]["operations"]
]
found = [(o["sequence"], o["operation"], number(o.get("setup_minutes")), number(o.get("run_minutes"))) for o in row["operations"]]
texts = [o[name] for o in row["operations"] for name in ("setup_minutes", "run_minutes") if name in o]
assert proposed and texts and all(isinstance(text, str) for text in texts), "nothing to compare, or minutes that are no text"
sums = [str(sum((o[place] or 0 for o in found), decimal.Decimal("0.000"))) for place in (2, 3)]
for name, left, right in [
    ("version", answer["version"], row["version"]), ("operations and minutes", proposed, found),
    ("sums", sums, [row["setup_minutes"], row["run_minutes"]]),
]:
    if left != right:
        sys.exit(f"{sys.argv[3]}: {name} differ:\n  proposed {left}\n  kept     {right}")
print(f"{sys.argv[3]}: {len(found)} operations and {len(texts)} times are as proposed by {row['version']}")
PYTHON
}

say "a made plant, a model trained on it, active"
"$program" init >/dev/null
"$program" sample --items 300 --out "$home/plant.db" >/dev/null
version="$("$program" train --source "$home/plant.db" --json | field version)"
"$program" model activate "$version" --reason "Trained on the plant's own parts"

say "a worker proposes the routing of a new part"
start infer infer --worker offline
start serve serve
"$program" service-account create erp >/dev/null
"$program" service-account issue erp --scope read --days 1 --out "$home/erp.key" >/dev/null
ask=(curl -sSk --fail-with-body -H "Authorization: Bearer $(cat "$home/erp.key")" -H 'Content-Type: application/json')
ready "$(address "$home/infer.json")"
printf '{"parts": [{"features": %s}]}' "$(new_part)" >"$home/asked.json"
"${ask[@]}" -d @"$home/asked.json" "$(address "$home/infer.json")/v1/proposals" >"$home/answer.json"

say "an engineer keeps it"
"$program" routing save "$home/answer.json" --item NEW-1 --reason "The proposal for the new shaft" --json >"$home/saved.json"
id="$(field routing <"$home/saved.json")"
"$program" routing show "$id"

say "read back by the command line, over HTTP and out of the log"
"$program" routing show "$id" --json >"$home/shown.json"
"${ask[@]}" "$(address "$home/serve.json")/api/v1/routings/$id?min_position=$(field position <"$home/saved.json")" >"$home/served.json"
finish
# What the log alone says: the tables go, and are made again.
rm -f "$home"/data/registry.db*
"$program" projections rebuild
"$program" routing show "$id" --json >"$home/rebuilt.json"
cp "$home/answer.json" "$home/altered.json"
python3 - "$home/altered.json" <<'PYTHON'
import json, sys
answer = json.load(open(sys.argv[1]))
times = next(o["run_minutes"] for o in answer["proposals"][0]["operations"] if o["run_minutes"])
times["expected"] = round(times["expected"] + 1, 3)
json.dump(answer, open(sys.argv[1], "w"))
PYTHON
answer="$home/answer.json"
[[ -z $control ]] || answer="$home/altered.json"
for way in shown served rebuilt; do
    compare "$answer" "$home/$way.json" "$way" || fail "what was kept is not what was proposed" "see $answer and $home/$way.json"
done
# Without this a comparison that sees nothing would pass.
if compare "$home/altered.json" "$home/shown.json" control 2>/dev/null; then
    fail "a minute more in the answer was not noticed" "the comparison of this script is wrong"
fi

say "is everything what the log says?"
"$program" verify >"$home/verify.txt" || { cat "$home/verify.txt"; fail "verify found something" "see above"; }
head -n 3 "$home/verify.txt"
printf '\nFIGURES offline: plant to kept routing, three ways back, verified: %d s\n' "$((SECONDS - began))"
