#!/usr/bin/env python3
"""Puts the figures of the taggers into their cards, so that they are typed nowhere.

    tools/model_card.py [DIR]            rewrites what lies between the marks in DIR/tagger-*-int8.md (DIR: models)
    tools/model_card.py --check [DIR]    only says whether they agree; exit status 1 where not

They come from DIR/reports: NETWORK_fp32.html and NETWORK_qat.html are the reports of the trainings, at their best
epoch; NETWORK_ptq.json and NETWORK_int8.json are what `resnet eval --json` printed. tools/train_taggers.sh makes all
four. The size of the int8 file is that of DIR/tagger-NETWORK-int8.safetensors.
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
END = "<!-- end -->"
# Four bytes for each weight and BatchNorm statistic of the network with 80 classes.
FP32_BYTES = {"resnet50": 94_900_288, "resnet18": 44_908_608}
COLUMNS = ["mAP", "precision", "recall", "F1", "CF1", "best_threshold"]
CLASSES_IN_A_ROW = 4


def mark(what):
    return f"<!-- {what}: made by tools/model_card.py from reports/ -->"


def of_report(path):
    """The figures at the best epoch of a training: the report shows them as <b>59.22 %</b><span>mAP, epoch 10</span>."""
    shown = {name: text for text, name in re.findall(r"<b>([\d.]+ %)</b><span>(\w+)", path.read_text())}
    if "mAP" not in shown:
        sys.exit(f"model_card: {path}: is no report of a training that was validated by mAP")
    # Of the thresholds that a run chose, the report says nothing.
    return [shown[name] for name in ("mAP", "precision", "recall", "OF1", "CF1")] + [""]


def of_evaluation(path):
    figures = json.loads(path.read_text())
    percents = [f"{100 * figures[name]:.2f} %" for name in ("mAP", "precision", "recall", "OF1", "CF1")]
    return percents + [f"{figures['best_threshold']:.2f}"]


def figures_table(folder, network):
    reports = folder / "reports"
    int8_bytes = (folder / f"tagger-{network}-int8.safetensors").stat().st_size
    rows = [("fp32, as trained", f"{network}_fp32.html", FP32_BYTES[network]),
            ("that through `resnet quantize`", f"{network}_ptq.json", int8_bytes),
            ("quantisation-aware (LSQ), as trained", f"{network}_qat.html", None),
            ("**that as int8: this file**", f"{network}_int8.json", int8_bytes)]
    lines = ["| | mAP | precision | recall | F1 | CF1 | best threshold | size |", "|" + "---|" * (len(COLUMNS) + 2)]
    for text, name, size in rows:
        figures = of_report(reports / name) if name.endswith(".html") else of_evaluation(reports / name)
        megabytes = f"{size / 1e6:.1f} MB" if size else ""
        lines.append("| " + " | ".join([f"{text} ([source](reports/{name}))", *figures, megabytes]) + " |")
    return lines


def classes_table(folder, network):
    classes = json.loads((folder / "reports" / f"{network}_int8.json").read_text())["per_class"]
    classes.sort(key=lambda c: -(c["AP"] or 0))
    cells = [f"{c['label']} " + (f"{100 * c['AP']:.0f}" if c["AP"] is not None else "–") + f" ({c['positives']})"
             for c in classes]
    height = -(-len(cells) // CLASSES_IN_A_ROW)  # the best stand at the top of the first column
    cells += [""] * (height * CLASSES_IN_A_ROW - len(cells))
    return ["|" + " |" * CLASSES_IN_A_ROW, "|" + "---|" * CLASSES_IN_A_ROW,
            *("| " + " | ".join(cells[i::height]) + " |" for i in range(height))]


def fill_in(path, text, what, lines):
    begin = mark(what)
    if text.count(begin) != 1 or END not in text.split(begin)[1]:
        sys.exit(f"model_card: {path} must hold once: {begin} … {END}")
    head, rest = text.split(begin)
    return head + begin + "\n" + "\n".join(lines) + "\n" + END + rest.split(END, 1)[1]


def main():
    arguments = sys.argv[1:]
    check = arguments[:1] == ["--check"]
    arguments = arguments[check:]
    if len(arguments) > 1 or any(a.startswith("-") for a in arguments):
        sys.exit(__doc__)
    folder = pathlib.Path(arguments[0]) if arguments else ROOT / "models"
    stale = []
    for network in FP32_BYTES:
        path = folder / f"tagger-{network}-int8.md"
        try:
            text = path.read_text()
            new = fill_in(path, text, "figures", figures_table(folder, network))
            new = fill_in(path, new, "classes", classes_table(folder, network))
        except OSError as error:
            sys.exit(f"model_card: {error.filename}: {error.strerror}")
        if new != text:
            stale.append(path.name)
            if not check:
                path.write_text(new)
    if check and stale:
        sys.exit(f"model_card: {', '.join(stale)} no longer agree with {folder.name}/reports; run tools/model_card.py")


main()
