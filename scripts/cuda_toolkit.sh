#!/usr/bin/env bash
# Prints the folder of a CUDA toolkit whose nvcc compiles C++20: the machine's own (in the path, $CUDA_HOME, the usual
# prefix), else one under build/cuda-toolkit, which is made from NVIDIA's Python packages at the first call. Debian's
# nvidia-cuda-toolkit is not used: that of Debian 12 is CUDA 11.8, which has no C++20. Needs python3 with venv there.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
for nvcc in "$(command -v nvcc || true)" "${CUDA_HOME:-}/bin/nvcc" /usr/local/cuda/bin/nvcc; do
  if [ -x "$nvcc" ]; then
    (cd "$(dirname "$(readlink -f "$nvcc")")/.." && pwd)
    exit
  fi
done

version=13.0
packages=(
  "nvidia-cuda-nvcc==$version.*"    # nvcc, ptxas, fatbinary
  "nvidia-nvvm==$version.*"         # the compiler behind nvcc
  "nvidia-cuda-crt==$version.*"     # headers that nvcc includes by itself
  "nvidia-cuda-runtime==$version.*" # cuda_runtime.h, libcudart_static.a
  "nvidia-cuda-cccl==$version.*"    # headers that the runtime's include
  "nvidia-nvtx==$version.*"         # headers: names for profilers
)
folder=$root/build/cuda-toolkit
home=$folder/packages/nvidia/cu${version%%.*}
if [ "$(cat "$folder/.packages" 2> /dev/null)" != "${packages[*]}" ]; then
  rm -rf "$folder"
  python3 -m venv "$folder/venv" >&2
  "$folder/venv/bin/pip" install --quiet --no-deps --target "$folder/packages" "${packages[@]}" >&2
  # CMake looks for the runtime where an installed toolkit has it.
  [ -e "$home/lib64" ] || ln -s lib "$home/lib64"
  echo "${packages[*]}" > "$folder/.packages"
fi
echo "$home"
