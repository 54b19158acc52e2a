#!/usr/bin/env bash
# Proves that a program needs nothing installed: it has no dynamic section, and in an empty root directory, with an
# empty environment, it says its version and what it lacks. scripts/check_static.sh PROGRAM
set -euo pipefail
program=$1
if readelf -d "$program" | grep NEEDED > /dev/null || readelf -l "$program" | grep INTERP > /dev/null; then
  echo "check_static: $program is linked dynamically:" >&2
  readelf -d "$program" | grep NEEDED >&2
  exit 1
fi
name=/resnet
empty=$(mktemp -d)
trap 'rm -rf "$empty"' EXIT
cp "$program" "$empty/resnet"
# chroot needs rights; a user namespace of one's own grants them where the system allows it.
if [ "$(id -u)" -eq 0 ]; then
  enter=("$(command -v chroot)" "$empty")
elif unshare -r true 2> /dev/null; then
  enter=("$(command -v unshare)" -r chroot "$empty")
else
  echo "check_static: no rights for an empty root directory; only the environment is emptied" >&2
  name=$empty/resnet
  enter=()
fi
env -i "${enter[@]}" "$name" --version
env -i "${enter[@]}" "$name" doctor
echo "check_static: $(stat -c %s "$program") bytes"
