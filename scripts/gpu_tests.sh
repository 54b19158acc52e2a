#!/usr/bin/env bash
# Everything that needs a GPU, on a machine that has one: scripts/gpu_tests.sh [STEP…]
#
#   build       the release build, unless its programs are there already (they may come from another machine)
#   tests       the tests with the label gpu: operators, modules, bits; those of the host side again
#   sanitizer   compute-sanitizer's memcheck, racecheck and initcheck on small cases, where it is installed
#   verify      every step of the real networks against PyTorch, whose values are made first
#   agreement   tools/bench_agreement.py on the real networks
#   tune        resnet bench --tune: the table of kernels anew, beside the one that ships
#   bench       resnet bench at batches 1, 8, 64 and 256
#   families    tools/bench_families.py: the families of kernels beside one another, into docs/benchmarks/gpu.md
#   ladder      every rung of docs/kernels.md, checked and timed, into its tables
#   calls       tools/bench_calls.py: whole calls, copies included, by input and calls at once
#   tagging     tools/bench_tagging.py: photos a second of resnet tag beside decoding alone
#   peers       tools/bench_peers_gpu.py: the backend cuda against PyTorch, into docs/benchmarks/gpu.md and the READMEs
#
# Without a name all of them. Weights and photos are those of the data folder (RESNET_TEST_DATA, else ../shared/data;
# what is missing is named); RESNET_BUILD is the build folder, RESNET_BACKENDS the backends (default: all of cuda that
# `resnet doctor` lists as available). Fails if any step does. PyTorch is that of python3.
set -uo pipefail
cd "$(dirname "$0")/.."
build=${RESNET_BUILD:-build/release}
data=${RESNET_TEST_DATA:-../shared/data}
resnet=$build/resnet
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=()

# report NAME COMMAND…: a line on how it went; a failure is remembered.
report() {
  local name=$1 start=$SECONDS
  shift
  if "$@"; then
    printf '  ok    %-40s %4d s\n' "$name" $((SECONDS - start))
  else
    printf '  FAIL  %-40s %4d s\n' "$name" $((SECONDS - start))
    failed+=("$name")
  fi
}

run_build() {
  [ ! -x "$resnet" ] || [ ! -x "$build/tests/cuda/test_cuda_ops" ] || return 0
  cmake --preset release -DRESNET_CUDA=ON > "$work/configure.log" && cmake --build --preset release > "$work/build.log" ||
    { tail -n 40 "$work"/*.log; return 1; }
}

# What `ctest -L gpu` runs. The programs are started themselves, because the list of ctest names the folder it was
# configured in; each as several processes, since the reference, on processors, is what takes time.
run_tests() {
  local test
  for test in "$build"/tests/cuda/test_cuda_*; do
    [[ $test == *.cmake ]] || report "${test##*/}" one_test "$test"
  done
}
one_test() {
  local shards=$(($(nproc) / 2)) i status=0 pids=() pid
  ((shards = shards < 1 ? 1 : shards > 8 ? 8 : shards))
  for ((i = 0; i < shards; i++)); do
    GTEST_TOTAL_SHARDS=$shards GTEST_SHARD_INDEX=$i RESNET_MODELS=${RESNET_MODELS:-$PWD/models} \
      "$1" --gtest_brief=1 > "$work/test.$i.log" 2>&1 &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || status=1; done
  awk '/PASSED|SKIPPED/ { sum[$2] += $4 } END { for (what in sum) printf "%s %d  ", tolower(what), sum[what]; print "" }' \
    "$work"/test.*.log
  grep -hE 'FAILED|Failure' "$work"/test.*.log | sort | uniq -c | tail -n 20
  [ $status -eq 0 ] || tail -n 30 "$work"/test.*.log
  rm -f "$work"/test.*.log
  return $status
}

run_sanitizer() {
  command -v compute-sanitizer > /dev/null || { echo "  compute-sanitizer is not installed: left out"; return 0; }
  local tool
  for tool in memcheck racecheck initcheck; do
    report "compute-sanitizer $tool, cuda_stepwise" sanitize "$tool" ops \
      '-*2048*:*512*:*224*:Memory.TooMuch*:Check.*:MaxPool.Equals*:Add.*'
    report "compute-sanitizer $tool, cuda" sanitize "$tool" convolution \
      '*Small*/sm90_fp16_m64n64*:*Small*/sm90_fp16_resident*:*Small*/sm90_fp16_m192n128*:*TheTile*/mma_fp16_tile1*:*TheTile*/mma_int8_tile2_split2_spread:*TheTile*/simt_fp32_tile1_split2_spread'
  done
  report "compute-sanitizer memcheck, the stem" sanitize memcheck precision '*TheStem*/sm90_fp16_latency:*TheStem*/sm90_int8_latency'
}
# sanitize TOOL TEST FILTER
sanitize() {
  timeout 120 compute-sanitizer --tool "$1" --error-exitcode 1 "$build/tests/cuda/test_cuda_$2" --gtest_filter="$3" \
    > "$work/sanitizer.log" 2>&1
  local status=$?
  grep -E 'Device not supported' "$work/sanitizer.log" && { echo "  not possible on this machine"; return 0; }
  grep 'SUMMARY' "$work/sanitizer.log" || tail -n 5 "$work/sanitizer.log"
  [ $status -eq 0 ] || grep -m 12 '=====' "$work/sanitizer.log"
  return $status
}

# Calls "$@" MODEL NAME for each real network at hand.
for_each_model() {
  local depth model
  for depth in 18 50; do
    model=$data/weights/resnet${depth}_imagenet.pth
    if [ -f "$model" ]; then "$@" "$model" "resnet$depth"; else echo "  $model is not here: left out"; fi
  done
}

run_verify() { for_each_model verify_model; }
verify_model() {
  local photos backend step
  mapfile -t photos < <(find "$data/imagenet/images" -type f | sort | head -n 2)
  report "$2 reference" python3 tools/make_reference.py --model "$1" --images "${photos[@]}" --out "$work/$2" || return
  for backend in $backends; do
    for step in stem layer1 layer2 layer3 layer4 head e2e; do
      echo "$2, $backend, --step $step"
      report "$2 $backend $step" "$resnet" verify --quiet --model "$1" --reference "$work/$2" --backend "$backend" --step "$step"
    done
    report "$2 $backend dump" "$resnet" verify --quiet --model "$1" --reference "$work/$2" --backend "$backend" --dump "$work/dump"
    "$resnet" compare "$work/dump" "$work/$2"
  done
}

run_agreement() { for_each_model agreement_of; }
agreement_of() {
  local backend
  for backend in $backends; do
    echo "$2, $backend"
    report "$2 $backend agreement" python3 tools/bench_agreement.py --model "$1" --images "$data/imagenet/images" \
      --device cuda --backend "$backend" --resnet "$resnet"
  done
}

run_tune() {
  [[ " $backends " == *" cuda "* ]] || { echo "  the backend cuda is not available: left out"; return 0; }
  report tune "$resnet" bench --tune "$work/tuned.inc"
  local shipped=src/cuda/sm90/tuned_h200.inc
  report "a row for each layer" [ "$(grep -c '^{' "$work/tuned.inc")" = "$(grep -c '^{' $shipped)" ]
  echo "  $(diff <(grep '^{' "$work/tuned.inc") <(grep '^{' $shipped) | grep -c '^<') rows differ from those that ship"
}

run_bench() {
  local backend depth batch
  for backend in $backends; do
    for depth in 18 50; do
      for batch in 1 8 64 256; do
        echo "resnet$depth, $backend, batch $batch"
        "$resnet" bench --random "$depth" --backend "$backend" --batch "$batch" | grep -E '^(time|speed)' ||
          failed+=("bench resnet$depth $backend $batch")
      done
      for batch in 1 64; do
        "$resnet" bench --random "$depth" --backend "$backend" --batch "$batch" --layers --json > "$work/layers.json" &&
          python3 scripts/kernel_sums.py < "$work/layers.json"
      done
    done
  done
}

run_families() {
  [[ " $backends " == *" cuda "* ]] || { echo "  the backend cuda is not available: left out"; return 0; }
  report families python3 tools/bench_families.py --program "$resnet" --markdown docs/benchmarks/gpu.md
}

run_ladder() { report ladder "$build/ladder" --markdown docs/kernels.md; }

run_calls() {
  [[ " $backends " == *" cuda "* ]] || { echo "  the backend cuda is not available: left out"; return 0; }
  report calls python3 tools/bench_calls.py --resnet "$resnet" --markdown docs/benchmarks/gpu.md
}

run_tagging() {
  [ -d "$data/photos" ] || { echo "  $data/photos is not here: left out"; return 0; }
  report tagging python3 tools/bench_tagging.py --photos "$data/photos" --resnet "$resnet" --markdown docs/benchmarks/gpu.md
}

run_peers() {
  [[ " $backends " == *" cuda "* ]] || { echo "  the backend cuda is not available: left out"; return 0; }
  report peers python3 tools/bench_peers_gpu.py --program "$resnet" --markdown docs/benchmarks/gpu.md
  report "README's table" python3 tools/readme_table.py
}

steps=("$@")
[ ${#steps[@]} -gt 0 ] || steps=(build tests sanitizer verify agreement tune bench families ladder calls tagging peers)
report build run_build
"$resnet" doctor | grep -E '^(resnet|processor|backend|GPU)'
backends=${RESNET_BACKENDS:-$("$resnet" doctor --json |
  python3 -c 'import json, sys; print(*(b["name"] for b in json.load(sys.stdin)["backends"] if b["device"] == "cuda" and b["available"]))')}
if [ -z "$backends" ]; then
  echo "gpu_tests: no backend of the device cuda is available here" >&2
  exit 1
fi
for name in "${steps[@]}"; do
  declare -F "run_$name" > /dev/null || { echo "gpu_tests: unknown step '$name'" >&2; exit 2; }
  [ "$name" = build ] && continue
  echo "== $name"
  "run_$name"
done
printf 'Time: %d s\n' $SECONDS
[ ${#failed[@]} -eq 0 ] || { printf 'Failed: %s\n' "${failed[*]}"; exit 1; }
