# SPDX-License-Identifier: MIT
"""Where the time of our training steps goes, by part (perf's samples, by the names of functions), and the memory."""
import json
import re
import shutil

from cases.training import LORA, RATE, spread
from harness import Failed, percent, run, run_json

RESULTS = "benchmarks/results/profile.json"
STEPS = 24
# The first that matches names the part; [k] is the kernel's code.
PARTS = (
    ("waiting for another thread", r"sched|futex|pthread|task_switch|ThreadPool"),
    ("memory pages and other work of the kernel", r"^\[k\]"),
    ("reading model, tokenizer and data", r"Safetensors|[Jj]son|Bpe|Vocabulary|Tokenizer|nlohmann|memcmp|crc|checksum"),
    ("packing and transposing", r"pack|transpose"),
    ("attention", r"attention"),
    ("matrix products", r"micro|gemm|product|skinny|dot_"),
    ("GELU", r"gelu"),
    ("layer norm", r"norm"),
    ("loss", r"logit|cross_entropy|softmax"),
    ("AdamW", r"adamw"),
    ("copying and clearing", r"memset|memmove|memcpy"),
)
OTHER = "other"
# name: options of solo train and solo params, and rows
COLUMNS = {
    "LoRA float32": (LORA, "float32", "e2e"),
    "LoRA bfloat16": (LORA, "bfloat16", "e2e"),
    "full, 8 × 64 tokens": (("--method", "full"), "float32", "ids"),
}


def part_of(symbol):
    return next((name for name, pattern in PARTS if re.search(pattern, symbol)), OTHER)


def shares(report):
    """{part: share} and the largest symbols of no part, from lines `12.34% |[.] symbol`."""
    parts, others = {}, {}
    for line in report.splitlines():
        found = re.match(r"\s*([\d.]+)%\s*\|\s*(\[.\].*\S)", line)
        if not found:
            continue
        share, symbol = float(found.group(1)) / 100, found.group(2)
        part = part_of(symbol)
        parts[part] = parts.get(part, 0.0) + share
        if part == OTHER:
            others[symbol[4:100]] = share
    return parts, sorted(others, key=others.get, reverse=True)[:5]


def column(bench, log, name):
    method, dtype, rows = COLUMNS[name]
    data = bench.e2e_rows("profile.csv", spread(8 * STEPS)) if rows == "e2e" else bench.id_rows(
        "profile.jsonl", 8 * STEPS, 64)
    out, samples = bench.work / "profiled", bench.work / "perf.data"
    command = [bench.program("solo"), "train", "--model", bench.model(), *method, "--dtype", dtype, "--train", data,
               "--output", out, "--batch-size", 8, "--epochs", 1, "--learning-rate", RATE[method[1]], "--no-shuffle",
               "--threads", bench.threads, "--quiet", "--json"]
    result = run_json(command, bench.threads)
    shutil.rmtree(out)
    run(["perf", "record", "--quiet", "--freq", 499, "--output", samples, *command], bench.threads)
    shutil.rmtree(out)
    report, _ = run(["perf", "report", "--input", samples, "--stdio", "--no-children", "--fields", "overhead,sym",
                     "--field-separator", "|"], 1)
    parts, others = shares(re.sub(r"^\s*([\d.]+)%?\s*\|", r"\1%|", report, flags=re.MULTILINE))
    length = round(result["tokens_per_second"] / result["examples_per_second"])
    params, _ = run([bench.program("solo"), "params", "--model", bench.model(), *method, "--dtype", dtype,
                     "--batch-size", 8, "--sequence-length", length, "--json"], 1)
    log(f"{name}: {', '.join(f'{k} {percent(v)}' for k, v in parts.items())}")
    return {"parts": parts, "others": others, "rate": result["examples_per_second"], "rss": result["rss"],
            "length": length, "forecast": json.loads(params)["forecast"]}


def study(bench, log):
    if shutil.which("perf") is None:
        raise Failed("perf is not installed (Debian: linux-perf)")
    return {name: column(bench, log, name) for name in COLUMNS}


def summary(results, table):
    """Lines of Markdown: the time by part, then the memory."""
    columns = results["columns"]
    names = sorted({p for c in columns.values() for p in c["parts"]} - {OTHER},
                   key=lambda p: -max(c["parts"].get(p, 0.0) for c in columns.values()))
    time = [[p, *(f"{100 * c['parts'].get(p, 0.0):.1f} %" for c in columns.values())] for p in [*names, OTHER]]
    lines = table(["part of the processor time", *columns], time)
    memory = [[title, *(f"{c['forecast'][key] / 1e6:.0f} MB" for c in columns.values())]
              for title, key in (("weights (forecast)", "weights_bytes"), ("activations (forecast)", "activations_bytes"),
                                 ("gradients (forecast)", "gradients_bytes"),
                                 ("AdamW's state (forecast)", "optimizer_bytes"))]
    memory.append(["largest resident size, measured", *(f"{c['rss'] / 1e6:.0f} MB" for c in columns.values())])
    return lines + [""] + table(["memory", *columns], memory)
