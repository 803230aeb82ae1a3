#!/usr/bin/env bash
# Daybook once through, on real model folders: `make run`.
# MODELS=DIR uses the version folders in DIR instead of the samples; HOME_DIR=DIR keeps the home in an empty DIR of yours.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
models="${MODELS:-samples/models}"
home="${HOME_DIR:-.build/demo-home}"
program="$(swift build --show-bin-path)/daybook"
export DAYBOOK_HOME="$home"
source scripts/common.sh

# Shows a command as a person would type it, then runs it.
daybook() {
    printf '\n$ daybook'
    local word
    for word in "$@"; do
        if [[ $word =~ ^[A-Za-z0-9_./:=-]+$ ]]; then printf ' %s' "$word"; else printf ' %s' "${word@Q}"; fi
    done
    printf '\n'
    "$program" "$@"
}

# A folder that was copied or cloned seconds ago is refused with 75, "try again": so try again.
register() {
    local try
    for try in 1 2 3 4 5 6 7 8; do
        local code=0
        daybook model register "$1" --reason "First registration of $(basename "$1")" || code=$?
        ((code == 75)) || return "$code"
        echo "demo: the folder has just been written; trying again ($try)"
        sleep 1
    done
    fail "$1 is still being written" "wait until it is complete, then run this again" 75
}

[[ -d $models ]] || fail "MODELS=$models is not a folder" "give a folder that holds version folders such as 2026.01.12_1"
folders=()
for folder in "$models"/*/; do
    name="$(basename "$folder")"
    [[ $name =~ ^[0-9]{4}\.[0-9]{2}\.[0-9]{2}_[1-9][0-9]{0,5}$ ]] && folders+=("${folder%/}")
done
((${#folders[@]} >= 2)) || fail "$models holds ${#folders[@]} version folders, and the demonstration takes two" "name them like 2026.01.12_1"
first="$(basename "${folders[0]}")"
second="$(basename "${folders[1]}")"

if [[ -z ${HOME_DIR:-} ]]; then
    # The demonstration's own home below .build: made anew each time.
    rm -rf .build/demo-home
elif [[ -d $home && -n "$(ls -A "$home")" ]]; then
    fail "HOME_DIR=$home is not empty" "give a new folder; the demonstration never writes into a home that is in use" 73
fi

echo "== A home, and two models in it"
printf '\n$ export DAYBOOK_HOME=%s\n' "$home"
daybook init
register "${folders[0]}"
register "${folders[1]}"

echo; echo "== One after the other becomes active; a setting changes"
daybook model activate "$first" --reason "First model in service"
daybook model activate "$second" --reason "Better on large parts"
daybook config patch runtime '{"ef_search":256}' --reason "More exact neighbours for $second"

echo; echo "== The second one disappoints: back to the one before, by a new event"
daybook snapshot create before-rollback --reason "As it was with $second"
daybook model rollback --reason "Proposals got slower" --yes

echo; echo "== The registry now, and as it was before the rollback"
daybook model list
daybook model list --as-of before-rollback

echo; echo "== Is everything what the log says?"
daybook verify
daybook logbook export --format md --out "$home/logbook.md"
daybook status

echo; echo "== A made plant, and a model trained on it: every step is an event"
daybook sample --out "$home/plant.db" --items "${ITEMS:-3000}"
daybook train --source "$home/plant.db" --notes "The demonstration's own"
trained="$("$program" training list --json | sed -n 's/.*"version": "\(.*\)".*/\1/p' | head -n 1)"
daybook model activate "$trained" --reason "Trained on the plant's own parts"
new_part >"$home/part.json"
printf '\n$ cat %s\n' "$home/part.json"
cat "$home/part.json"
daybook ask "$home/part.json"

echo; echo "== A worker answers over HTTP, and changes to another version under load"
daybook sample --out "$home/plant-2.db" --items "$((${ITEMS:-3000} / 3))" --seed 2
daybook train --source "$home/plant-2.db" --notes "Another plant's parts"
second_trained="$("$program" training list --json | sed -n 's/.*"version": "\(.*\)".*/\1/p' | head -n 1)"
printf '\n$ daybook infer --worker demo --port 0 &\n'
"$program" infer --worker demo --port 0 --json >"$home/infer.json" 2>"$home/logs/infer.jsonl" &
worker="$!"
end_worker() { kill "$worker" 2>/dev/null || true; wait "$worker" 2>/dev/null || true; }
trap end_worker EXIT
listening "$home/infer.json" "$worker" worker "$home/logs/infer.jsonl"
if command -v curl >/dev/null; then
    url="$(address "$home/infer.json")"
    daybook service-account create erp
    daybook service-account issue erp --scope read --days 1 --out "$home/erp.key"
    ask=(curl -sSk --fail-with-body -H "Authorization: Bearer $(cat "$home/erp.key")" -H 'Content-Type: application/json')
    printf '{"parts": [{"features": %s}], "neighbours": 5}' "$(cat "$home/part.json")" >"$home/asked.json"
    ready "$url"
    printf '\n$ curl -H "Authorization: Bearer $(cat %s)" -d @%s %s/v1/proposals\n' "$home/erp.key" "$home/asked.json" "$url"
    "${ask[@]}" -d @"$home/asked.json" "$url/v1/proposals" | head -c 1200
    echo " …"
    printf '\n$ # 400 requests one after another, while versions change\n'
    "${ask[@]}" -d @"$home/asked.json" -o /dev/null -w '%{http_code}\n' "$url/v1/proposals#[1-400]" >"$home/answers.txt" &
    load="$!"
    for version in "$second_trained" "$trained" "$second_trained" "$trained"; do
        daybook model activate "$version" --reason "A change under load"
    done
    wait "$load" || fail "a request failed while versions changed" "see $home/answers.txt and $home/logs/infer.jsonl" 69
    printf '\n%s answers, by status:\n' "$(wc -l <"$home/answers.txt")"
    sort "$home/answers.txt" | uniq -c
    daybook inference list
fi
end_worker
trap - EXIT

echo; echo "== For an auditor: a card to keep, and a bundle that needs nothing of ours to be checked"
daybook auditor-card --out "$home/auditor-card.txt"
daybook audit bundle --from 0 --out "$home/audit.tar"
if command -v python3 >/dev/null; then
    tar -xOf "$home/audit.tar" daybook-export/verify_bundle.py >"$home/verify_bundle.py"
    printf '\n$ python3 %s %s --key-file %s\n' "$home/verify_bundle.py" "$home/audit.tar" "$home/auditor-card.txt"
    python3 "$home/verify_bundle.py" "$home/audit.tar" --key-file "$home/auditor-card.txt"
else
    echo "no python3 here: take the bundle and the card to a machine that has it"
fi

# The server: goes on until Ctrl-C where a person watches; otherwise it answers once and is stopped.
watched=yes
if [[ -n ${CI:-} || ! -t 0 || ! -t 1 ]]; then watched=""; fi

cat <<END

== Where everything lies (home: $home)
  the log, the only truth      $home/data/log/
  the registry, any SQL tool   sqlite3 $home/data/registry.db 'SELECT * FROM model_registry'
  models and their manifests   $home/models/
  how good the trained one is  $home/models/$trained/quality_report.md
  settings as rendered         $home/config/
  logbook and its checksum     $home/logbook.md, $home/logbook.md.sha256
  for an auditor               $home/audit.tar, $home/auditor-card.txt; report.html in the bundle opens by a double click
  look around                  DAYBOOK_HOME=$home $program status

== The same home over HTTPS (README, "Over HTTP", goes on from here)
END
if [[ -n $watched ]]; then
    printf '\n$ daybook serve      # until Ctrl-C; PORT=N make run takes another port\n'
    exec "$program" serve ${PORT:+--port "$PORT"} 2>"$home/logs/serve.jsonl"
fi
printf '\n$ daybook serve --port 0\n'
"$program" serve --port 0 --json >"$home/serve.json" 2>"$home/logs/serve.jsonl" &
server="$!"
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true' EXIT
listening "$home/serve.json" "$server" server "$home/logs/serve.jsonl"
if command -v curl >/dev/null; then
    url="$(address "$home/serve.json")"
    printf '\n$ curl -k %s/api/v1/auth/me\n' "$url"
    curl -sSk "$url/api/v1/auth/me"
fi
echo
echo "no terminal: the server is stopped again; \`make run\` in one goes on serving"

