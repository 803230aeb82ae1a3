#!/usr/bin/env bash
# The stream of events: how soon 200 subscribers have a change, and how fast one subscriber reads a million events.
# Usage: scripts/bench-feed.sh [EVENTS, default 1000000] [SUBSCRIBERS, default 200]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
events="${1:-1000000}"
subscribers="${2:-200}"
folder="$PWD/.build/bench-feed"
home="$folder/home-$events"
mkdir -p "$folder"
pid=""
finish() { [[ -z $pid ]] || { kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; }; }
trap finish EXIT
programs="${DAYBOOK_PROGRAMS:-}"
if [[ -z $programs ]]; then
    swift build -c release --product daybook
    swift build -c release --product daybook-bench
    programs="$(swift build -c release --show-bin-path)"
fi
if [[ ! -d $home ]]; then
    rm -rf "$home.new"
    "$programs/daybook" init --home "$home.new" >/dev/null
    "$programs/daybook-bench" feed-home --home "$home.new" --events "$events"
    "$programs/daybook" service-account create --home "$home.new" bench >/dev/null
    mv "$home.new" "$home"
fi
rm -f "$folder/key"
"$programs/daybook" service-account issue --home "$home" bench --scope read,operate --days 1 --out "$folder/key" >/dev/null
DAYBOOK_LIMITS_CONNECTIONS_PER_ADDRESS=2000 DAYBOOK_LIMITS_CONNECTIONS=2000 \
    DAYBOOK_FEED_STREAMS=2000 DAYBOOK_FEED_STREAMS_PER_CALLER=2000 DAYBOOK_LOG_LEVEL=warning \
    "$programs/daybook" serve --home "$home" --insecure-http --port 0 --json >"$folder/serve.json" 2>"$folder/serve.log" &
pid="$!"
for _ in $(seq 3000); do
    [[ -s $folder/serve.json ]] && break
    kill -0 "$pid" 2>/dev/null || { printf 'bench-feed: the server ended, see %s\n' "$folder/serve.log" >&2; exit 69; }
    read -rt 0.1 <> <(:) || true
done
port="$(python3 -c 'import json, sys; print(json.loads(open(sys.argv[1]).readline())["port"])' "$folder/serve.json")"
"$programs/daybook-bench" feed --port "$port" --token "$(cat "$folder/key")" --subscribers "$subscribers"
