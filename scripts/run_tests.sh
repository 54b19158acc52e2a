#!/usr/bin/env bash
# Runs one suite of tests and counts them: scripts/run_tests.sh PRESET [CTEST OPTIONS]
# The suite is what this file lists for the preset, and must reach its committed minimum
# (tests/minimum_tests.txt); with options for ctest only those tests run, and nothing is asked of their number.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

preset=$1
shift
# A sanitizer makes networks ten times slower: there one with basic blocks and one with bottlenecks stand for all, on
# small pictures, and what only repeats runs of them, or quantises one more, is left to the release suite.
networks='cpu_network.*(NetworkSizes|resnet18_n1|resnet34|resnet50_n2)|Ranges.*(reference|resnet34|resnet50)'
networks+='|cpu_int8_network.*(portable|n1|resnet50)|MixedExecutable|Quantize.*resnet50|apps.Quantize'
networks+='|QuantizeTest.(TheBitsDependOn|SameModel)|QuantizedFile.*/(8|2)|EveryCutIsExact'
networks+='|verify.*Mutation|session_allocations|ManyPhotos'
tests=$preset
selection=()
case $preset in
  asan) selection=(-LE slow -E "$networks|session_threads") ;;  # threads have their own suite
  tsan) selection=(-L threads -E "$networks|EveryModuleEquals") ;;  # the rest has one thread
  aarch64) selection=(-L arm) ;;  # emulated
  cuda) tests=release/tests/cuda ;;  # part of the release build; most skip without a GPU
  train) tests=release/tests/train ;;  # part of the release build
esac
minimum=(--minimum "$root/tests/minimum_tests.txt")
suite=$preset
if [ $# -gt 0 ]; then
  selection=("$@")
  minimum=()
fi
results=$logs/$suite-tests.xml
rm -f "$results"

# Not shared with a run of another checkout.
TEST_TMPDIR=$(mktemp -d)
export TEST_TMPDIR
trap 'rm -rf "$TEST_TMPDIR"' EXIT

status=0
step "$suite-tests" ctest --test-dir "$root/build/$tests" --output-on-failure --no-tests=error \
  --output-junit "$results" --test-output-size-passed 4096 -j "$jobs" "${selection[@]}" || status=$?
[ -f "$results" ] || { echo "run_tests: ctest wrote no results" >&2; exit 1; }
"${RESNET_PYTHON:-/usr/bin/python3}" "$root/scripts/count_tests.py" "$suite" "$results" "${minimum[@]}" || status=1
exit $status
