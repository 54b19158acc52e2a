#!/usr/bin/env bash
# Checks that every C and C++ file is formatted (the default), or formats them: scripts/format.sh [--fix]
set -euo pipefail
cd "$(dirname "$0")/.."
# Version 14 decides: other versions break lines elsewhere.
tool=$(command -v clang-format-14 || command -v clang-format) || { echo "format: clang-format is not installed" >&2; exit 1; }
case ${1:-} in
  --fix) mode=(-i) ;;
  '') mode=(--dry-run -Werror) ;;
  *) echo "usage: scripts/format.sh [--fix]" >&2; exit 2 ;;
esac
git ls-files -z '*.c' '*.h' '*.cpp' '*.hpp' '*.cu' '*.cuh' | xargs -0 "$tool" "${mode[@]}"
