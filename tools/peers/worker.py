"""One contender in a process of its own, driven over pipes.

A contender's file defines a class with

    name                                  "ONNX Runtime"
    load(model, batch, threads) -> dict   gets ready to run; returns {"version": …, "settings": …}
    run(x) -> array                       logits of an input [batch, 3, H, W]

and ends in `worker.main(Class)`. The runner starts it with the processors to stay on, and sends one
JSON object a line:

    {"op": "load", "model": {…}, "batch": 1, "threads": 1, "input": "x.npy"}
    {"op": "answer", "input": "pictures.npy", "output": "logits.npy"}
                                           runs on any number of pictures, writes their logits
    {"op": "time", "warm": 2, "ms": 250}   runs on the input given to `load` until `ms` have passed, at least once

and gets one line back: {"ok": true, …} or {"ok": false, "error": …}.
"""
import argparse
import ctypes
import json
import os
import signal
import sys
import time
import traceback


PR_SET_PDEATHSIG = 1  # of prctl(2)


def _reply(stream, **fields):
    stream.write(json.dumps(fields) + "\n")
    stream.flush()


class _Worker:
    def __init__(self, contender):
        self.contender = contender
        self.input = None

    def load(self, request):
        import numpy

        self.input = numpy.ascontiguousarray(numpy.load(request["input"]), numpy.float32)
        facts = self.contender.load(request["model"], request["batch"], request["threads"])
        return {"name": self.contender.name, **facts}

    def answer(self, request):
        import numpy

        x = numpy.load(request["input"])
        batch, given, logits = len(self.input), self.input.copy(), []
        for start in range(0, len(x), batch):
            # Into the array that is timed later: contenders may have bound themselves to its memory.
            rows = x[start : start + batch]
            self.input[: len(rows)] = rows
            logits.append(numpy.array(self.contender.run(self.input), numpy.float32).reshape(batch, -1)[: len(rows)])
        self.input[:] = given
        numpy.save(request["output"], numpy.concatenate(logits))
        return {}

    def time(self, request):
        run, x, clock = self.contender.run, self.input, time.perf_counter_ns
        for _ in range(request["warm"]):
            run(x)
        times = []
        total = 0
        while not times or total < request["ms"] * 1e6:
            start = clock()
            run(x)
            times.append(clock() - start)
            total += times[-1]
        return {"ms": [t / 1e6 for t in times]}


def main(contender_class):
    parser = argparse.ArgumentParser()
    parser.add_argument("--cpus", required=True, help="processors to stay on, e.g. 0,1")
    arguments = parser.parse_args()
    # The runner keeps this process stopped most of the time; it must not stay so when the runner is killed.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # Before any library is loaded: most of them size their thread pools by what they are allowed.
    os.sched_setaffinity(0, {int(c) for c in arguments.cpus.split(",")})

    # Libraries that print to standard output must not break the protocol.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = _Worker(contender_class())
    for line in sys.stdin:
        request = json.loads(line)
        try:
            result = {"load": worker.load, "answer": worker.answer, "time": worker.time}[request["op"]](request)
        except Exception as error:  # the runner decides what a failure means
            traceback.print_exc()
            _reply(replies, ok=False, error=f"{type(error).__name__}: {error}")
        else:
            _reply(replies, ok=True, **result)
