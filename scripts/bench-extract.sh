#!/usr/bin/env bash
# Extraction beside a bare C loop over the same driver: SQLite, Access and PostgreSQL (a server of its own on loopback).
# DAYBOOK_BENCH_ACCESS names a large Access file (scripts/developer/make-access-fixtures.sh makes one); else gen_demo.accdb
# under DAYBOOK_TEST_DATA. Usage: scripts/bench-extract.sh [OPTION of daybook-bench extract]...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/postgres-server.sh
folder="$PWD/.build/bench"
mkdir -p "$folder"
trap postgres_end EXIT
programs="${DAYBOOK_PROGRAMS:-}"
if [[ -z $programs ]]; then
    swift build -c release --product daybook-bench
    programs="$(swift build -c release --show-bin-path)"
fi
options=()
[[ -z ${DAYBOOK_BENCH_ACCESS:-} ]] || options+=(--access "$DAYBOOK_BENCH_ACCESS")
port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
if postgres_server "$folder/postgres.log" "$port"; then
    # The rows of the SQLite source.
    "${psql[@]}" <<'SQL'
CREATE TABLE "RoutingOperation" ("ITEM_CD" text, "OP_SEQ" integer, "OP_CD" text, "SETUP_MIN" double precision, "RUN_MIN_PER_EA" double precision);
INSERT INTO "RoutingOperation" SELECT 'P-' || to_char(i / 7, 'FM000000'), (i % 7 + 1) * 10, 'OP' || to_char(i % 24, 'FM00'), 5.0 + i % 13, 0.37 * (i % 101)
FROM generate_series(0, 349999) i;
VACUUM ANALYZE "RoutingOperation";
SQL
    options+=(--postgresql "postgresql://bench@127.0.0.1:$port/postgres")
fi
"$programs/daybook-bench" extract "${options[@]}" "$@"
