#!/usr/bin/env bash
# Installs what the build needs, named in apt-packages.txt; does nothing, quickly, when all of it is there.
# Usage: scripts/setup.sh [SECTION...]      (default: build)
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

fail() {
    printf 'setup: %s\n' "$1" >&2
    printf '       %s\n' "$2" >&2
    exit 69
}

# The names of one section, comments and blank lines left out.
packages_of() {
    awk -v wanted="[$1]" '/^\[/ { here = ($1 == wanted) } here && /^[a-z0-9]/ { print $1 }' "$here/apt-packages.txt"
}

command -v swift >/dev/null 2>&1 ||
    fail "no Swift toolchain found (command 'swift')" "install Swift 6.3 for Debian 12 from https://swift.org/install and put it on PATH"
version="$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9]*\.[0-9][0-9]*\).*/\1/p' | head -n 1)"
[[ -n $version ]] || fail "'swift --version' gives no version" "check the toolchain: $(command -v swift)"
if ((${version%%.*} < 6 || (${version%%.*} == 6 && ${version#*.} < 2))); then
    fail "Swift $version is too old; this package needs 6.2 or later" "install Swift 6.3 from https://swift.org/install"
fi

wanted=()
for section in "${@:-build}"; do
    names="$(packages_of "$section")"
    [[ -n $names ]] || fail "apt-packages.txt has no section [$section]" "use one of: $(grep -o '^\[[a-z]*\]' "$here/apt-packages.txt" | tr '\n' ' ')"
    while read -r name; do wanted+=("$name"); done <<<"$names"
done

command -v dpkg-query >/dev/null 2>&1 ||
    fail "this is not a Debian system (no dpkg-query)" "install the equivalents of: ${wanted[*]}"
missing=()
for name in "${wanted[@]}"; do
    state="$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || true)"
    [[ $state == installed ]] || missing+=("$name")
done
((${#missing[@]})) || exit 0

as_root=()
if ((EUID != 0)); then
    command -v sudo >/dev/null 2>&1 ||
        fail "not root and no sudo, but these packages are missing: ${missing[*]}" "as root: apt-get install ${missing[*]}"
    as_root=(sudo)
fi
echo "setup: installing ${missing[*]}"
# With RUNLEVEL=1 no package starts a service of its own: what a test or a bench needs, it starts itself.
install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -q --no-install-recommends "${missing[@]}")
# A fresh system has no package lists yet, and old lists name packages that are gone: both are cured by an update.
"${install[@]}" >/dev/null 2>&1 && exit 0
"${as_root[@]}" apt-get update -q >/dev/null ||
    fail "cannot reach the Debian mirror, and these packages are missing: ${missing[*]}" "connect this machine, or install them from a local mirror"
"${install[@]}" ||
    fail "apt-get could not install: ${missing[*]}" "read its message above; then run this again"
