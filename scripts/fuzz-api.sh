#!/usr/bin/env bash
# Schemathesis against a running server of a home made for that, and then against an inference worker that answers by a version
# trained there: no answer of 5xx, none that the OpenAPI document does not name, no route that lets somebody in without a right.
# Usage: scripts/fuzz-api.sh [SECONDS for each role, default 60] [ROLE...]
# SEED=N repeats a run. The record of each role stays in .build/fuzz.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds="${1:-60}"
shift || true
roles=("$@")
((${#roles[@]})) || roles=(admin operator viewer anonymous)
folder="$PWD/.build/fuzz"
venv="$PWD/.build/peers/schemathesis"
if [[ ! -x $venv/bin/schemathesis ]]; then
    { python3 -m venv "$venv" && "$venv/bin/pip" install -q --disable-pip-version-check --retries 1 --timeout 15 'schemathesis==4.32.5'; } \
        >"$folder.log" 2>&1 || {
        printf 'SKIPPED: fuzz: schemathesis cannot be installed from PyPI (%s)\n' "$(tail -n 1 "$folder.log")"
        exit 0
    }
fi
rm -rf "$folder"
mkdir -p "$folder"
program="${DAYBOOK_PROGRAMS:-$(swift build --show-bin-path)}/daybook"
seed="${SEED:-$RANDOM}"
home="$folder/home"
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
}
trap finish EXIT
# Starts a service of the program: NAME WORD...; what it writes first stands in NAME.json, its process is the last of pids.
start() {
    local name="$1"
    shift
    "$program" "$@" --home "$home" --insecure-http --port 0 --json >"$folder/$name.json" 2>"$folder/$name.jsonl" &
    pids+=("$!")
    for _ in $(seq 300); do
        if [[ -s $folder/$name.json ]]; then return; fi
        kill -0 "${pids[-1]}" 2>/dev/null || { cat "$folder/$name.jsonl" >&2; exit 69; }
        read -rt 0.1 <> <(:) || true
    done
    printf 'fuzz: %s does not answer, see %s\n' "$name" "$folder/$name.jsonl" >&2
    exit 69
}
"$program" init --home "$home" >/dev/null
"$program" sample --items 300 --out "$folder/plant.db" >/dev/null
version="$("$program" train --source "$folder/plant.db" --home "$home" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["version"])')"
"$program" model activate "$version" --reason "to be fuzzed" --home "$home" >/dev/null
start serve serve
start infer infer --worker fuzz
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
url="$(field url <"$folder/serve.json")"
person() { printf '"address": "%s@plant.example", "password": "correct horse battery"' "$1"; }
call() {
    local path="$1" body="$2"
    shift 2
    curl -sS --fail-with-body -X POST -H 'Content-Type: application/json' "$@" "$url/api/v1/$path" -d "$body"
}
token() { call auth/login "{\"token\": true, $(person "$1")}" | field token; }
call auth/first-administrator "{\"code\": \"$(field code <"$folder/serve.json")\", \"name\": \"admin\", $(person admin)}" >/dev/null
admin="$(token admin)"
declare -A tokens=([admin]="$admin")
for role in "${roles[@]}"; do
    [[ $role == admin || $role == anonymous ]] && continue
    call auth/signup "{\"name\": \"$role\", $(person "$role")}" >/dev/null
    id="$("$program" user list --status pending --json --home "$folder/home" | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["user_id"])')"
    call "users/$id/approve" "{\"role\": \"$role\"}" -H "Authorization: Bearer $admin" >/dev/null
    tokens[$role]="$(token "$role")"
done
asked="$(field url <"$folder/infer.json")"
# Until a worker has joined and loaded, what is passed on to it has nobody to answer it.
for _ in $(seq 300); do
    curl -sf -o /dev/null -H "Authorization: Bearer $admin" -H 'Content-Type: application/json' -d '{"parts": [{"features": {}}]}' \
        "$url/api/v1/similar" && break
    read -rt 0.1 <> <(:) || true
done
failed=0
# NAME, URL, token or nothing.
fuzz() {
    local name="$1" at="$2" headers=()
    [[ -n $3 ]] && headers=(-H "Authorization: Bearer $3")
    curl -sS "$at/openapi.json" >"$folder/$name.openapi.json"
    # A role that ends its own session or disables itself would leave nothing to test.
    "$venv/bin/schemathesis" run "$folder/$name.openapi.json" --url "$at" "${headers[@]}" --seed "$seed" --workers 2 --max-time "$seconds" \
        --phases examples,coverage,fuzzing --continue-on-failure --no-color \
        --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth \
        --exclude-path-regex '/auth/(logout|password|login|first-administrator)|/users/\{user\}/(role|disable|reject|end-sessions|reset)|/auth/sessions' \
        >"$folder/$name.txt" 2>&1 || true
    # What its own generator stumbles over is no answer of ours.
    if grep -qE '^=+ FAILURES' "$folder/$name.txt"; then
        failed=1
        grep -nE '^- ST|^    (Received|Documented|curl)|is not|not allowed' "$folder/$name.txt" | head -60
    fi
    grep -qE '^=+ .*(passed|failed|error|warnings).* in ' "$folder/$name.txt" || { failed=1; tail -5 "$folder/$name.txt"; }
    printf 'FIGURES fuzz: %s: %s\n' "$name" "$(grep -E '^  [0-9]+ generated' "$folder/$name.txt" | tr -s ' ')"
}
for role in "${roles[@]}"; do fuzz "$role" "$url" "${tokens[$role]:-}"; done
fuzz worker "$asked" "$admin"
for index in "${!pids[@]}"; do
    kill -0 "${pids[$index]}" 2>/dev/null || { printf 'fuzz: a service ended\n' >&2; tail -n 5 "$folder"/{serve,infer}.jsonl >&2; exit 65; }
done
printf 'FIGURES fuzz: answers of 5xx: %s\n' "$(cat "$home"/logs/*.jsonl | grep -c '"status":5' || true)"
((failed == 0)) || { printf 'fuzz: FAILED with SEED=%s, see %s\n' "$seed" "$folder" >&2; exit 65; }
