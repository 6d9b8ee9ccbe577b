# SPDX-License-Identifier: MIT
"""lora-e2e.json: runs of the training loop of LoRA's code for NLG (microsoft/LoRA, examples/NLG) on tiny-gpt2, in
float64, written anew from a description of it: its data set, order, padding, loss, AdamW, schedule and validation.

    python tests/golden/recipe/make_recipe.py

Dropout is off, as its masks are random numbers of torch; A begins as start_a() says, in all layers alike."""
import json
import math
import random
from pathlib import Path

import torch
from transformers import GPT2LMHeadModel

HERE = Path(__file__).resolve().parent
EOS, SEQ_LEN, SEED, EVAL_BATCH = 511, 24, 110, 4
RUNS = {
    "linear": dict(),
    "accumulate-cosine": dict(grad_acc=2, scheduler="cosine", label_smooth=0.2, clip=0.5),
    "constant-plain": dict(scheduler="constant", label_smooth=0.0),
    "full": dict(method="full", lr=1e-3),
}
DEFAULTS = dict(method="lora", lora_dim=4, lora_alpha=32, lr=5e-3, weight_decay=0.01, beta1=0.9, beta2=0.999,
                eps=1e-6, warmup=3, max_epoch=4, batch=4, grad_acc=1, clip=0.0, label_smooth=0.1, scheduler="linear")


class Data:
    """FT_Dataset: as long as full batches; what lies beyond the end is drawn by a generator of its own."""

    def __init__(self, pairs, batch):
        self.pairs, self.rng = pairs, random.Random(911)
        self.num_batches = (len(pairs) + batch - 1) // batch
        self.length = self.num_batches * batch

    def __getitem__(self, item):
        if item >= len(self.pairs):
            item = self.rng.randint(0, len(self.pairs) - 1)
        context, completion = self.pairs[item]
        tokens = context + completion

        def padded(values):
            return (values + [0] * SEQ_LEN)[:SEQ_LEN]

        length = min(len(tokens), SEQ_LEN)
        mask = [0.0] * (len(context) - 1) + [1.0] * (length - len(context))
        return padded(tokens), padded(tokens[1:]), padded(mask)


def batches(data, batch, epoch):
    generator = torch.Generator()
    generator.manual_seed(SEED + epoch)
    order = torch.randperm(data.length, generator=generator).tolist()
    for begin in range(0, data.length, batch):
        items = [data[i] for i in order[begin:begin + batch]]
        yield [torch.tensor(column) for column in zip(*items)]


class QvLora(torch.nn.Module):
    """c_attn with low-rank updates of q and v: y = x W + b + s x dW^T."""

    def __init__(self, base, rank, alpha):
        super().__init__()
        self.base, self.rank, self.scale = base, rank, alpha / rank
        width = base.weight.shape[0]
        self.a = torch.nn.Parameter(start_a(2 * rank, width))
        self.b = torch.nn.Parameter(torch.zeros(2 * width, rank, dtype=torch.float64))

    def forward(self, x):
        width, r = self.base.weight.shape[0], self.rank
        query = self.b[:width] @ self.a[:r]
        value = self.b[width:] @ self.a[r:]
        update = torch.cat([query, torch.zeros_like(query), value])
        return self.base(x) + self.scale * (x @ update.T)


def start_a(rows, width):
    i = torch.arange(rows * width)
    return ((7919 * i % 1009 - 504).to(torch.float64) / 504 / math.sqrt(width)).reshape(rows, width)


def loss_of(model, batch, smooth):
    tokens, targets, mask = batch
    log_p = torch.log_softmax(model(tokens).logits, dim=-1)
    loss = -log_p.gather(-1, targets[..., None])[..., 0]
    if smooth > 0.0001:
        loss = (1.0 - smooth) * loss - smooth * log_p.mean(dim=-1)
    return (loss * mask.double()).sum() / (mask.double().sum() + 0.0001)


def factor(spec, k, total):
    warmup = spec["warmup"]
    if k < warmup:
        return k / warmup
    if spec["scheduler"] == "cosine":
        return 0.5 * (1 + math.cos(math.pi * k / total))
    if spec["scheduler"] == "constant":
        return 1.0
    return max(0, (total - k) / max(1, total - warmup))


class AdamW:
    def __init__(self, params, spec):
        self.params, self.spec, self.t = params, spec, 0
        self.m = [torch.zeros_like(p) for p in params]
        self.v = [torch.zeros_like(p) for p in params]

    @torch.no_grad()
    def step(self, lr):
        self.t += 1
        b1, b2 = self.spec["beta1"], self.spec["beta2"]
        rate = lr * math.sqrt(1 - b2**self.t) / (1 - b1**self.t)
        for p, m, v in zip(self.params, self.m, self.v):
            m.mul_(b1).add_(p.grad, alpha=1 - b1)
            v.mul_(b2).addcmul_(p.grad, p.grad, value=1 - b2)
            p.sub_(rate * m / (v.sqrt() + self.spec["eps"]))
            p.sub_(lr * self.spec["weight_decay"] * p)


def start_model(spec):
    model = GPT2LMHeadModel.from_pretrained(HERE.parent / "tiny-gpt2", dtype=torch.float64,
                                            attn_implementation="eager").eval()
    if spec["method"] == "lora":
        model.requires_grad_(False)
        for block in model.transformer.h:
            block.attn.c_attn = QvLora(block.attn.c_attn, spec["lora_dim"], spec["lora_alpha"])
    return model


@torch.no_grad()
def validate(model, pairs):
    data = Data(pairs, EVAL_BATCH)
    losses = [float(loss_of(model, batch, 0.0)) for batch in batches(data, EVAL_BATCH, 0)]
    return sum(losses) / len(losses)


def train(spec, pairs, valid):
    model = start_model(spec)
    params = [p for p in model.parameters() if p.requires_grad]
    optimizer = AdamW(params, spec)
    data = Data(pairs, spec["batch"])
    total = spec["max_epoch"] * data.num_batches
    out = {"losses": [], "learning_rates": [], "grad_norms": [], "eval_loss_before": validate(model, valid)}
    taken, window = 0, []
    for epoch in range(1, spec["max_epoch"] + 1):
        for batch in batches(data, spec["batch"], epoch):
            loss = loss_of(model, batch, spec["label_smooth"])
            (loss / spec["grad_acc"]).backward()
            window.append(float(loss.detach()))
            if len(window) == spec["grad_acc"]:
                norm = torch.nn.utils.clip_grad_norm_(params, spec["clip"] if spec["clip"] > 0 else math.inf)
                rate = spec["lr"] * factor(spec, taken, total)
                optimizer.step(rate)
                for p in params:
                    p.grad = None
                out["losses"].append(sum(window) / len(window))
                out["learning_rates"].append(rate)
                out["grad_norms"].append(float(norm))
                window = []
            taken += 1
    out["eval_loss"] = validate(model, valid)
    out["final_norm"] = math.sqrt(sum(float((p.detach()**2).sum()) for p in params))
    return out


def make_pairs(count, seed):
    rng = random.Random(seed)

    def ids(least, most):
        return [rng.randrange(EOS) for _ in range(rng.randint(least, most))] + [EOS]

    # One is longer than SEQ_LEN and cut.
    return [(ids(2, 6), ids(3, 9) if i else ids(22, 22)) for i in range(count)]


def main():
    pairs, valid = make_pairs(11, 1), make_pairs(7, 2)
    runs = []
    for name, changes in RUNS.items():
        spec = DEFAULTS | changes
        runs.append({"name": name, "options": spec, **train(spec, pairs, valid)})

    def listed(examples):
        return [{"context": c, "completion": d} for c, d in examples]

    golden = {"seed": SEED, "seq_len": SEQ_LEN, "eval_batch": EVAL_BATCH, "train": listed(pairs),
              "valid": listed(valid), "runs": runs}
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items()]
    (HERE / "lora-e2e.json").write_text("{" + ",\n".join(lines) + "}\n")


if __name__ == "__main__":
    main()
