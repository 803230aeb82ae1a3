#!/usr/bin/env bash
# The HTTP service beside Hummingbird alone, and with `peers` beside FastAPI: the same requests by the same client (wrk),
# turn by turn, on loopback without TLS; the same home without request log and counting; the time of a scrape. With `peers` also beside MLflow: which version is in use, set and read back.
# Usage: scripts/bench-http.sh [peers] [SECONDS of each run, default 5] [ROUNDS, default 3]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
peers=""
if [[ ${1:-} == peers ]]; then
    peers=yes
    shift
fi
seconds="${1:-5}"
rounds="${2:-3}"
command -v wrk >/dev/null || { printf 'bench-http: wrk is missing; `make setup` with the section [bench] installs it\n' >&2; exit 69; }
folder="$PWD/.build/bench-http"
rm -rf "$folder"
mkdir -p "$folder"
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
}
trap finish EXIT
# The first line of a file that a server writes when it listens.
first_line() {
    for _ in $(seq 300); do
        if [[ -s $1 ]]; then head -n 1 "$1"; return; fi
        read -rt 0.1 <> <(:) || true
    done
    printf 'bench-http: no server wrote %s\n' "$1" >&2
    exit 69
}
programs="${DAYBOOK_PROGRAMS:-}"
if [[ -z $programs ]]; then
    swift build -c release --product daybook
    swift build -c release --product daybook-bench
    programs="$(swift build -c release --show-bin-path)"
fi
home="$folder/home"
"$programs/daybook" init --home "$home" >/dev/null
"$programs/daybook-bench" http-home --home "$home"
# Two versions with their files, to change between; a folder that was copied seconds ago is refused with 75.
versions=(2026.01.12_1 2026.02.02_1)
if [[ -n $peers ]]; then
    for version in "${versions[@]}"; do
        for _ in $(seq 20); do
            "$programs/daybook" model register --home "$home" "samples/models/$version" >>"$folder/register.log" 2>&1 && break
            sleep 1
        done
    done
    "$programs/daybook" service-account create --home "$home" bench >/dev/null
    "$programs/daybook" service-account issue --home "$home" bench --scope read,operate --days 1 --out "$folder/key" >/dev/null
fi
# The same home once more, served without a line or a number of any request.
cp -a "$home" "$folder/quiet"
DAYBOOK_REQUESTS_LOG=false DAYBOOK_METRICS_COUNT=false DAYBOOK_LOG_LEVEL=warning \
    "$programs/daybook" serve --home "$folder/quiet" --insecure-http --port 0 --json >"$folder/quiet.json" 2>"$folder/quiet.log" &
pids+=("$!")
"$programs/daybook" serve --home "$home" --insecure-http --port 0 --json >"$folder/serve.json" 2>"$folder/serve.log" &
pids+=("$!")
field() { python3 -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$1" "$2"; }
line="$(first_line "$folder/serve.json")"
ours="$(field "$line" url)"
ours="${ours/localhost/127.0.0.1}"
person='"address": "bench@plant.example", "password": "correct horse battery"'
post() { curl -sS --fail-with-body -X POST -H 'Content-Type: application/json' "$1/api/v1/auth/$2" -d "$3"; }
# A token of the first administrator of the server at a URL, who comes in with a code.
administrator() {
    post "$1" first-administrator "{\"code\": \"$2\", \"name\": \"Bench\", $person}" >/dev/null
    field "$(post "$1" login "{\"token\": true, $person}")" token
}
token="$(administrator "$ours" "$(field "$line" code)")"
line="$(first_line "$folder/quiet.json")"
quiet="$(field "$line" url)"
quiet="${quiet/localhost/127.0.0.1}"
quiet_token="$(administrator "$quiet" "$(field "$line" code)")"
curl -sS --fail-with-body -H "Authorization: Bearer $token" "$ours/api/v1/models?limit=100" >"$folder/models.json"
"$programs/daybook-bench" memory-route --file "$folder/models.json" >"$folder/memory.port" 2>/dev/null &
pids+=("$!")
memory="http://127.0.0.1:$(first_line "$folder/memory.port")"

# What wrk prints of one run: requests a second, p50, p95, p99 in ms, refused.
get() { wrk -t 1 -c "$2" -d "${seconds}s" -s Benchmarks/peers/get.lua "$1/api/v1/models?limit=100" -- "$3" | sed -n 's/^RESULT //p'; }
patch() {
    wrk -t 1 -c "$2" -d "${seconds}s" -s Benchmarks/peers/patch.lua "$1" -- '/api/v1/config/runtime?reason=bench' "$4" "$3" |
        sed -n 's/^RESULT //p'
}
# The run with the median rate.
median() { sort -n | awk '{ all[NR] = $0 } END { print all[int((NR + 1) / 2)] }'; }
# What, ours, peer, bar.
told() {
    awk -v what="$1" -v ours="${2%% *}" -v peer="${3%% *}" -v bar="$4" -v name="$5" 'BEGIN {
        ratio = ours / (peer > 0 ? peer : 1)
        printf "%s: ours %d, %s %d requests/s; ratio %.2f, bar %s: %s\n", what, ours, name, peer, ratio, bar, (ratio >= bar ? "held" : "MISSED") }'
}

for _ in $(seq "$rounds"); do
    get "$ours" 16 "$token" >>"$folder/get.ours"
    get "$memory" 16 - >>"$folder/get.memory"
done
printf 'GET /api/v1/models of 100 (%s bytes), 16 connections\n' "$(wc -c <"$folder/models.json")"
mine="$(median <"$folder/get.ours")"
told "  with session check and role" "$mine" "$(median <"$folder/get.memory")" 0.5 "Hummingbird from memory"
printf '  ours p50 %s ms, p95 %s ms, p99 %s ms, refused %s\n' $(cut -d' ' -f2- <<<"$mine")
for _ in $(seq "$((rounds * 3))"); do
    get "$quiet" 16 "$quiet_token" >>"$folder/get.quiet"
    get "$ours" 16 "$token" >>"$folder/get.observed"
done
awk -v on="$(median <"$folder/get.observed" | cut -d' ' -f1)" -v off="$(median <"$folder/get.quiet" | cut -d' ' -f1)" 'BEGIN {
    cost = 100 * (1 - on / off)
    printf "  with request log and numbers %d, without %d requests/s; cost %.1f %%, bar 3 %%: %s\n", on, off, cost, (cost <= 3 ? "held" : "MISSED") }'
for _ in $(seq 21); do
    curl -sS --fail-with-body -o "$folder/scrape.txt" -w '%{time_total}\n' -H "Authorization: Bearer $token" "$ours/metrics"
done | sort -n | awk '{ all[NR] = $1 * 1000 } END {
    printf "  scrape of /metrics: median %.1f ms, slowest %.1f ms, bar 10 ms: %s\n", all[11], all[NR], (all[11] <= 10 ? "held" : "MISSED") }'
# A server of a peer, in a Python of its own: NAME, what pip installs; the interpreter's path, or one line why there is none.
peer_python() {
    local venv="$PWD/.build/peers/$1-venv"
    if [[ ! -x $venv/bin/python ]]; then python3 -m venv "$venv" || return 1; fi
    "$venv/bin/python" -m pip install -q --disable-pip-version-check "${@:2}" >"$folder/pip.$1.log" 2>&1 || return 1
    printf '%s/bin/python\n' "$venv"
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
answers() { for _ in $(seq "$2"); do curl -s -o /dev/null "$1" && return; read -rt 0.1 <> <(:) || true; done; return 1; }

beside_fastapi() {
    local python port fastapi
    python="$(peer_python http 'fastapi==0.115.*' 'uvicorn[standard]==0.34.*')" ||
        { printf 'ABSENT: FastAPI: pip cannot install it, see %s\n' "$folder/pip.http.log"; return; }
    port="$(free_port)"
    "$python" Benchmarks/peers/fastapi_peer.py "$folder/fastapi.db" "$port" >"$folder/fastapi.log" 2>&1 &
    pids+=("$!")
    fastapi="http://127.0.0.1:$port"
    answers "$fastapi/api/v1/models" 200 || { printf 'ABSENT: FastAPI: it does not answer, see %s\n' "$folder/fastapi.log"; return; }
    for _ in $(seq "$rounds"); do
        get "$fastapi" 16 - >>"$folder/get.fastapi"
        get "$ours" 16 "$token" >>"$folder/get.ours2"
        patch "$fastapi" 16 - application/json >>"$folder/patch.fastapi"
        patch "$ours" 16 "$token" application/merge-patch+json >>"$folder/patch.ours2"
    done
    told "GET of 100, 16 connections" "$(median <"$folder/get.ours2")" "$(median <"$folder/get.fastapi")" 8 FastAPI
    told "durable PATCH, 16 connections" "$(median <"$folder/patch.ours2")" "$(median <"$folder/patch.fastapi")" 3 FastAPI
}

beside_mlflow() {
    local python port mlflow
    python="$(peer_python mlflow 'mlflow==3.*')" ||
        { printf 'ABSENT: MLflow: pip cannot install it, see %s\n' "$folder/pip.mlflow.log"; return; }
    port="$(free_port)"
    MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true "$python" -m mlflow server --backend-store-uri "sqlite:///$folder/mlflow.db" \
        --artifacts-destination "$folder/mlflow-artifacts" --host 127.0.0.1 --port "$port" --workers 1 >"$folder/mlflow.log" 2>&1 &
    pids+=("$!")
    mlflow="http://127.0.0.1:$port"
    answers "$mlflow/health" 1200 || { printf 'ABSENT: MLflow: it does not answer, see %s\n' "$folder/mlflow.log"; return; }
    "$python" Benchmarks/peers/activation_peer.py "$ours" "$folder/key" "${versions[@]}" "$mlflow" "${DAYBOOK_TURNS:-200}"
}

# While the home is as young as MLflow's database.
[[ -z $peers ]] || beside_mlflow
for callers in 1 16 64; do
    for _ in $(seq "$rounds"); do patch "$ours" "$callers" "$token" application/merge-patch+json >>"$folder/patch.$callers"; done
    printf 'durable PATCH, %s connections: %s a second, p50 %s ms, p95 %s ms, p99 %s ms, refused %s\n' "$callers" $(median <"$folder/patch.$callers")
done
# /health in turn, 200 times over one connection, while 64 others write durably.
patch "$ours" 64 "$token" application/merge-patch+json >/dev/null &
load="$!"
for _ in $(seq 200); do printf 'url = "%s/health"\noutput = "/dev/null"\n' "$ours"; done |
    curl -sS -H "Authorization: Bearer $token" -w '%{time_total}\n' -K - | sort -n |
    awk '{ all[NR] = $1 * 1000 } END {
        p50 = all[int((NR + 1) / 2)]; p95 = all[int(NR * 0.95)]
        printf "/health beside 64 writers: %d answers, p50 %.1f ms, p95 %.1f ms, most %.1f ms; bar 20 ms: %s\n", NR, p50, p95, all[NR], (p95 <= 20 ? "held" : "MISSED") }'
wait "$load"
[[ -z $peers ]] || beside_fastapi
