#!/usr/bin/env bash
# The format rules of .swift-format; `make format` repairs what a program can. Prints file:line of each finding.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
paths=(Package.swift Sources Tests)
[[ ! -d Benchmarks ]] || paths+=(Benchmarks)
if [[ ${1:-} == --fix ]]; then
    exec swift format format --in-place --parallel --recursive "${paths[@]}"
fi
exec swift format lint --strict --parallel --recursive "${paths[@]}"
