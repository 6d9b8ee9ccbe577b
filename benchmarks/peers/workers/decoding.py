# SPDX-License-Identifier: MIT
"""What the workers that decode have in common: their arguments, and the runs they time."""
import argparse
import json
import time


def arguments(dtypes):
    p = argparse.ArgumentParser()
    p.add_argument("--threads", type=int, required=True)
    p.add_argument("--model", required=True)
    p.add_argument("--dtype", choices=dtypes, required=True)
    p.add_argument("--beams", type=int, required=True)
    p.add_argument("--new-tokens", type=int, required=True)
    p.add_argument("--repetitions", type=int, required=True)
    p.add_argument("--prompts", required=True)
    return p.parse_args()


def time_runs(a, generate, lists=lambda ids: ids):
    """Prints the seconds of each generate(new tokens), and lists(ids) of the last one, as JSON."""
    generate(4)  # what only a first call does is not timed
    seconds = []
    for _ in range(a.repetitions):
        start = time.perf_counter()
        ids = generate(a.new_tokens)
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": seconds, "ids": lists(ids)}))
