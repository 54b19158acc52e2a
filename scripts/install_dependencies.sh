#!/usr/bin/env bash
# Installs what the project needs from the distribution's own packages (Debian 12, Ubuntu 22.04 and 24.04).
#
#   scripts/install_dependencies.sh [SET…]     sets: build (the default), test, cuda, train, lint, aarch64, all
#
# Where everything is there already, nothing is run and no rights are needed. sudo is used only when not root.
set -euo pipefail

# One package a line with the reason it is needed. A "?" in front: left out, with a word, where the distribution
# does not have it.
packages_build='
build-essential      # g++, make and the C library
cmake                # configures the build
ninja-build          # builds
pkg-config           # finds the libraries that bring no CMake package
libfmt-dev           # formatting of messages
nlohmann-json3-dev   # JSON
libcli11-dev         # the command line
zlib1g-dev           # CRC of zip entries, deflate inside PNG and TIFF
libjpeg-dev          # JPEG (libjpeg-turbo)
libpng-dev           # PNG
libtiff-dev          # TIFF
libwebp-dev          # WebP
libheif-dev          # HEIC (optional: RESNET_HEIC=OFF builds without)
libexempi-dev        # XMP sidecars and embedded keywords
libexpat1-dev        # inside Exempi, for the static program
libcurl4-openssl-dev # fetching models (optional: without it and libssl-dev `resnet pull` says so)
libssl-dev           # SHA-256 of what was fetched
'
packages_test='
libgtest-dev         # unit tests
python3              # test summary, oracles
?python3-numpy       # oracles
?python3-pil         # oracle: decoding and resizing
?libjpeg-turbo-progs # oracle: JPEGs that Pillow does not write (cjpeg)
?libheif-examples    # oracle: HEIC (heif-enc, heif-convert)
?python3-torch       # oracle: PyTorch writes and reads weights, gives the reference values
?python3-torchvision # oracle: the networks and the preprocessing
?python3-sklearn     # oracle: average precision
'
packages_cuda='
python3-venv         # scripts/cuda_toolkit.sh unpacks nvcc with it, where the machine has none (nvcc is no package here)
'
packages_train='
libtorch-dev         # resnet-train (RESNET_TRAIN=ON)
libgloo-dev          # headers that those of LibTorch include: training in several processes
libgoogle-glog-dev   # the same: LibTorch there logs through it
libgflags-dev        # the same
libyaml-cpp-dev      # configurations of resnet-train
'
packages_lint='
clang-14             # the second compiler; fuzz targets
clang-format-14      # the format check
?libclang-rt-14-dev  # sanitizer and fuzzer runtimes (part of clang-14 itself on some releases)
'
packages_aarch64='
g++-aarch64-linux-gnu # cross compiler
qemu-user-static     # runs the cross-compiled tests
'

# The names of a set, one a line, a leading "?" kept.
names_of() {
  local list="packages_$1"
  printf '%s' "${!list}" | sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d'
}

sets=("$@")
[ ${#sets[@]} -gt 0 ] || sets=(build)
wanted=()
for set in "${sets[@]}"; do
  case $set in
    build | test | cuda | train | lint | aarch64) mapfile -t -O ${#wanted[@]} wanted < <(names_of "$set") ;;
    all) for s in build test cuda train lint aarch64; do mapfile -t -O ${#wanted[@]} wanted < <(names_of "$s"); done ;;
    -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "install_dependencies: unknown set '$set' (build, test, cuda, train, lint, aarch64, all)" >&2; exit 2 ;;
  esac
done

if ! command -v dpkg-query > /dev/null || ! command -v apt-get > /dev/null; then
  {
    echo "install_dependencies: this is neither Debian nor Ubuntu, so nothing is installed. Needed are, by Debian's names:"
    printf '  %s\n' "${wanted[@]#\?}"
    echo "Install their counterparts; the build names what is missing."
  } >&2
  exit 0
fi

installed() { dpkg-query -W -f '${db:Status-Status}\n' "$1" 2> /dev/null | grep -qx installed; }

missing=()
for package in "${wanted[@]}"; do
  installed "${package#\?}" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo > /dev/null; then
    echo "install_dependencies: not root and no sudo here; as root, run:" >&2
    echo "  apt-get install ${missing[*]#\?}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

echo "install_dependencies: installing ${missing[*]#\?}" >&2
# A third party's package source that does not answer must not stop the rest.
"${as_root[@]}" apt-get update >&2 || echo "install_dependencies: apt-get update failed; going on with the lists at hand" >&2

install=()
for package in "${missing[@]}"; do
  name=${package#\?}
  # Not through a pipe: grep would end at the first match, and apt-cache fail at its next line.
  if [ "$package" != "$name" ] && ! grep -q 'Candidate: [^(]' <<< "$(apt-cache policy "$name")"; then
    echo "install_dependencies: $name is not in this distribution; what needs it is left out" >&2
  else
    install+=("$name")
  fi
done
[ ${#install[@]} -gt 0 ] || exit 0
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${install[@]}" >&2
