"""Every shared library that the program loads is on the list of allowed ones, which gives each one's licence:
    check_libraries.py PROGRAM ALLOWED.txt
Libraries that libraries bring along count: the loader's own list is read."""
import pathlib
import re
import subprocess
import sys

program, allowed_file = sys.argv[1], pathlib.Path(sys.argv[2])
allowed = {}
for line in allowed_file.read_text().splitlines():
    line = line.split("#")[0].strip()
    if line:
        name, licence = line.split(None, 1)
        allowed[name] = licence

listing = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
loaded = []
for line in listing.splitlines():
    if "not found" in line:
        sys.exit(f"a library is missing on this machine: {line.strip()}")
    # libz.so.1 is "libz": the number after .so differs between distributions.
    match = re.match(r"\s*(?:\S*/)?((?:lib|ld-|linux-vdso)[^/\s]*?)\.so", line)
    if match:
        loaded.append(match.group(1))

unknown = sorted(name for name in loaded if name not in allowed)
for name in loaded:
    print(f"{name:24} {allowed.get(name, 'NOT ALLOWED')}")
if not loaded:
    sys.exit(f"ldd listed nothing:\n{listing}")
if unknown:
    sys.exit(f"not in {allowed_file.name}: {', '.join(unknown)}. Find out the licence before adding a library: "
             "the program links neither GPL code nor Python nor PyTorch.")
