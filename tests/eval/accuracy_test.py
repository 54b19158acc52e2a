"""Runs `resnet eval` on the real pictures and holds its logits and figures against PyTorch's stored ones.

Usage: accuracy_test.py PROGRAM DATA_FOLDER WEIGHTS STORED_LOGITS PICTURES [option …]

Every logit must be within 1e-4 of the stored one, every best class the same, and top-1 and top-5 must
be what the stored logits give. Exits with 77, which ctest counts as skipped, without the data folder.
"""
import csv
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

SKIPPED = 77
TOLERANCE = 1e-4


def main():
    program, data, weights, stored, pictures = sys.argv[1], pathlib.Path(sys.argv[2]), *sys.argv[3:5], int(sys.argv[5])
    if not data.exists():
        print(f"skipped: needs the data folder ({weights}): set RESNET_TEST_DATA")
        return SKIPPED
    expected = np.load(data / "reference" / stored)[:pictures]
    with open(data / "imagenet" / "labels.csv", newline="") as f:
        targets = np.array([int(row["label_index"]) for row in csv.DictReader(f)])[:pictures]
    with tempfile.TemporaryDirectory() as scratch:
        command = [program, "eval", "--model", str(data / "weights" / weights),
                   "--data", f"imagenet:{data / 'imagenet' / 'labels.csv'},{data / 'imagenet' / 'images'}",
                   "--images", str(pictures), "--logits", f"{scratch}/ours.npy",
                   "--expect-logits", str(data / "reference" / stored), "--tolerance", str(TOLERANCE),
                   "--json", *sys.argv[6:]]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        print(done.stdout)
        figures = json.loads(done.stdout)
        ours = np.load(f"{scratch}/ours.npy")
    # Not only by the program's own word:
    order = np.argsort(-expected, axis=1, kind="stable")
    wanted = {"images": pictures, "top1": float((order[:, 0] == targets).mean()),
              "top5": float((order[:, :5] == targets[:, None]).any(1).mean())}
    worst = float(np.abs(ours - expected).max())
    same = int((ours.argmax(1) == expected.argmax(1)).sum())
    print(f"max_abs {worst:.3g}; best class equal on {same} of {pictures}; expected {wanted}")
    checks = {"the program's status is 0": done.returncode == 0, "logits": worst <= TOLERANCE,
              "best classes": same == pictures, "keys": list(figures) == list(wanted),
              "figures": all(abs(figures[k] - wanted[k]) < 1e-12 for k in wanted)}
    for name, ok in checks.items():
        if not ok:
            print(f"FAILED: {name}")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
