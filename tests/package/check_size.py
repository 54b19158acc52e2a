"""The stripped program stays under a number of MB: check_size.py PROGRAM STRIP MEGABYTES"""
import pathlib
import subprocess
import sys
import tempfile

program, strip, limit = sys.argv[1], sys.argv[2], float(sys.argv[3])
with tempfile.TemporaryDirectory() as folder:
    stripped = pathlib.Path(folder) / "resnet"
    subprocess.run([strip, "-o", stripped, program], check=True)
    size = stripped.stat().st_size / 1e6
print(f"{size:.2f} MB stripped, {limit:g} MB allowed")
sys.exit(0 if size <= limit else 1)
