#!/usr/bin/env bash
# Similar parts over HTTP beside bare hnswlib in C++, and with `peers` beside FastAPI, Uvicorn and hnswlib: the same index file, the same
# queries, all different, by the same client (wrk), turn by turn, on loopback without TLS. Then proposals, time summaries, the start to the
# first answer, memory, and activations under load.
# The model is trained once on a made plant of 100,000 parts (PARTS=N: so many, the bars are meant for 100,000) with vectors of 128
# numbers, and kept below .build/bench-inference-N. ACTIVATIONS=N: so many of them, quiet and under load.
# Usage: scripts/bench-inference.sh [peers] [SECONDS of each run, default 5] [ROUNDS, default 3]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
peers=""
if [[ ${1:-} == peers ]]; then
    peers=yes
    shift
fi
seconds="${1:-5}"
rounds="${2:-3}"
for tool in wrk time g++; do
    command -v "$tool" >/dev/null || { printf 'bench-inference: %s is missing; `make setup` with the section [bench] installs it\n' "$tool" >&2; exit 69; }
done
parts="${PARTS:-100000}"
folder="$PWD/.build/bench-inference-$parts"
mkdir -p "$folder"
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
}
trap finish EXIT
programs="${DAYBOOK_PROGRAMS:-}"
if [[ -z $programs ]]; then
    swift build -c release --product daybook
    swift build -c release --product daybook-bench
    programs="$(swift build -c release --show-bin-path)"
fi
daybook="$programs/daybook"
home="$folder/home"
export DAYBOOK_HOME="$home"
field() { python3 -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$1" "$2"; }
now() { date +%s%N; }
median() { sort -n | awk '{ all[NR] = $0 } END { print all[int((NR + 1) / 2)] }'; }
held() { awk -v a="$1" -v b="$2" 'BEGIN { print (a >= b ? "held" : "MISSED") }'; }

if [[ ! -s $folder/versions ]]; then
    rm -rf "$home" "$folder/versions.new"
    "$daybook" init >/dev/null
    # Without orders: routings and minutes stand in the master.
    began="$(now)"
    "$daybook" sample --items "$parts" --no-orders --out "$folder/plant.db" >/dev/null
    printf 'the plant: %s ms\n' "$((($(now) - began) / 1000000))"
    # Sixteen dimensions of text and thirty-two others are usual; 96 of text make 128.
    "$daybook" config patch trainer '{"embedding.text_dimensions": 96, "index.threads": 2}' --reason "128 numbers" >/dev/null
    for _ in 1 2; do
        /usr/bin/env time -f '%e s, %M KiB' -o "$folder/train.time" \
            "$daybook" train --source "$folder/plant.db" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["version"])' >>"$folder/versions.new"
        printf 'the training: %s\n' "$(cat "$folder/train.time")"
    done
    "$daybook" service-account create bench >/dev/null
    "$daybook" service-account issue bench --scope read,operate --days 30 --out "$folder/key" >/dev/null
    rm -f "$folder/plant.db"
    mv "$folder/versions.new" "$folder/versions"
fi
mapfile -t versions <"$folder/versions"
"$daybook" model activate "${versions[0]}" --reason "bench" >/dev/null 2>&1 || true
index="$home/models/${versions[0]}/hnsw_index.bin"
dimension="$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["dimension"])' "$home/models/${versions[0]}/training_metadata.json")"
g++ -O3 -march=native -o "$folder/similar_peer" Benchmarks/peers/similar_peer.cpp -lpthread
[[ -s $folder/bodies ]] || "$folder/similar_peer" bodies "$index" "$dimension" 5000 50 "$folder/bodies"

# Starts a worker; its first answer is timed from the start of the process.
start_worker() {
    local began
    began="$(now)"
    : >"$folder/worker.json"
    "$daybook" infer --worker bench --port 0 --insecure-http --json >"$folder/worker.json" 2>"$folder/worker.log" &
    worker="$!"
    pids+=("$worker")
    until curl -sf --unix-socket "$home/data/inference/bench.sock" -X POST -H 'Content-Type: application/json' \
        -d "$(head -n 1 "$folder/bodies")" -o /dev/null http://localhost/v1/similar 2>/dev/null; do
        kill -0 "$worker" || { printf 'bench-inference: the worker ended, see %s\n' "$folder/worker.log" >&2; exit 69; }
    done
    cold="$((($(now) - began) / 1000000))"
    url="$(field "$(head -n 1 "$folder/worker.json")" url)"
    url="${url/localhost/127.0.0.1}"
}
# Five starts: the first finds neither program nor files in memory, perhaps.
colds=()
for turn in 1 2 3 4 5; do
    start_worker
    colds+=("$cold")
    ((turn == 5)) || { kill "$worker"; wait "$worker" || true; }
done
token="$(cat "$folder/key")"
ask() { wrk -t 1 -c "$2" -d "${seconds}s" -s Benchmarks/peers/similar.lua "$1" -- "$3" "$4" "${5:--}" | sed -n 's/^RESULT //p'; }
memory() { awk '/VmRSS/ { print int($2 / 1024) }' "/proc/$1/status"; }
rest="$(memory "$worker")"

printf 'similar, %s parts of %s numbers, k 50, ef_search 128, %s different queries\n' "$parts" "$dimension" "$(wc -l <"$folder/bodies")"
for round in $(seq "$rounds"); do
    "$folder/similar_peer" search "$index" "$dimension" 50 128 2 "$seconds" "$folder/bodies" >>"$folder/bare.$$"
    "$folder/similar_peer" search "$index" "$dimension" 50 128 1 "$seconds" "$folder/bodies" >>"$folder/alone.$$"
    for connections in 1 16 64; do ask "$url" "$connections" /v1/similar "$folder/bodies" "$token" >>"$folder/ours.$connections.$$"; done
done
bare="$(median <"$folder/bare.$$")"
alone="$(median <"$folder/alone.$$")"
printf '  bare C++ hnswlib, 2 threads %s searches/s; 1 thread p50 %s ms\n' "${bare%% *}" "$(cut -d' ' -f2 <<<"$alone")"
for connections in 1 16 64; do
    mine="$(median <"$folder/ours.$connections.$$")"
    printf '  ours, %s connections: %s requests/s, p50 %s, p95 %s, p99 %s ms, refused %s\n' "$connections" $mine
done
best="$(cat "$folder"/ours.{16,64}.$$ | median | cut -d' ' -f1)"
awk -v ours="$best" -v bare="${bare%% *}" 'BEGIN { r = ours / bare; printf "  beside bare hnswlib on both processors: %.2f, bar 0.6: %s\n", r, (r >= 0.6 ? "held" : "MISSED") }'
one="$(median <"$folder/ours.1.$$")"
awk -v ours="$(cut -d' ' -f2 <<<"$one")" -v search="$(cut -d' ' -f2 <<<"$alone")" 'BEGIN { o = (ours - search) * 1000
    printf "  at 1 connection %.0f us over the search, bar 150 us: %s\n", o, (o <= 150 ? "held" : "MISSED") }'

# What the library alone reaches with the same search, on the same processors.
"$programs/daybook-bench" similar-route --index "$index" --dimension "$dimension" >"$folder/library.port" 2>"$folder/library.log" &
pids+=("$!")
for _ in $(seq 300); do [[ -s $folder/library.port ]] && break; read -rt 0.1 <> <(:) || true; done
library="http://127.0.0.1:$(head -n 1 "$folder/library.port")"
for _ in $(seq "$rounds"); do
    for connections in 1 16; do
        ask "$library" "$connections" /v1/similar "$folder/bodies" >>"$folder/library.$connections.$$"
        ask "$url" "$connections" /v1/similar "$folder/bodies" "$token" >>"$folder/mine.$connections.$$"
    done
done
kill "${pids[-1]}"
for connections in 1 16; do
    printf '%s\n%s\n' "$(median <"$folder/mine.$connections.$$")" "$(median <"$folder/library.$connections.$$")" | awk -v c="$connections" '{ rate[NR] = $1; p50[NR] = $2; p99[NR] = $4 } END {
        printf "  beside Hummingbird alone with the same search, %s connections: ours %d, theirs %d requests/s: %.2f; p50 %.2f and %.2f, p99 %.2f and %.2f ms\n",
            c, rate[1], rate[2], rate[1] / rate[2], p50[1], p50[2], p99[1], p99[2] }'
done

if [[ -n $peers ]]; then
    venv="$PWD/.build/peers/inference-venv"
    if { [[ -x $venv/bin/python ]] || python3 -m venv "$venv"; } &&
        "$venv/bin/python" -m pip install -q --disable-pip-version-check 'fastapi==0.115.*' 'uvicorn[standard]==0.34.*' 'hnswlib==0.8.*' numpy >"$folder/pip.log" 2>&1; then
        port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
        "$venv/bin/python" Benchmarks/peers/similar_peer.py "$index" "$home/models/${versions[0]}/item_ids.json" "$dimension" 128 "$port" >"$folder/peer.log" 2>&1 &
        pids+=("$!")
        peer="http://127.0.0.1:$port"
        for _ in $(seq 300); do curl -s -o /dev/null "$peer/docs" && break; read -rt 0.1 <> <(:) || true; done
        for _ in $(seq "$rounds"); do
            for connections in 1 16 64; do
                ask "$peer" "$connections" /v1/similar "$folder/bodies" >>"$folder/peer.$connections.$$"
                ask "$url" "$connections" /v1/similar "$folder/bodies" "$token" >>"$folder/beside.$connections.$$"
            done
        done
        for connections in 1 16 64; do
            mine="$(median <"$folder/beside.$connections.$$")" theirs="$(median <"$folder/peer.$connections.$$")"
            printf '%s\n%s\n' "$mine" "$theirs" | awk -v c="$connections" '{ rate[NR] = $1; p50[NR] = $2; p99[NR] = $4 } END {
                printf "  beside FastAPI, Uvicorn and hnswlib, %s connections: ours %d, theirs %d requests/s: %.1f times; p99 %.2f and %.2f ms: 1/%.1f\n",
                    c, rate[1], rate[2], rate[1] / rate[2], p99[1], p99[2], p99[2] / p99[1] }'
        done
        printf '    bars at 16 and 64: 14 times, 1/15\n'
    else
        printf 'ABSENT: FastAPI with hnswlib: pip cannot install it, see %s\n' "$folder/pip.log"
    fi
fi

# Proposals: parts of the version by their codes, no two alike.
python3 - "$home/models/${versions[0]}/item_ids.json" >"$folder/proposals" <<'PYTHON'
import json, sys
for item in json.load(open(sys.argv[1]))[::20]:
    print(json.dumps({"parts": [{"item": item}], "neighbours": 50, "expansions": 10}))
PYTHON
whole="$(ask "$url" 4 /v1/proposals "$folder/proposals" "$token")"
printf 'proposals of one part, 50 neighbours, 10 expansions, 4 connections: %s requests/s, p50 %s, p95 %s, p99 %s ms, refused %s; bar 10 ms: %s\n' $whole "$(held 10 "$(cut -d' ' -f3 <<<"$whole")")"
operation="$(curl -sS --unix-socket "$home/data/inference/bench.sock" -X POST -H 'Content-Type: application/json' -d "$(head -n 1 "$folder/proposals")" \
    http://localhost/v1/proposals | python3 -c 'import json, sys; print(json.load(sys.stdin)["proposals"][0]["operations"][0]["operation"])')"
timed() { curl -sS -o /dev/null -w '%{time_total}\n' -H "Authorization: Bearer $token" "$url/v1/time-summary/$1" | awk '{ printf "%.2f", $1 * 1000 }'; }
miss="$(timed "$operation")"
hit="$(for _ in $(seq 21); do timed "$operation"; echo; done | median)"
printf 'time summary: not known yet %s ms, bar 20 ms: %s; known %s ms, bar 2 ms: %s\n' "$miss" "$(held 20 "$miss")" "$hit" "$(held 2 "$hit")"
cold="$(printf '%s\n' "${colds[@]}" | median)"
printf 'from the start of the process to the first answer: the first %s, median of 5 %s ms, bar 500 ms: %s\n' "${colds[0]}" "$cold" "$(held 500 "$cold")"

# Activations: from the command's end to the version's first answer. First while nobody asks; then while 16 connections do, who take
# both processors: loading gives way to them, and is bound to take longer.
count="${ACTIVATIONS:-100}"
activations() {
    python3 Benchmarks/peers/activations.py "$daybook" "$home/data/inference/bench.sock" "$worker" "$2" "$3" "${versions[@]:0:2}" >"$1"
    largest+=("$(sed -n 's/^MOST //p' "$1")")
    sed -i '/^MOST/d' "$1"
}
largest=("$((rest * 1024))")
quantiles() { sort -n "$1" | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)], all[int(NR * 0.95)], NR }'; }
activations "$folder/quiet.$$" "$count" 0
printf 'activation to serving, nobody asks: p50 %s, p95 %s ms of %s' $(quantiles "$folder/quiet.$$")
printf ', bar 500 ms: %s\n' "$(held 500 "$(quantiles "$folder/quiet.$$" | cut -d' ' -f2)")"
quiet="$(cut -d' ' -f4 <<<"$(median <"$folder/ours.16.$$")")"
# So many activations, with so many seconds between them, while others ask.
during() {
    local load under
    wrk -t 1 -c 16 -d 3600s -s Benchmarks/peers/similar.lua "$url" -- /v1/similar "$folder/bodies" "$token" >"$folder/under.$$" &
    load="$!"
    pids+=("$load")
    activations "$folder/busy.$$" "$1" "$2"
    # Interrupted, wrk tells what it saw so far.
    kill -INT "$load"
    wait "$load" || true
    under="$(sed -n 's/^RESULT //p' "$folder/under.$$")"
    printf 'activation to serving, both processors taken by those who ask, %s s between: p50 %s, p95 %s ms of %s\n' "$2" $(quantiles "$folder/busy.$$")
    printf '%s\n' "$under" | awk -v quiet="$quiet" '{ r = $4 / quiet; printf "  those who ask: p99 %.2f ms, quiet %.2f: %.1f times, bar 2: %s; refused %d\n", $4, quiet, r, (r <= 2 ? "held" : "MISSED"), $5 }'
}
during "$count" 0
during "$(((count + 4) / 5))" 2
most="$(printf '%s\n' "${largest[@]}" | sort -n | tail -1)"
printf 'memory: %s MiB at rest, %s MiB at most with two versions\n' "$rest" "$((most / 1024))"
rm -f "$folder"/*.$$
