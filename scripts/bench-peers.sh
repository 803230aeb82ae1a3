#!/usr/bin/env bash
# The same durable append beside PostgreSQL, Redis and Python's eventsourcing, one after the other on the same disk.
# Servers run on sockets of their own with data of their own below .build/peers, and are ended by their own process ids.
# Usage: scripts/bench-peers.sh [SECONDS of each run, default 5]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/postgres-server.sh
seconds="${1:-5}"
folder="$PWD/.build/peers"
mkdir -p "$folder"
pids=()
finish() {
    postgres_end
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
}
trap finish EXIT
absent() { printf 'ABSENT: %s: %s\n' "$1" "$2"; }
# Rates of all rounds, by name and callers; the disk's moods meet every side, as the sides take turns.
declare -A rates
rounds=3
add() { rates[$1]="${rates[$1]:-} ${2:-}"; }
median() { tr ' ' '\n' <<<"${rates[$1]:-}" | grep -E '^[0-9]+$' | sort -n | awk '{ all[NR] = $1 } END { if (NR) print all[int((NR + 1) / 2)] }'; }

ours() {
    local text
    text="$("$bench" append --rounds 1 --seconds "$seconds" --events 100000)"
    for callers in 1 16 64; do
        add "daybook,$callers" "$(sed -n "s/^append, $callers callers: ours \([0-9]*\).*/\1/p" <<<"$text")"
        add "bare C,$callers" "$(sed -n "s/^append, $callers callers:.*peer \([0-9]*\).*/\1/p" <<<"$text")"
    done
}

# Servers are started once; `has` says which are there.
has=""

# A table with unique (stream, version), as event stores on PostgreSQL have it; each insert is a transaction of its own.
start_postgres() {
    postgres_server "$folder/postgres.log" || return 0
    "${psql[@]}" <<'SQL'
CREATE TABLE events (position bigserial PRIMARY KEY, stream text NOT NULL, version bigint NOT NULL, type text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(), payload jsonb NOT NULL, UNIQUE (stream, version));
SQL
    # Each client has streams of its own and counts their versions, as a caller that knows its expected version does.
    # A colon with a word after it would be a variable of pgbench.
    local payload
    payload='{"count": 12345, "ok": true, "text": "'"$(printf 'x%.0s' $(seq 255))"'"}'
    cat >"$folder/append.sql" <<SQL
\\set stream random(1, 10000)
INSERT INTO events (stream, version, type, payload) VALUES ('bench-' || :stream || '-' || :client_id,
  (SELECT coalesce(max(version), 0) + 1 FROM events WHERE stream = 'bench-' || :stream || '-' || :client_id),
  'bench.measured', '$payload');
SQL
    has+=" postgres"
}

postgres() {
    for callers in 1 16 64; do
        add "PostgreSQL 15,$callers" "$("$postgres_bin/pgbench" -h "$postgres_place" -U bench -n -M prepared -c "$callers" -j 2 -T "$seconds" \
            -f "$folder/append.sql" postgres 2>>"$folder/postgres.log" | sed -n 's/^tps = \([0-9]*\).*/\1/p' || true)"
    done
}

start_redis() {
    command -v redis-server >/dev/null || { absent "Redis 7" "no redis-server (apt-get install redis-server)"; return; }
    place="$folder/redis"
    rm -rf "$place"
    mkdir -p "$place"
    redis-server --port 0 --unixsocket "$place/s" --dir "$place" --appendonly yes --appendfsync always --save '' \
        >"$folder/redis.log" 2>&1 &
    pids+=("$!")
    for _ in $(seq 100); do [[ -S $place/s ]] && break; read -rt 0.1 <> <(:) || true; done
    has+=" redis"
}

redis() {
    local payload
    payload="$(printf 'x%.0s' $(seq 300))"
    for callers in 1 16 64; do
        local count=$((callers * 2000 * seconds / 5))
        add "Redis 7,$callers" "$(redis-benchmark -s "$folder/redis/s" -q -n "$count" -c "$callers" -r 10000 \
            XADD bench-__rand_int__ '*' type bench.measured data "$payload" 2>/dev/null | tr '\r' '\n' |
            sed -n 's/.*: \([0-9]*\)\.[0-9]* requests per second.*/\1/p' | tail -n 1 || true)"
    done
}

start_python() {
    local place="$folder/venv"
    if [[ ! -x $place/bin/python ]]; then
        python3 -m venv "$place" 2>/dev/null || { absent "Python eventsourcing" "no venv (apt-get install python3-venv)"; return; }
    fi
    "$place/bin/python" -c 'import eventsourcing' 2>/dev/null ||
        "$place/bin/pip" install -q eventsourcing==9.5.6 >"$folder/pip.log" 2>&1 ||
        { absent "Python eventsourcing" "PyPI cannot be reached, see .build/peers/pip.log"; return; }
    has+=" python"
}

python() {
    for callers in 1 16 64; do
        add "Python eventsourcing,$callers" "$("$folder/venv/bin/python" Benchmarks/peers/eventsourcing_peer.py "$folder/es.sqlite" "$callers" "$seconds" || true)"
    done
}

swift build -c release --product daybook-bench >/dev/null
bench="$(swift build -c release --show-bin-path)/daybook-bench"
start_postgres
start_redis
start_python
for _ in $(seq "$rounds"); do
    for side in ours $has; do "$side"; done
done

printf '\n%-22s %12s %12s %12s   %s\n' "events/s, 300 bytes" "1 caller" "16 callers" "64 callers" "Daybook is so many times as fast"
for name in daybook "bare C" "PostgreSQL 15" "Redis 7" "Python eventsourcing"; do
    [[ -n $(median "$name,1") ]] || continue
    printf '%-22s' "$name"
    for callers in 1 16 64; do printf ' %12s' "$(median "$name,$callers")"; done
    printf '  '
    for callers in 1 16 64; do
        awk -v ours="$(median "daybook,$callers")" -v peer="$(median "$name,$callers")" \
            'BEGIN { printf " %s", (peer > 0 ? sprintf("%.2f", ours / peer) : "-") }'
    done
    printf '\n'
done
