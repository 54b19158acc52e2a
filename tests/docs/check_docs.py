"""Keeps the documents true where a machine can tell:
- README.md and README.ko.md hold the same code blocks, in the same order;
- the figures in both are those of docs/benchmarks/cpu.md, those in the cards of models/ those of models/reports/;
- every relative link leads to a file or a heading that exists;
- every file and command of this repository that is named in `code` exists.
    check_docs.py [PROGRAM]
With PROGRAM, subcommands and options of `resnet` in code blocks are looked up in its --help as well."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "models").glob("*.md")])
problems = []


def blocks(path):
    return re.findall(r"^```.*?\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


def headings(path):
    """Anchors as the usual renderers make them: lower case, punctuation out, spaces to dashes."""
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    names = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", name.lower()).strip().replace(" ", "-") for name in names}


def check_readmes():
    english, korean = blocks(ROOT / "README.md"), blocks(ROOT / "README.ko.md")
    if len(english) != len(korean):
        problems.append(f"README.md has {len(english)} code blocks, README.ko.md {len(korean)}")
    for i, (a, b) in enumerate(zip(english, korean)):
        if a != b:
            problems.append(f"code block {i + 1} differs between README.md and README.ko.md:\n{a}---\n{b}")


def check_figures():
    for tool in ("readme_table.py", "model_card.py"):
        done = subprocess.run([sys.executable, ROOT / "tools" / tool, "--check"], capture_output=True, text=True)
        if done.returncode != 0:
            problems.append(done.stderr.strip())


def check_links():
    for path in DOCUMENTS:
        text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            linked = (path.parent / file).resolve() if file else path
            if not linked.exists():
                problems.append(f"{path.relative_to(ROOT)}: link to {target}, which does not exist")
            elif anchor and linked.suffix == ".md" and anchor not in headings(linked):
                problems.append(f"{path.relative_to(ROOT)}: {target} names no heading of {linked.name}")


def check_paths():
    """`src/…`, `tools/…` and the like in running text must exist; patterns and capital PLACEHOLDERS are let through."""
    folders = "|".join(p.name for p in ROOT.iterdir() if p.is_dir() and p.name not in ("build",) and not p.name.startswith("."))
    for path in DOCUMENTS:
        for name in re.findall(rf"`((?:{folders}|\.ci)/[\w./-]+)", path.read_text()):
            if re.search(r"[A-Z]{2,}|NAME", name) and not (ROOT / name).exists():
                continue
            if not (ROOT / name.rstrip("./")).exists():
                problems.append(f"{path.relative_to(ROOT)}: `{name}` does not exist")


def check_commands(program):
    """Every `resnet SUBCOMMAND --option` in a code block is one that the program knows."""
    known = {}
    for path in DOCUMENTS:
        for block in blocks(path):
            for line in re.sub(r"\\\n", " ", block).splitlines():
                match = re.match(r"\$? ?(?:\S*/)?resnet ([a-z]+)\b(.*)", line.strip())
                if not match:
                    continue
                name, rest = match.groups()
                if name not in known:
                    done = subprocess.run([program, name, "--help"], capture_output=True, text=True)
                    known[name] = done.stdout if done.returncode == 0 else None
                if known[name] is None:
                    problems.append(f"{path.relative_to(ROOT)}: `resnet {name}` is no command")
                    continue
                for option in re.findall(r"(?:^|\s)(--[a-z][\w-]*)", re.split(r"[|>#]", rest)[0]):
                    if not re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", known[name]):
                        problems.append(f"{path.relative_to(ROOT)}: `resnet {name}` has no option {option}")


check_readmes()
check_figures()
check_links()
check_paths()
if len(sys.argv) > 1:
    check_commands(sys.argv[1])
for problem in problems:
    print(problem)
print(f"{len(DOCUMENTS)} documents, {len(problems)} problems")
sys.exit(1 if problems else 0)
