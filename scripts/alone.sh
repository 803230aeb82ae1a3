#!/usr/bin/env bash
# Runs a command where the network is this machine alone: in a namespace that has loopback and nothing else. Where the kernel does
# not allow that, says so in one line and runs the command all the same. Usage: scripts/alone.sh COMMAND [WORD...]
set -euo pipefail
# Loopback begins switched off; this is `ip link set lo up` (SIOCSIFFLAGS) without the package that has `ip`.
export DAYBOOK_LOOPBACK_UP='
import fcntl, socket, struct
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8914, struct.pack("16sh22x", b"lo", 0x41))
'
root=(unshare --net)
person=()
if ((EUID != 0)); then
    # Root of a namespace of users may switch loopback on; the command itself runs as who called.
    root=(unshare --map-root-user --net)
    person=(unshare --user "--map-user=$EUID" "--map-group=$(id -g)")
fi
inside=("${root[@]}" bash -c 'python3 -c "$DAYBOOK_LOOPBACK_UP" && unset DAYBOOK_LOOPBACK_UP && exec "$@"' alone "${person[@]}")
if "${inside[@]}" true 2>/dev/null; then exec "${inside[@]}" "$@"; fi
unset DAYBOOK_LOOPBACK_UP
printf 'SKIPPED: no network but loopback: namespaces are not allowed here; this runs with the network there is\n'
exec "$@"
