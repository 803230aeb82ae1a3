# What scripts share that run the program; sourced, from the top of the checkout.

# Ends the script: WORDS, hint, exit status.
fail() {
    printf '%s: %s\n      %s\n' "$(basename "$0" .sh)" "$1" "$2" >&2
    exit "${3:-65}"
}

# Waits for the first line that a service writes when it listens, and shows it: FILE, process, its name, its diagnostics.
listening() {
    for _ in $(seq 300); do
        if [[ -s $1 ]]; then break; fi
        kill -0 "$2" 2>/dev/null || fail "the $3 ended" "see $4" 69
        read -rt 0.1 <> <(:) || true
    done
    [[ -s $1 ]] || fail "the $3 does not answer" "see $4" 69
    cat "$1"
}

# The address in that line.
address() { sed 's/.*"url":"\([^"]*\)".*/\1/' "$1"; }

# Waits until a service at an address is ready to answer: URL.
ready() {
    for _ in $(seq 100); do
        curl -sSk -o /dev/null -f "$1/health/ready" 2>/dev/null && return
        read -rt 0.1 <> <(:) || true
    done
    fail "$1 is not ready" "its diagnostics say why" 69
}

# The attributes of a new part, that no made plant has.
new_part() {
    cat <<'PART'
{"ITEM_GRP": "SHAFT", "MATERIAL_CD": "SCM440", "OUTER_DIA_MM": 25, "WIDTH_MM": 25, "LENGTH_MM": 120, "WEIGHT_KG": 0.46,
 "TOLERANCE_MM": 0.01, "HARDNESS_HRC": 58, "HOLE_CNT": 1, "THREAD_YN": true, "SURFACE_CD": "NONE"}
PART
}
