#!/usr/bin/env bash
# What a data scientist would reach for, beside what the program does, side by side on the same data, turn by turn:
# cleaning and statistics of a million times in ten thousand groups beside Polars and pandas; the whole `daybook train` on
# 100,000 parts beside a straight script of Polars, scikit-learn and hnswlib, without and with learned weights.
# Usage: scripts/bench-learning.sh [ROUNDS, default 3] [PARTS, default 100000]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rounds="${1:-3}"
parts="${2:-100000}"
folder="$PWD/.build/bench-learning"
mkdir -p "$folder"
programs="${DAYBOOK_PROGRAMS:-}"
if [[ -z $programs ]]; then
    swift build -c release --product daybook
    swift build -c release --product daybook-bench
    programs="$(swift build -c release --show-bin-path)"
fi
python="$PWD/.build/peers/learning-venv/bin/python"
[[ -x $python ]] || python3 -m venv "$PWD/.build/peers/learning-venv"
"$python" -m pip install -q --disable-pip-version-check polars==2.1.0 pandas==3.1.1 scikit-learn==1.9.1 hnswlib==0.8.0 rapidfuzz==3.14.6 \
    >"$folder/pip.log" 2>&1 || { printf 'ABSENT: Polars, pandas, scikit-learn, hnswlib: pip cannot install them, see %s\n' "$folder/pip.log"; exit 0; }

"$programs/daybook-bench" aggregate --data "$folder" --rounds "$((rounds * 2 + 1))" --python "$python"

# Parts, routings and orders; no reports, which neither side needs where every part has a routing.
plant="$folder/plant-$parts.db"
if [[ ! -f $plant ]]; then
    rm -f "$plant.new"
    "$programs/daybook" sample --items "$parts" --out "$plant.new" >/dev/null
    python3 - "$plant.new" <<'PY'
import sqlite3, sys
plant = sqlite3.connect(sys.argv[1])
plant.execute("DROP TABLE WorkResult")
plant.commit()
plant.execute("VACUUM")
PY
    mv "$plant.new" "$plant"
fi
measured() { python3 Benchmarks/peers/measured.py "$@"; }
for round in $(seq "$rounds"); do
    rm -rf "$folder/home" "$folder/peer"
    "$programs/daybook" init --home "$folder/home" >/dev/null
    measured "$folder/ours.out" "$programs/daybook" train --home "$folder/home" --source "$plant" --json 2>"$folder/ours.log" >>"$folder/train.ours.$$"
    measured "$folder/script.out" "$python" Benchmarks/peers/train_peer.py "$plant" "$folder/peer" 2>"$folder/script.log" >>"$folder/train.script.$$"
    if ((round == 1)); then
        measured "$folder/weights.out" "$python" Benchmarks/peers/train_peer.py "$plant" "$folder/peer" --learn-weights \
            2>"$folder/weights.log" >>"$folder/train.weights.$$"
    fi
done
"$programs/daybook" training list --home "$folder/home" | tail -n 1 | cut -d' ' -f1 |
    xargs "$programs/daybook" training show --home "$folder/home" >"$folder/steps.txt"
printf 'the whole training on %s parts, each side a process of its own (%s rounds)\n' "$parts" "$rounds"
# The median of a column of a file.
median() { awk -v column="$2" '{ print $column }' "$1" | sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }
told() {
    awk -v what="$1" -v seconds="$(median "$2" 1)" -v mib="$(median "$2" 2)" -v own="$(median "$folder/train.ours.$$" 1)" \
        -v kept="$(median "$folder/train.ours.$$" 2)" 'BEGIN {
        printf "  %s: %.1f s, %d MiB", what, seconds, mib
        if (what != "ours") printf "; ours is %.2f times as fast in 1/%.2f of the memory, bar 1: %s", seconds / own, mib / kept, (seconds >= own && mib >= kept ? "held" : "MISSED")
        printf "\n" }'
}
told ours "$folder/train.ours.$$"
told "the script, equal weights" "$folder/train.script.$$"
told "the script, weights learned" "$folder/train.weights.$$"
printf '  ours by step: %s\n' "$(awk '$3 == "ms" { printf "%s%s %s ms", (n++ ? ", " : ""), $1, $2 }' "$folder/steps.txt")"
printf '  the script: %s\n' "$(cat "$folder/script.out")"
printf '  with weights: %s\n' "$(cat "$folder/weights.out")"
rm -f "$folder"/train.*."$$"
