#!/usr/bin/env python3
"""Puts the short form of the tables in docs/benchmarks/cpu.md and docs/benchmarks/gpu.md into README.md and
README.ko.md, so that the figures are typed nowhere twice.

    tools/readme_table.py            rewrites what lies between the marks in the two files
    tools/readme_table.py --check    only says whether they agree; exit status 1 where not
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CPU, GPU = "docs/benchmarks/cpu.md", "docs/benchmarks/gpu.md"
BEGIN, END = "<!-- benchmark: made by tools/readme_table.py -->", "<!-- end of benchmark -->"
# Rows of the GPU's table, (model, precision, batch), that stand for all.
GPU_ROWS = [("resnet18", "fp32", "1"), ("resnet18", "fp32", "256"), ("resnet50", "fp32", "1"), ("resnet50", "fp32", "256")]

TEXT = {
    "README.md": {
        "model": "model", "batch": "batch", "where": "on", "threads": {"1": "1 thread", "2": "2 threads"},
        "unit": "ms an image, 224×224, fp32 where nothing else is said",
        "more": "How it was measured: [{page}]({page}).",
    },
    "README.ko.md": {
        "model": "모델", "batch": "배치", "where": "실행 환경", "threads": {"1": "스레드 1개", "2": "스레드 2개"},
        "unit": "이미지 한 장당 ms, 224×224, 표시가 없으면 fp32",
        "more": "측정 방법: [{page}]({page}).",
    },
}


def cells_of(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


class Page:
    """The first table of a page that begins with the columns `first`, and the sentence on where and when."""

    def __init__(self, name, first):
        self.name = name
        lines = (ROOT / name).read_text().splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith(first))
        self.header = cells_of(lines[start])
        self.rows = []
        for line in lines[start + 2:]:
            if not line.startswith("|"):
                break
            self.rows.append(cells_of(line))
        measured = next((line for line in lines if line.startswith("Measured ")), "")
        match = re.match(r"Measured (\S+) on (.*?), commit", measured)
        versions = re.search(r"Versions: (.*?)\.(?: |$)", measured)
        if not match or not versions:
            sys.exit(f"readme_table: {name} has no line 'Measured DATE on MACHINE, commit …. Versions: ….'")
        command = next((line.strip() for line in lines if line.startswith("    ") and "tools/" in line), "")
        self.caption = f"{match.group(1)}, {match.group(2)}. {versions.group(1)}. `{command}`."
        self.machine = match.group(2)


def read(name, first):
    """The page, or None before its first measurement, when there is nothing to show."""
    path = ROOT / name
    return Page(name, first) if path.exists() and f"\n{first}" in path.read_text() else None


def gpu_rows(page, columns):
    """Rows of the GPU's page in the columns of the processors', of which it has two."""
    gpu = re.match(r"(?:NVIDIA )?([^\s,]+)", page.machine).group(1)
    at = {name: i for i, name in enumerate(page.header)}
    rows = []
    for row in page.rows:
        if tuple(row[:3]) not in GPU_ROWS:
            continue
        per_image = {"resnet.cpp": row[at["ours ms"]], "PyTorch": row[at["PyTorch ms"]]}
        cells = [f"{float(per_image[c]) / int(row[2]):.3f}" if c in per_image else "–" for c in columns]
        rows.append([row[0], row[2], f"{gpu}, {row[1]}", f"**{cells[0]}**", *cells[1:]])
    return rows


def short_table(cpu, gpu, words):
    # The columns of milliseconds stand between "threads" and the first ratio.
    columns = cpu.header[3:next(i for i, name in enumerate(cpu.header) if " / " in name)]
    end = 3 + len(columns)
    # Versions are given below the table; the names alone head the columns.
    rows = [[words["model"], words["batch"], words["where"], *columns], ["---"] * end]
    rows += [[*row[:2], words["threads"][row[2]], f"**{row[3]}**", *row[4:end]] for row in cpu.rows]
    rows += gpu_rows(gpu, columns) if gpu else []
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines[1] = "|" + "---|" * end
    captions = [f"{page.caption} {words['more'].format(page=page.name)}" for page in (cpu, gpu) if page]
    return "\n".join([*lines, "", f"{words['unit']}. " + "\n\n".join(captions)])


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    cpu, gpu = read(CPU, "| model | batch |"), read(GPU, "| model | precision |")
    stale = []
    for name, words in TEXT.items():
        path = ROOT / name
        text = path.read_text()
        if text.count(BEGIN) != 1 or text.count(END) != 1:
            sys.exit(f"readme_table: {name} must hold each of the two marks once")
        head, rest = text.split(BEGIN)
        table = short_table(cpu, gpu, words) + "\n" if cpu else ""
        new = head + BEGIN + "\n" + table + END + rest.split(END)[1]
        if new != text:
            stale.append(name)
            if not check:
                path.write_text(new)
    if check and stale:
        sys.exit(f"readme_table: {', '.join(stale)} no longer agree with the pages; run tools/readme_table.py")


main()
