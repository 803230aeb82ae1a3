#!/usr/bin/env bash
# Installs the release build under PREFIX (default /usr/local); DESTDIR is put before it for packagers.
# The program and its resource bundles lie side by side under lib/daybook; bin/daybook runs it from there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
prefix="${PREFIX:-/usr/local}"
root="${DESTDIR:-}$prefix"

build=(swift build -c release --product daybook --static-swift-stdlib)
"${build[@]}"
from="$("${build[@]}" --show-bin-path)"

if ! mkdir -p "$root/lib" "$root/bin" 2>/dev/null || [[ ! -w $root/lib || ! -w $root/bin ]]; then
    printf 'install: cannot write below %s\n         run as root, or choose another place: make install PREFIX=DIR\n' "$root" >&2
    exit 73
fi
# Made beside the old one and renamed, so that an interrupted install leaves a program that works.
fresh="$(mktemp -d "$root/lib/.daybook-XXXXXX")"
trap 'rm -rf "$fresh"' EXIT
chmod 755 "$fresh"
install -m 755 "$from/daybook" "$fresh/daybook"
for bundle in "$from"/daybook_*.resources; do
    [[ ! -d $bundle ]] || cp -R "$bundle" "$fresh/"
done
if [[ -e $root/lib/daybook ]]; then mv "$root/lib/daybook" "$fresh.old"; fi
mv "$fresh" "$root/lib/daybook"
rm -rf "$fresh.old"
# A script and not a link: the program looks for its bundles beside the path that it was started by.
printf '#!/bin/sh\nexec "%s/lib/daybook/daybook" "$@"\n' "$prefix" >"$root/bin/.daybook-new"
chmod 755 "$root/bin/.daybook-new"
mv "$root/bin/.daybook-new" "$root/bin/daybook"
echo "installed $root/bin/daybook"
