# SPDX-License-Identifier: MIT
"""Time a token and peak memory of a LoRA step against sequence length, tokens a batch and model size."""
import json
import shutil
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path

from cases.training import peer, solo
from harness import HERE, Failed, in_turn, largest, middle

RESULTS = "benchmarks/results/growth.json"
IMAGES = "docs/images"
RUNS = ("solo float32", "solo bfloat16", "torch float32")
LENGTHS = (64, 128, 256, 512, 1024)
BATCHES = (2, 4, 8, 16, 32)  # of 512 tokens: 1 k to 16 k tokens
SIZES = {"gpt2": 124.4, "gpt2-medium": 354.8, "gpt2-large": 774.0, "gpt2-xl": 1557.6}  # millions of parameters
TIMED_TOKENS = 2048  # at least so many are timed, in steps that follow as many others


def available():
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise Failed("/proc/meminfo: no MemAvailable")


def step(bench, name, size, batch, length):
    """A function that runs `name` at one place: two epochs, of which the second counts."""
    steps = max(1, TIMED_TOKENS // (batch * length))
    rows = bench.id_rows("growth.jsonl", steps * batch, length)
    if name.startswith("solo"):
        return lambda: solo(bench, rows, dtype=name.split()[1], batch=batch, size=size, extra=("--epochs", 2))
    return lambda: peer(bench, rows, batch=batch, size=size, extra=("--epochs", 2))


def study(bench, log):
    """All points of the three series. A run whose next point would not fit into memory ends there."""
    points = []
    series = {"length": [("gpt2", 1, n) for n in LENGTHS], "batch": [("gpt2", n, 512) for n in BATCHES],
              "model": [(size, 1, 512) for size in SIZES]}
    for kind, places in series.items():
        growing = 2.5 if kind == "model" else 2.0  # from one place to the next, at most
        last = dict.fromkeys(RUNS, 0)
        for size, batch, length in places:
            last = {n: rss for n, rss in last.items() if growing * rss < 0.9 * available()}
            log(f"== {size}, {batch} x {length} tokens: {', '.join(last)}")
            rounds = in_turn(bench, {n: step(bench, n, size, batch, length) for n in last}, log)
            for name in last:
                last[name] = largest(rounds, name)
                points.append({"series": kind, "run": name, "model": size, "batch": batch, "length": length,
                               "seconds_per_token": 1 / (middle(rounds, name, "last_epoch_rate") * length),
                               "rss": last[name]})
            if size != "gpt2":
                bench.drop_model(size)
    return points


def place_of(p):
    return {"length": p["length"], "batch": p["batch"] * p["length"], "model": SIZES[p["model"]]}[p["series"]]


def summary(results, table):
    """Lines of Markdown: the pictures, the goals, and a row for each place, the runs side by side."""
    pictures = [f"![time a token and peak memory against {what}]({Path(IMAGES).name}/growth-{series}.svg)"
                for series, what in (("length", "the length of a sequence"), ("batch", "the tokens of a batch"),
                                     ("model", "the size of the model"))]
    titles = {"length": "1 sequence of {} tokens", "batch": "{} tokens in sequences of 512",
              "model": "1 × 512 tokens, {} M parameters"}
    rows = {}
    for p in results["points"]:
        rows.setdefault(titles[p["series"]].format(place_of(p)), {})[p["run"]] = p
    cells = [[title] + [f"{runs[n]['seconds_per_token'] * 1e3:.2f} ms, {runs[n]['rss'] / 1e9:.2f} GB"
                        if n in runs else "does not fit" for n in RUNS] for title, runs in rows.items()]
    return [line for p in pictures for line in (p, "")] + table(
        ["growth of solo, float32", "result", "goal", "reached"], goals(results["points"])) + [""] + table(
        ["LoRA step", *RUNS], cells)


def goals(points):
    """What growth must be like: constant time a token, linear memory, a large model's step in 8 GB."""
    ours = [p for p in points if p["run"] == "solo float32"]
    batches = sorted((p for p in ours if p["series"] == "batch"), key=place_of)
    times = [p["seconds_per_token"] for p in batches]
    slopes = [(b["rss"] - a["rss"]) / (place_of(b) - place_of(a)) * 1024 / 1e6 for a, b in pairwise(batches)]
    large = [p["rss"] for p in ours if p["series"] == "model" and p["model"] == "gpt2-large"]
    rows = []
    if slopes:
        span = f"{place_of(batches[0])} to {place_of(batches[-1])} tokens a batch"
        rows.append([f"time a token, {span}", f"{max(times) / min(times):.2f} × from the least to the most",
                     "constant: ≤ 1.1 ×", max(times) <= 1.1 * min(times)])
        rows.append([f"memory of 1024 more tokens, {span}", f"{min(slopes):.0f} to {max(slopes):.0f} MB",
                     "linear: ≤ 1.1 ×", 0 < max(slopes) <= 1.1 * min(slopes)])
    if large:
        rows.append(["GPT-2 L, step of 512 tokens", f"{large[0] / 1e9:.2f} GB", "< 8 GB", large[0] < 8e9])
    return [[*row, "yes" if reached else "**no**"] for *row, reached in rows]


def plot(root):
    """The pictures, by gnuplot."""
    if shutil.which("gnuplot") is None:
        raise Failed("gnuplot is not installed: the plots were not drawn")
    points = json.loads((root / RESULTS).read_text(encoding="utf-8"))["points"]
    images = root / IMAGES
    images.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="solo-growth-") as work:
        for series in ("length", "batch", "model"):
            for name in RUNS:
                of_run = [p for p in points if p["series"] == series and p["run"] == name]
                lines = [f"{place_of(p)} {p['seconds_per_token'] * 1e3:.6g} {p['rss'] / 1e9:.6g}" for p in of_run]
                (Path(work) / f"{series}-{name.replace(' ', '-')}.dat").write_text("\n".join(lines) + "\n")
        subprocess.run(["gnuplot", "-e", f"data='{work}'; images='{images}'", str(HERE / "growth.gnuplot")], check=True)
