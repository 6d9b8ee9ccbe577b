# SPDX-License-Identifier: MIT
"""Training steps by transformers, and peft for LoRA, on rows in file order; prints rates and losses as JSON.

Rows are E2E's (.csv; the prompt masked) or JSON lines with input_ids (all scored). A rate counts examples from a
batch in memory to updated weights: of all steps but the first `--untimed`, and of the last epoch.
"""
import argparse
import csv
import json
import re
import time

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import ByteLevelBPETokenizer
from transformers import GPT2LMHeadModel

EOS = 50256
NAMES = {"eatType": "Type", "priceRange": "price", "familyFriendly": "family friendly"}


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("--threads", type=int, required=True)
    p.add_argument("--model", required=True)
    p.add_argument("--rows", required=True)
    p.add_argument("--method", choices=("lora", "full"), required=True)
    p.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    p.add_argument("--batch", type=int, required=True)
    p.add_argument("--rate", type=float, required=True)
    p.add_argument("--epochs", type=int, default=1)
    p.add_argument("--untimed", type=int, default=2)
    return p.parse_args()


def context(meaning):
    """`name[Blue Spice], eatType[pub]` as `name : Blue Spice | Type : pub`."""
    fields = []
    for key, value in re.findall(r"([^\[\],]+)\[([^\]]*)\]", meaning):
        key = key.strip()
        if key == "priceRange" and "£" in value:
            value = " - ".join(value.replace("£", "£ ").split("-"))
        fields.append(f"{NAMES.get(key, key)} : {value}")
    return " | ".join(fields)


def read_rows(a):
    """Pairs of ids: not scored, scored."""
    if a.rows.endswith(".jsonl"):
        with open(a.rows, encoding="ascii") as f:
            return [([], json.loads(line)["input_ids"]) for line in f]
    tokenizer = ByteLevelBPETokenizer(f"{a.model}/vocab.json", f"{a.model}/merges.txt")
    with open(a.rows, encoding="utf-8", newline="") as f:
        return [(tokenizer.encode(context(row["mr"])).ids + [EOS],
                 tokenizer.encode(" " + row["ref"].strip()).ids + [EOS]) for row in csv.DictReader(f)]


def collate(part):
    width = max(len(h) + len(t) for h, t in part)
    ids = torch.full((len(part), width), EOS)
    labels = torch.full((len(part), width), -100)
    mask = torch.zeros(len(part), width, dtype=torch.long)
    for i, (h, t) in enumerate(part):
        ids[i, :len(h) + len(t)] = torch.tensor(h + t)
        labels[i, len(h):len(h) + len(t)] = torch.tensor(t)
        mask[i, :len(h) + len(t)] = 1
    return {"input_ids": ids, "labels": labels, "attention_mask": mask}


def main():
    a = arguments()
    torch.set_num_threads(a.threads)
    model = GPT2LMHeadModel.from_pretrained(a.model, dtype=getattr(torch, a.dtype))
    if a.method == "lora":
        model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=32,
                                                 target_modules=["c_attn"], fan_in_fan_out=True))
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=a.rate, weight_decay=0.0)
    rows = read_rows(a)
    batches = [collate(rows[i:i + a.batch]) for i in range(0, len(rows), a.batch)]
    losses, seconds = [], []
    for batch in batches * a.epochs:
        start = time.perf_counter()
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
        seconds.append(time.perf_counter() - start)
    examples = [len(b["input_ids"]) for b in batches] * a.epochs
    result = {"first_loss": losses[0], "last_loss": losses[-1], "steps": len(losses)}
    if a.epochs > 1:
        result["last_epoch_rate"] = sum(examples[-len(batches):]) / sum(seconds[-len(batches):])
    if len(seconds) > a.untimed:
        result["rate"] = sum(examples[a.untimed:]) / sum(seconds[a.untimed:])
    print(json.dumps(result))


main()
