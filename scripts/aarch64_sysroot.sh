#!/usr/bin/env bash
# Lays the libraries of 64-bit ARM out under build/aarch64-sysroot, from the distribution's own arm64 packages: for the
# preset `aarch64`. They are downloaded and unpacked there; nothing is installed and the system's package lists stay
# as they are, so that this needs no rights and breaks nothing. Does nothing where it has been done.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
sysroot=$root/build/aarch64-sysroot
work=$root/build/aarch64-apt

# libstdc++ must be the cross compiler's, so its major version is asked.
gcc_major=$(aarch64-linux-gnu-gcc -dumpversion | cut -d. -f1)
packages=(
  libc6-dev                    # the C library, and the loader for qemu
  "libstdc++-$gcc_major-dev"   # the C++ library
  libfmt-dev nlohmann-json3-dev libcli11-dev
  zlib1g-dev libjpeg-dev libpng-dev libtiff-dev libwebp-dev libexempi-dev
  libgtest-dev
)

stamp=$sysroot/.packages
[ "$(cat "$stamp" 2> /dev/null)" != "${packages[*]}" ] || exit 0
for tool in apt-get dpkg-deb; do
  command -v $tool > /dev/null || { echo "aarch64_sysroot: $tool is missing; this works on Debian and Ubuntu" >&2; exit 1; }
done

rm -rf "$sysroot" "$work"
mkdir -p "$sysroot" "$work/lists/partial" "$work/archives/partial"
: > "$work/status"
cat > "$work/apt.conf" << EOF
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
Debug::NoLocking "true";
Dir::State "$work";
Dir::State::lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work";
Dir::Cache::archives "$work/archives";
EOF
export APT_CONFIG=$work/apt.conf
# A package source without arm64 must not stop the rest; whether the packages can be had shows in the next step.
apt-get update || true
apt-get install --download-only -y "${packages[@]}"
for package in "$work"/archives/*.deb; do
  dpkg-deb -x "$package" "$sysroot"
done
rm -rf "$work"
echo "${packages[*]}" > "$stamp"
