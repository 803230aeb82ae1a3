#!/usr/bin/env bash
# Schemathesis against a running server of a home made for that: no answer of 5xx, none that the OpenAPI document does not name,
# no route that lets somebody in without a right. Usage: scripts/fuzz-api.sh [SECONDS for each role, default 60] [ROLE...]
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
"$program" init --home "$folder/home" >/dev/null
"$program" serve --home "$folder/home" --insecure-http --port 0 --json >"$folder/serve.json" 2>"$folder/serve.jsonl" &
server="$!"
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true' EXIT
for _ in $(seq 300); do
    if [[ -s $folder/serve.json ]]; then break; fi
    kill -0 "$server" 2>/dev/null || { cat "$folder/serve.jsonl" >&2; exit 69; }
    read -rt 0.1 <> <(:) || true
done
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
curl -sS "$url/openapi.json" >"$folder/openapi.json"
failed=0
for role in "${roles[@]}"; do
    headers=()
    [[ -n ${tokens[$role]:-} ]] && headers=(-H "Authorization: Bearer ${tokens[$role]}")
    # A role that ends its own session or disables itself would leave nothing to test.
    "$venv/bin/schemathesis" run "$folder/openapi.json" --url "$url" "${headers[@]}" --seed "$seed" --workers 2 --max-time "$seconds" \
        --phases examples,coverage,fuzzing --continue-on-failure --no-color \
        --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth \
        --exclude-path-regex '/auth/(logout|password|login|first-administrator)|/users/\{user\}/(role|disable|reject|end-sessions|reset)|/auth/sessions' \
        >"$folder/$role.txt" 2>&1 || true
    # What its own generator stumbles over is no answer of ours.
    if grep -qE '^=+ FAILURES' "$folder/$role.txt"; then
        failed=1
        grep -nE '^- ST|^    (Received|Documented|curl)|is not|not allowed' "$folder/$role.txt" | head -60
    fi
    grep -qE '^=+ .*(passed|failed|error|warnings).* in ' "$folder/$role.txt" || { failed=1; tail -5 "$folder/$role.txt"; }
    printf 'FIGURES fuzz: %s: %s\n' "$role" "$(grep -E '^  [0-9]+ generated' "$folder/$role.txt" | tr -s ' ')"
done
kill -0 "$server" 2>/dev/null || { printf 'fuzz: the server ended\n' >&2; tail -5 "$folder/serve.jsonl" >&2; exit 65; }
printf 'FIGURES fuzz: answers of 5xx: %s\n' "$(grep -c '"status":5' "$folder/serve.jsonl" || true)"
((failed == 0)) || { printf 'fuzz: FAILED with SEED=%s, see %s\n' "$seed" "$folder" >&2; exit 65; }
