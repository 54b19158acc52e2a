# Shared by quickstart, check and .ci/run: where the checkout is, how many jobs, logs, one line a step.
# Sourced, never run.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
logs=$root/build/logs
jobs=${RESNET_JOBS:-$(nproc)}
mkdir -p "$logs"

# ccache makes a second build quick; nothing depends on it.
if command -v ccache > /dev/null; then
  export CMAKE_C_COMPILER_LAUNCHER=${CMAKE_C_COMPILER_LAUNCHER-ccache}
  export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER-ccache}
  export CMAKE_CUDA_COMPILER_LAUNCHER=${CMAKE_CUDA_COMPILER_LAUNCHER-ccache}
fi

# step NAME COMMAND…: runs the command with its output in build/logs/NAME.log and says in one line on stderr how it
# went; a failure prints the end of the log and is passed on. Of the times, that of the processors is the one that does
# not depend on what else the machine does.
step() {
  local name=$1 start=$SECONDS status=0 cpu TIMEFORMAT='%U %S'
  shift
  [ -t 2 ] && printf '  …     %s' "$name" >&2
  cpu=$({ time "$@" > "$logs/$name.log" 2>&1 < /dev/null; } 2>&1) || status=$?
  [ -t 2 ] && printf '\r' >&2
  if [ $status -eq 0 ]; then
    printf '  ok    %-28s %4d s  (%.0f s of processors)\n' "$name" $((SECONDS - start)) \
      "$(awk '{ print $1 + $2 }' <<< "$cpu")" >&2
  else
    printf '  FAIL  %-28s %4d s   the end of build/logs/%s.log:\n' "$name" $((SECONDS - start)) "$name" >&2
    tail -n "${RESNET_LOG_TAIL:-40}" "$logs/$name.log" | sed 's/^/      | /' >&2
  fi
  return $status
}

# build PRESET [TARGET…] and configure PRESET [-D…], from wherever the caller stands.
configure() { (cd "$root" && cmake --preset "$@"); }
build() {
  local preset=$1
  shift
  (cd "$root" && cmake --build --preset "$preset" -j "$jobs" ${1:+--target "$@"})
}
