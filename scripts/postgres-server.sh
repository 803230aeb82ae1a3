# A PostgreSQL server of one's own, for a bench: sourced. Data below /var/tmp, ended by its own process id.
# postgres_server LOG [PORT]: starts it on a socket, and with a port on loopback too; sets postgres_bin, postgres_place, postgres_pid and psql (a command).
# Returns 1 after one line where there is none. `postgres_end` ends it and removes its data.
postgres_server() {
    local run=()
    postgres_bin="$(ls -d /usr/lib/postgresql/15/bin 2>/dev/null || true)"
    [[ -n $postgres_bin ]] || { printf 'ABSENT: PostgreSQL 15: no /usr/lib/postgresql/15/bin (apt-get install postgresql)\n'; return 1; }
    # The server refuses to run as root: the package's own user runs it then, in a place that user can reach.
    if ((EUID == 0)); then run=(setpriv --reuid=postgres --regid=postgres --clear-groups); fi
    postgres_place="$(mktemp -d /var/tmp/daybook-peers-XXXXXX)"
    ((EUID != 0)) || chown postgres:postgres "$postgres_place"
    (cd "$postgres_place" && "${run[@]}" "$postgres_bin/initdb" -D "$postgres_place/data" -A trust -U bench >"$1" 2>&1) ||
        { printf 'ABSENT: PostgreSQL 15: initdb failed, see %s\n' "$1"; return 1; }
    (cd "$postgres_place" && exec "${run[@]}" "$postgres_bin/postgres" -D "$postgres_place/data" -k "$postgres_place" -p "${2:-5432}" \
        -c listen_addresses="${2:+127.0.0.1}" -c max_connections=100 >>"$1" 2>&1) &
    postgres_pid="$!"
    psql=("$postgres_bin/psql" -h "$postgres_place" -p "${2:-5432}" -U bench -q postgres)
    for _ in $(seq 200); do "${psql[@]}" -c 'select 1' >/dev/null 2>&1 && return; read -rt 0.1 <> <(:) || true; done
    printf 'ABSENT: PostgreSQL 15: it does not answer, see %s\n' "$1"
    return 1
}

postgres_end() {
    [[ -z ${postgres_pid:-} ]] || { kill "$postgres_pid" 2>/dev/null || true; wait "$postgres_pid" 2>/dev/null || true; }
    [[ -z ${postgres_place:-} ]] || rm -rf "$postgres_place"
}
