"""What the benchmarks of peers have in common when they report."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def commit():
    done = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def command_line(program, hidden):
    """What was called, without the options (of one argument each) that name files of this machine."""
    words, skip = [program], False
    for word in sys.argv[1:]:
        if not skip and not word.startswith(hidden):
            words.append(word)
        skip = word in hidden
    return " ".join(words)


def write_between(path, marks, text, title):
    """Replaces what lies between the two marks in the file `path`; one that does not exist is begun with them."""
    begin, end = marks
    old = path.read_text() if path.exists() else f"# {title}\n\n{begin}\n{end}\n"
    if old.count(begin) != 1 or old.count(end) != 1:
        sys.exit(f"{path}: must hold the lines '{begin}' and '{end}' once each; the table goes between them")
    head, rest = old.split(begin)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{head}{begin}\n{text}{end}{rest.split(end)[1]}")
