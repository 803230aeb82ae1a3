#!/usr/bin/env bash
# Makes the Access files of Tests/ExtractionTests/Fixtures anew, by Jackcess (Apache-2.0) out of the wheel `mpxj` on PyPI.
# A developer's tool: the files are committed, and nothing else needs Java.
# Usage: scripts/developer/make-access-fixtures.sh [FOLDER-WITH-THE-WHEEL]
#        scripts/developer/make-access-fixtures.sh FOLDER-WITH-THE-WHEEL ROWS FOLDER     a large file there, for a measurement
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
fixtures="$here/../../Tests/ExtractionTests/Fixtures"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

command -v javac >/dev/null 2>&1 || {
    echo "make-access-fixtures: no Java compiler: apt-get install default-jdk-headless" >&2
    exit 69
}
wheel="$(find "${1:-$work}" -maxdepth 1 -name 'mpxj-16.10.0-*.whl' | head -n 1)"
if [[ -z $wheel ]]; then
    python3 -m pip download --no-deps --quiet --dest "$work" mpxj==16.10.0
    wheel="$(find "$work" -name '*.whl')"
fi
unzip -q -j "$wheel" 'mpxj/lib/jackcess-*.jar' 'mpxj/lib/commons-lang3-*.jar' 'mpxj/lib/commons-logging-*.jar' -d "$work"
javac -encoding UTF-8 -cp "$work/*" -d "$work" "$here/MakeAccessFixtures.java"
if (($# == 3)); then
    java -Dfile.encoding=UTF-8 -cp "$work:$work/*" MakeAccessFixtures "$3" "$2"
    exit
fi
mkdir -p "$fixtures" "$work/made"
java -Dfile.encoding=UTF-8 -cp "$work:$work/*" MakeAccessFixtures "$work/made"
mv "$work/made"/* "$fixtures/"
ls -l "$fixtures"
