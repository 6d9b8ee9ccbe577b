# SPDX-License-Identifier: MIT
"""Training steps: `solo train` beside transformers + peft, on the same rows in the same order."""
import json
import shutil

from cases.kernels import limits
from harness import Failed, require_near, run_json

LORA = ("--method", "lora", "--rank", 4, "--lora-alpha", 32)
RATE = {"lora": 2e-4, "solo": 2e-4, "full": 5e-5}
# The first loss against the float32 peer's: weights of 8 bits of mantissa, or all of the computation in them.
TOLERANCE = {"float32": 1e-5, "bfloat16": 2e-3}
PEER_TOLERANCE = {"float32": 1e-5, "bfloat16": 2e-2}


def solo(bench, rows, *, method=LORA, dtype="float32", batch=8, threads=None, extra=(), size="gpt2"):
    """One run of `solo train` over the rows: rates, first and last loss."""
    out = bench.work / "trained"
    shutil.rmtree(out, ignore_errors=True)
    threads = threads or bench.threads
    epochs = () if "--epochs" in extra else ("--epochs", 1)
    result = run_json([bench.program("solo"), "train", "--model", bench.model(size), *method, "--train", rows,
                       "--output", out, "--batch-size", batch, "--learning-rate", RATE[method[1]],
                       "--lr-scheduler", "constant", "--no-shuffle", "--logging-steps", 1, "--dtype", dtype,
                       "--threads", threads, "--quiet", "--json", *extra, *epochs], threads)
    log = [e for e in json.loads((out / "trainer_state.json").read_text())["log_history"] if "loss" in e]
    shutil.rmtree(out)
    rates = {"rate": result["examples_per_second"]}
    if not epochs:
        rates["last_epoch_rate"] = result["last_epoch_examples_per_second"]
    return {**rates, "first_loss": log[0]["loss"], "last_loss": log[-1]["loss"], "steps": len(log),
            "rss": result["rss"]}


def peer(bench, rows, *, method="lora", dtype="float32", batch=8, size="gpt2", extra=()):
    return bench.worker("train", "--model", bench.model(size), "--rows", rows, "--method", method, "--dtype", dtype,
                        "--batch", batch, "--rate", RATE[method], *extra)


def checked(runs, against):
    """The runs, each of whose first loss must be that of the run `against`, which comes first."""
    first = {}

    def wrap(name, function, tolerance):
        def call():
            result = function()
            first.setdefault(against, result["first_loss"])
            require_near(f"first losses of {name} and {against}", result["first_loss"], first[against], tolerance)
            return result
        return call
    if next(iter(runs)) != against:
        raise Failed(f"{against} must come first")
    return {name: wrap(name, *run) for name, run in runs.items()}


def spread(count):
    """Rows spread evenly over the file, so that lengths are typical."""
    return lambda rows: [rows[i * len(rows) // count] for i in range(count)]


def lora(bench):
    """LoRA r 4 on c_attn, E2E lines, batch 8, prompt masked, 12 steps."""
    rows = bench.e2e_rows("spread.csv", spread(96))
    return checked({
        "peer float32": (lambda: peer(bench, rows), 0),
        "solo float32": (lambda: solo(bench, rows), TOLERANCE["float32"]),
        "solo bfloat16": (lambda: solo(bench, rows, dtype="bfloat16"), TOLERANCE["bfloat16"]),
        "peer bfloat16": (lambda: peer(bench, rows, dtype="bfloat16"), PEER_TOLERANCE["bfloat16"]),
    }, "peer float32")


def whole_contexts(count, groups=12):
    """Whole groups of rows of one context, spread over the file, in file order."""
    def pick(rows):
        by_context = {}
        for row in rows:
            by_context.setdefault(row["mr"], []).append(row)
        contexts = list(by_context.values())
        chosen, i = [], 0
        while len(chosen) < count:
            chosen += contexts[i * len(contexts) // groups % len(contexts) + i // groups]
            i += 1
        return chosen[:count]
    return pick


def prefix(bench):
    """Solo s 2 r 36 from the prefix cache, contexts shared: the rate of the last of three epochs."""
    rows = bench.e2e_rows("contexts.csv", whole_contexts(96))
    method = ("--method", "solo", "--stride", 2, "--rank", 36)
    extra = ("--epochs", 3, "--share-context", "--prefix-cache", "memory")
    # A Solo of the paper's initial values changes nothing at first: its first loss is the base's, as LoRA's is.
    return checked({
        "peer float32": (lambda: peer(bench, rows), 0),
        "solo bfloat16": (lambda: solo(bench, rows, method=method, dtype="bfloat16", extra=extra),
                          TOLERANCE["bfloat16"]),
    }, "peer float32")


def long(bench):
    """LoRA, 8 x 512 tokens, all positions scored: the third step."""
    rows = bench.id_rows("long.jsonl", 24, 512)
    return checked({
        "peer float32": (lambda: peer(bench, rows), 0),
        "solo float32": (lambda: solo(bench, rows), TOLERANCE["float32"]),
    }, "peer float32")


def full(bench):
    """Full fine-tuning, 8 x 64 tokens, all positions scored, 8 steps."""
    rows = bench.id_rows("full.jsonl", 64, 64)
    last = {}

    def ours():
        result = solo(bench, rows, method=("--method", "full"))
        require_near("last losses", result["last_loss"], last["peer"], 1e-3)
        return result

    def theirs():
        result = peer(bench, rows, method="full")
        last["peer"] = result["last_loss"]
        return result
    return checked({"peer float32": (theirs, 0), "solo float32": (ours, TOLERANCE["float32"])}, "peer float32")


def threads(bench):
    """The step of the case lora on one thread and on two, beside the machine's own gain."""
    rows = bench.e2e_rows("spread.csv", spread(96))
    runs = {f"solo {dtype}, {n} threads": (lambda n=n, dtype=dtype: solo(bench, rows, dtype=dtype, threads=n))
            for dtype in ("float32", "bfloat16") for n in (1, 2)}
    return {**runs, "limits": lambda: limits(bench)}
