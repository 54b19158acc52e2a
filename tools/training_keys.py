#!/usr/bin/env python3
"""Puts the keys of a training configuration, with defaults and meaning, into docs/training.md: what
`resnet-train --print-config` says, as tables.

    tools/training_keys.py build/release/resnet-train            rewrites what lies between the marks
    tools/training_keys.py --check build/release/resnet-train    says whether it agrees, whether every SECTION.KEY=VALUE
                                                                 in the documents names a key, and whether every
                                                                 configs/*.yaml is accepted; exit status 1 where not
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "training.md"
BEGIN, END = "<!-- keys: made by tools/training_keys.py -->", "<!-- end of keys -->"


def read_keys(program):
    """{section: [(key, default, meaning)]} in the program's order."""
    text = subprocess.run([program, "--print-config"], check=True, capture_output=True, text=True).stdout
    sections, meaning = {}, ""
    for line in text.splitlines():
        if match := re.fullmatch(r"(\w+):", line):
            rows = sections.setdefault(match[1], [])
        elif match := re.fullmatch(r"  # (.*)", line):
            meaning = match[1]
        elif match := re.fullmatch(r"  (\w+): (.*)", line):
            rows.append((match[1], match[2], meaning))
        elif line:
            sys.exit(f"training_keys: cannot read the line '{line}' of --print-config")
    return sections


def tables(sections):
    blocks = []
    for section, rows in sections.items():
        lines = ["| key | default | |", "|---|---|---|"]
        for key, default, meaning in rows:
            cells = (f"`{section}.{key}`", "" if default == '""' else f"`{default}`", meaning.replace("|", "\\|"))
            lines.append("| " + " | ".join(cells) + " |")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def check(program, sections, page, wanted):
    problems = [] if page == wanted else [f"{PAGE.relative_to(ROOT)} is not what --print-config says: run tools/training_keys.py"]
    known = {f"{section}.{key}" for section, rows in sections.items() for key, *_ in rows}
    named = re.compile(rf"(?<![\w./-])((?:{'|'.join(sections)})\.\w+)=")
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "models").glob("*.md"), *(ROOT / "configs").glob("*.yaml")]
    for path in files:
        for name in sorted(set(named.findall(path.read_text())) - known):
            problems.append(f"{path.relative_to(ROOT)}: {name} is no key")
    for path in sorted((ROOT / "configs").glob("*.yaml")):
        done = subprocess.run([program, "--config", path, "--print-config"], capture_output=True, text=True)
        if done.returncode != 0:
            problems.append(f"{path.relative_to(ROOT)}: {done.stderr.strip()}")
    return problems


def main():
    arguments = sys.argv[1:]
    checking = "--check" in arguments
    programs = [a for a in arguments if not a.startswith("-")]
    if len(programs) != 1 or set(arguments) - {"--check", *programs}:
        sys.exit(__doc__)
    sections = read_keys(programs[0])
    page = PAGE.read_text()
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        sys.exit(f"training_keys: {PAGE.relative_to(ROOT)} must hold each mark once")
    head, rest = page.split(BEGIN)
    wanted = f"{head}{BEGIN}\n{tables(sections)}\n{END}{rest.split(END)[1]}"
    if not checking:
        PAGE.write_text(wanted)
        return
    problems = check(programs[0], sections, page, wanted)
    print("\n".join(problems) or f"{sum(map(len, sections.values()))} keys, all as in {PAGE.relative_to(ROOT)}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
