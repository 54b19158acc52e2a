#!/usr/bin/env python3
"""Puts the short form of docs/benchmarks/cpu.md's table into README.md and README.ko.md, so that the figures are
typed nowhere twice.

    tools/readme_table.py            rewrites what lies between the marks in the two files
    tools/readme_table.py --check    only says whether they agree; exit status 1 where not
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = ROOT / "docs" / "benchmarks" / "cpu.md"
BEGIN, END = "<!-- benchmark: made by tools/readme_table.py from docs/benchmarks/cpu.md -->", "<!-- end of benchmark -->"

TEXT = {
    "README.md": {
        "model": "model", "batch": "batch", "threads": "threads", "unit": "ms an image, fp32, 224×224",
        "more": "How it was measured: [docs/benchmarks/cpu.md](docs/benchmarks/cpu.md).",
    },
    "README.ko.md": {
        "model": "모델", "batch": "배치", "threads": "스레드", "unit": "이미지 한 장당 ms, fp32, 224×224",
        "more": "측정 방법: [docs/benchmarks/cpu.md](docs/benchmarks/cpu.md).",
    },
}


def cells_of(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def read_source(text):
    """Header and rows of the table, and the sentence that says where and when it was measured."""
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith("| model | batch |")), None)
    if start is None:
        sys.exit(f"readme_table: {SOURCE.relative_to(ROOT)} holds no table that begins with '| model | batch |'")
    rows = []
    for line in lines[start + 2:]:
        if not line.startswith("|"):
            break
        rows.append(cells_of(line))
    measured = next((line for line in lines if line.startswith("Measured ")), "")
    match = re.match(r"Measured (\S+) on (.*?), commit", measured)
    versions = re.search(r"Versions: (.*?)\.(?: |$)", measured)
    if not match or not versions:
        sys.exit(f"readme_table: {SOURCE.relative_to(ROOT)} has no line 'Measured DATE on MACHINE, commit …. Versions: ….'")
    command = next((line.strip() for line in lines if line.startswith("    ") and "tools/" in line), "")
    return cells_of(lines[start]), rows, match.group(1), match.group(2), versions.group(1), command


def short_table(source, words):
    header, rows, date, machine, versions, command = source
    # The columns of milliseconds stand between "threads" and the first ratio.
    end = next(i for i, name in enumerate(header) if " / " in name)
    # Versions are given below the table; the names alone head the columns.
    lines = ["| " + " | ".join([words["model"], words["batch"], words["threads"], *header[3:end]]) + " |",
             "|---|---|---|" + "---|" * (end - 3)]
    for row in rows:
        lines.append("| " + " | ".join([*row[:3], f"**{row[3]}**", *row[4:end]]) + " |")
    lines += ["", f"{words['unit']}. {date}, {machine}. {versions}. `{command}`. {words['more']}"]
    return "\n".join(lines)


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    # Before the first measurement there is nothing to show.
    source = read_source(SOURCE.read_text()) if SOURCE.exists() else None
    stale = []
    for name, words in TEXT.items():
        path = ROOT / name
        text = path.read_text()
        if text.count(BEGIN) != 1 or text.count(END) != 1:
            sys.exit(f"readme_table: {name} must hold each of the two marks once")
        head, rest = text.split(BEGIN)
        table = short_table(source, words) + "\n" if source else ""
        new = head + BEGIN + "\n" + table + END + rest.split(END)[1]
        if new != text:
            stale.append(name)
            if not check:
                path.write_text(new)
    if check and stale:
        sys.exit(f"readme_table: {', '.join(stale)} no longer agree with docs/benchmarks/cpu.md; run tools/readme_table.py")


main()
