#!/usr/bin/env python3
"""What calls of a Session on GPUs take as a program sees them, copies included: by input and by calls at once.

    tools/bench_calls.py                                          a minute
    tools/bench_calls.py --markdown docs/benchmarks/gpu.md        and the table into that page
    tools/bench_calls.py --device cuda:0,cuda:1 --calls 2,4,8 --batches 64

Each figure is one `resnet bench --random` on pictures in ordinary memory: fp32 values (--input-type f32) and 8-bit pixels
(u8), one call at a time and several at once. "GPU" is the time of the network alone by the GPU's clock, for the input
before it.
"""

import argparse
import datetime
import json
import pathlib
import subprocess
import sys

from peers import report as reporting

MARKS = "<!-- made by tools/bench_calls.py -->", "<!-- end of tools/bench_calls.py -->"


def bench(options, depth, batch, input_type, calls):
    plan = "latency" if batch == 1 else "throughput"
    command = [options.resnet, "bench", "--json", "--quiet", "--random", depth, "--device", options.device,
               "--precision", options.precision, "--plan", plan, "--batch", str(batch), "--input-type", input_type,
               "--calls", str(calls), "--seconds", str(options.seconds)]
    result = subprocess.run(command, stdout=subprocess.PIPE)
    if result.returncode != 0:
        sys.exit(f"bench_calls: status {result.returncode} from {' '.join(command)}")
    return json.loads(result.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="default: cuda")
    parser.add_argument("--precision", default="fp16", help="default: fp16")
    parser.add_argument("--models", default="18,50", help="depths, default: 18,50")
    parser.add_argument("--batches", default="1,64,256")
    parser.add_argument("--calls", default="1,2,4", help="calls at once")
    parser.add_argument("--seconds", type=float, default=0.2, help="for each figure")
    parser.add_argument("--resnet", default="build/release/resnet", help="the program")
    parser.add_argument("--markdown", type=pathlib.Path, help="replace the part between the marks of this page")
    options = parser.parse_args()
    at_once = [int(calls) for calls in options.calls.split(",")]

    head = ["model", "batch", "input", "GPU ms"] + ["call ms"] * (1 in at_once)
    head += [f"img/s, {calls} at once" if calls > 1 else "img/s" for calls in at_once]
    lines = []
    for depth in options.models.split(","):
        for batch in map(int, options.batches.split(",")):
            for input_type in ("f32", "u8"):
                reports = {calls: bench(options, depth, batch, input_type, calls) for calls in at_once}
                cells = [f"ResNet-{depth}", str(batch), input_type]
                alone = reports.get(1)
                cells.append(f"{alone['ms_median']:.3f}" if alone else "")
                if alone:
                    cells.append(f"{alone['call_ms_median']:.3f}")
                for calls in at_once:
                    rate = batch / alone["call_ms_median"] * 1000 if calls == 1 else reports[calls]["images_per_s"]
                    cells.append(f"{rate:,.0f}")
                lines.append(f"| {' | '.join(cells)} |")
                machine = reports[at_once[0]]["machine"], reports[at_once[0]]["commit"]
    command = reporting.command_line("tools/bench_calls.py", ("--markdown", "--resnet"))
    text = "\n".join([f"Measured {datetime.date.today()} on {machine[0]}, commit {machine[1]}, {options.precision}.\n",
                      f"    {command}\n", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *lines]) + "\n"
    print(text, end="")
    if options.markdown:
        reporting.write_between(options.markdown, MARKS, text, "Speed on a GPU")


if __name__ == "__main__":
    main()
