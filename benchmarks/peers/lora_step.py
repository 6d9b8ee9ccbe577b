# SPDX-License-Identifier: MIT
"""A LoRA training step of GPT-2 124M on E2E lines: `solo train` against transformers + peft, in turn, in one run.

    python lora_step.py --solo build/release/bin/solo --shared ../shared [--python VENV/bin/python] [--output FILE.md]
    python lora_step.py --setup VENV        # makes a virtual environment with the peer's pinned versions, and stops

Both train the same random-weight model (float32, r 4 on c_attn) on the same rows in the same order, the prompt masked, no dropout, AdamW.
A rate counts the examples of all steps but the first two, from a batch in memory to updated weights; memory is the process's
largest resident size as the kernel counts it (VmHWM). Prints a Markdown table; the ratio is that of the medians.
"""
import argparse
import csv
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PINNED = ["torch==2.15.0", "transformers==5.23.0", "peft==0.21.2", "tokenizers==0.23.3", "safetensors==0.8.0", "numpy==2.4.6"]
EOS = 50256
RATE = 2e-4


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--solo", type=Path, help="the solo program")
    p.add_argument("--shared", type=Path, default=Path(__file__).resolve().parents[3] / "shared",
                   help="folder with data/e2e and data/gpt2")
    p.add_argument("--python", default=sys.executable, help="a Python with the peer's packages")
    p.add_argument("--setup", type=Path, metavar="VENV", help="make such a Python, and stop")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--steps", type=int, default=12)
    p.add_argument("--batch", type=int, default=8)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--frozen-dtype", default="float32", choices=("float32", "bfloat16"), help="of solo's frozen weights")
    p.add_argument("--output", type=Path, help="also write the table to this file")
    p.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    p.add_argument("--role", choices=("all", "model", "peer"), default="all", help=argparse.SUPPRESS)
    return p.parse_args()


def setup(folder):
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", *PINNED], check=True)
    print(f"ready: --python {folder / 'bin' / 'python'}")


def context(meaning):
    """`name[Blue Spice], eatType[pub]` as `name : Blue Spice | Type : pub`."""
    names = {"eatType": "Type", "priceRange": "price", "familyFriendly": "family friendly"}
    fields = []
    for key, value in re.findall(r"([^\[\],]+)\[([^\]]*)\]", meaning):
        key = key.strip()
        if key == "priceRange" and "£" in value:
            value = " - ".join(value.replace("£", "£ ").split("-"))
        fields.append(f"{names.get(key, key)} : {value}")
    return " | ".join(fields)


def make_model(a):
    """Random weights in a Hugging Face folder with GPT-2's tokenizer files."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0)
    GPT2LMHeadModel(config).save_pretrained(a.work / "model")
    for name in ("vocab.json", "merges.txt"):
        (a.work / "model" / name).write_bytes((a.shared / "data" / "gpt2" / name).read_bytes())


def make_rows(a):
    """Rows spread evenly over the development set, so that lengths are typical."""
    with open(a.shared / "data" / "e2e" / "devset.csv", encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    count = a.steps * a.batch
    picked = [rows[i * len(rows) // count] for i in range(count)]
    with open(a.work / "rows.csv", "w", encoding="utf-8", newline="") as f:
        writer = csv.DictWriter(f, ["mr", "ref"])
        writer.writeheader()
        writer.writerows(picked)


def peer(a):
    """The peer's run; prints one line of JSON."""
    import torch
    from peft import LoraConfig, get_peft_model
    from tokenizers import ByteLevelBPETokenizer
    from transformers import GPT2LMHeadModel

    torch.set_num_threads(a.threads)
    tokenizer = ByteLevelBPETokenizer(str(a.work / "model" / "vocab.json"), str(a.work / "model" / "merges.txt"))
    model = GPT2LMHeadModel.from_pretrained(a.work / "model", dtype=torch.float32)
    model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=32, target_modules=["c_attn"],
                                             fan_in_fan_out=True)).train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=RATE, weight_decay=0.0)
    with open(a.work / "rows.csv", encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    batches = []
    for first in range(0, len(rows), a.batch):
        part = []
        for row in rows[first:first + a.batch]:
            head = tokenizer.encode(context(row["mr"])).ids + [EOS]
            part.append((head, tokenizer.encode(" " + row["ref"].strip()).ids + [EOS]))
        width = max(len(h) + len(t) for h, t in part)
        ids = torch.full((len(part), width), EOS)
        labels = torch.full((len(part), width), -100)
        mask = torch.zeros(len(part), width, dtype=torch.long)
        for i, (h, t) in enumerate(part):
            ids[i, :len(h) + len(t)] = torch.tensor(h + t)
            labels[i, len(h):len(h) + len(t)] = torch.tensor(t)
            mask[i, :len(h) + len(t)] = 1
        batches.append((ids, labels, mask))
    losses, start = [], 0.0
    for step, (ids, labels, mask) in enumerate(batches):
        if step == 2:
            start = time.perf_counter()
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    seconds = time.perf_counter() - start
    print(json.dumps({"rate": (len(rows) - 2 * a.batch) / seconds, "first_loss": losses[0], "last_loss": losses[-1]}))


def run(command, threads):
    """(stdout, largest resident size in bytes) of a process."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}
    child = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    out, err = child.stdout.read(), b""
    err = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"error: {command[0]} failed: {err.decode(errors='replace')[-2000:]}")
    return out.decode(), usage.ru_maxrss * 1024


def run_solo(a, number):
    out = a.work / f"out{number}"
    text, rss = run([a.solo, "train", "--model", a.work / "model", "--method", "lora", "--rank", 4, "--lora-alpha", 32,
                     "--train", a.work / "rows.csv", "--output", out, "--batch-size", a.batch, "--max-steps", a.steps,
                     "--learning-rate", RATE, "--lr-scheduler", "constant", "--no-shuffle", "--logging-steps", 1,
                     "--dtype", a.frozen_dtype, "--threads", a.threads, "--quiet", "--json"], a.threads)
    log = [e for e in json.loads((out / "trainer_state.json").read_text())["log_history"] if "loss" in e]
    return {"rate": json.loads(text)["examples_per_second"], "first_loss": log[0]["loss"],
            "last_loss": log[-1]["loss"], "rss": rss}


def run_peer(a):
    text, rss = run([a.python, __file__, "--role", "peer", "--work", a.work, "--batch", a.batch, "--steps", a.steps,
                     "--threads", a.threads], a.threads)
    return {**json.loads(text.splitlines()[-1]), "rss": rss}


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"


def table(a, ours, theirs):
    lines = [f"GPT-2 124M (random weights), LoRA r 4 on c_attn, E2E lines, batch {a.batch}, {a.steps} steps, "
             f"{a.threads} threads, float32 (solo's frozen weights {a.frozen_dtype}); {processor()}; "
             f"{time.strftime('%Y-%m-%d')}.", "",
             "| round | solo examples/s | peer examples/s | ratio | solo peak MB | peer peak MB |", "|---|---|---|---|---|---|"]
    for i, (o, t) in enumerate(zip(ours, theirs), 1):
        lines.append(f"| {i} | {o['rate']:.2f} | {t['rate']:.2f} | {o['rate'] / t['rate']:.2f} | "
                     f"{o['rss'] / 1e6:.0f} | {t['rss'] / 1e6:.0f} |")
    middle = [statistics.median(r["rate"] for r in runs) for runs in (ours, theirs)]
    lines.append(f"| median | {middle[0]:.2f} | {middle[1]:.2f} | **{middle[0] / middle[1]:.2f}** | "
                 f"{max(o['rss'] for o in ours) / 1e6:.0f} | {max(t['rss'] for t in theirs) / 1e6:.0f} |")
    lines += ["", f"Loss of the first step: solo {ours[0]['first_loss']:.6f}, peer {theirs[0]['first_loss']:.6f}. "
                  f"Peer: {', '.join(PINNED[:3])}; the last row's memory is the largest."]
    return "\n".join(lines) + "\n"


def main():
    a = arguments()
    if a.setup:
        return setup(a.setup)
    if a.role == "model":
        return make_model(a)
    if a.role == "peer":
        return peer(a)
    if a.steps < 3:
        sys.exit("error: --steps: expected at least 3 (the first two are not counted)")
    if not a.solo or not a.solo.is_file():
        sys.exit("error: --solo: give the path of the built solo program")
    if not (a.shared / "data" / "e2e" / "devset.csv").is_file():
        sys.exit(f"error: --shared: no data/e2e/devset.csv in {a.shared}")
    with tempfile.TemporaryDirectory(prefix="solo-peers-") as work:
        a.work = Path(work)
        run([a.python, __file__, "--role", "model", "--work", work, "--shared", a.shared], a.threads)
        make_rows(a)
        ours, theirs = [], []
        for number in range(a.rounds):
            ours.append(run_solo(a, number))
            theirs.append(run_peer(a))
            print(f"round {number + 1}: solo {ours[-1]['rate']:.2f}, peer {theirs[-1]['rate']:.2f} examples/s", file=sys.stderr)
        gap = abs(ours[0]["first_loss"] / theirs[0]["first_loss"] - 1)
        if gap > 1e-5:
            sys.exit(f"error: the first losses differ by {gap:.1e}: these are not the same step")
    text = table(a, ours, theirs)
    print(text)
    if a.output:
        a.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
