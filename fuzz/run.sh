#!/usr/bin/env bash
# Makes seeds and runs every fuzz target for SECONDS each: fuzz/run.sh [SECONDS] [TARGET…]
# The targets lie in build/fuzz, or in $RESNET_FUZZ_BUILD. What a run finds is kept in findings/ there; the corpus
# grows in corpus/ from run to run.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
seconds=${1:-60}
shift || true
cd "$root/${RESNET_FUZZ_BUILD:-build/fuzz}"
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  mapfile -t targets < <(find . -maxdepth 1 -name 'fuzz_*' -type f -executable -printf '%f\n' | sort)
fi
[ ${#targets[@]} -gt 0 ] || { echo "fuzz: no target is built (cmake --preset fuzz && cmake --build --preset fuzz)" >&2; exit 1; }

for script in "$root"/fuzz/*/make_seeds.py; do
  if [ -f "$script" ]; then /usr/bin/python3 -B "$script" seeds; fi
done
mkdir -p findings

# One target; its verdict in one piece, since several run at once.
fuzz() {
  local name=${1#fuzz_} log verdict
  log=findings/$name.log
  mkdir -p "corpus/$name" "seeds/$name"
  # rss_limit: memory out of proportion to the input is a finding as well.
  if "./$1" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="findings/$name-" "corpus/$name" "seeds/$name" > "$log" 2>&1; then
    echo "fuzz: $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") executions in $seconds s, no finding"
  else
    verdict=$(tail -n 30 "$log")
    printf 'fuzz: %s: FINDING, see %s\n%s\n' "$name" "$PWD/findings" "$verdict"
    return 1
  fi
}

status=0
running=0
for target in "${targets[@]}"; do
  if [ "$running" -ge "${RESNET_JOBS:-$(nproc)}" ]; then
    wait -n || status=1
    running=$((running - 1))
  fi
  fuzz "$target" &
  running=$((running + 1))
done
while [ "$running" -gt 0 ]; do
  wait -n || status=1
  running=$((running - 1))
done
exit $status
