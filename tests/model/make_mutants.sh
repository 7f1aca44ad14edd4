#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Compiles each mutant of mutants.txt: make_mutants.sh BPF_SOURCE_DIR OUT_DIR -> OUT_DIR/NAME.bpf.o
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source=$1
out=$2
makefile=$here/../../Makefile.bpf

rm -rf "$out"
mkdir -p "$out"
while IFS= read -r line; do
  [[ -z $line || $line == \#* ]] && continue
  # " | " separates; the texts may hold "||".
  mapfile -t part < <(awk -F ' [|] ' '{ for (i = 1; i <= NF; ++i) print $i }' <<<"$line")
  [[ ${#part[@]} -eq 4 ]] || { echo "mutants.txt: not four fields: $line" >&2; exit 1; }
  name=${part[0]} file=${part[1]} from=${part[2]} to=${part[3]}
  work=$out/$name.src
  mkdir -p "$work"
  cp "$source"/*.h "$source"/*.c "$work/"
  text=$(<"$work/$file")
  rest=${text#*"$from"}
  [[ $rest != "$text" ]] || { echo "mutants.txt: $name: not found in $file: $from" >&2; exit 1; }
  [[ $rest != *"$from"* ]] || { echo "mutants.txt: $name: more than once in $file: $from" >&2; exit 1; }
  printf '%s\n' "${text%%"$from"*}$to$rest" >"$work/$file"
  # A mutant may leave a helper or a value without use.
  make --no-print-directory -s -f "$makefile" SRC="$work" OUT="$work" BPF_WARNINGS= "$work/rx_filter.bpf.o"
  mv "$work/rx_filter.bpf.o" "$out/$name.bpf.o"
  rm -rf "$work"
done <"$here/mutants.txt"
touch "$out/made"
