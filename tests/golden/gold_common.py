# SPDX-License-Identifier: MIT
"""What all golden makers share: paths, random weights, losses, gradients, case files."""
import importlib.util
import json
import math
import os
import re
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel

ROOT = Path(__file__).resolve().parent
REPO = ROOT.parent.parent
SHARED = Path(os.environ.get("SOLO_SHARED_DIR", REPO.parent / "shared"))
CASES = ROOT / "cases"


def reference():
    """The Solo oracle, a module that lives outside the repository."""
    path = SHARED / "reference" / "solo_reference.py"
    spec = importlib.util.spec_from_file_location("solo_reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def generator(seed):
    return torch.Generator().manual_seed(seed)


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, indent=1, ensure_ascii=True)
    flat = re.compile(r"\[[^\[\]{}\"]*\]")  # a list of numbers goes on one line
    path.write_text(flat.sub(lambda m: " ".join(m[0].split()).replace("[ ", "[").replace(" ]", "]"), text) + "\n")


def write_case(case, tensors=None):
    """One case: cases/<kind>-<name>.json and, when there are tensors, a .safetensors beside it."""
    stem = f"{case['kind']}-{case['name']}"
    if tensors:
        CASES.mkdir(exist_ok=True)
        case["tensors"] = f"cases/{stem}.safetensors"
        save_file({k: v.detach().contiguous() for k, v in tensors.items()}, ROOT / case["tensors"],
                  metadata={"format": "pt"})
    write_json(CASES / f"{stem}.json", case)


def write_manifest():
    cases = []
    for path in sorted(CASES.glob("*.json")):
        case = json.loads(path.read_text())
        cases.append({"kind": case["kind"], "name": case["name"], "file": f"cases/{path.name}"})
    write_json(ROOT / "manifest.json", {"cases": cases})


def random_model(seed, **config):
    """A GPT-2 in which nothing is zero, one, or symmetric."""
    fields = dict(attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0, bos_token_id=config["vocab_size"] - 1,
                  eos_token_id=config["vocab_size"] - 1)
    cfg = GPT2Config(**{**fields, **config})
    cfg._attn_implementation = "eager"
    model = GPT2LMHeadModel(cfg).eval()
    g = generator(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=g)
            if ".ln_" in name and name.endswith("weight"):
                p.copy_(1 + 0.2 * noise)
            elif name.endswith("bias"):
                p.copy_(0.2 * noise)
            elif "wte" in name:
                p.copy_(0.3 * noise)
            elif "wpe" in name:
                p.copy_(0.15 * noise)
            else:
                p.copy_(0.2 * noise)
    return model


def load_base(folder, dtype):
    return GPT2LMHeadModel.from_pretrained(folder, dtype=dtype, attn_implementation="eager").eval()


def random_ids(g, length, vocab):
    return torch.randint(0, vocab, (length,), generator=g).tolist()


def random_examples(seed, lengths, vocab, prompt=True):
    """Ragged sequences; the labels of a prompt are -100, and a hole is cut into the long ones."""
    g, out = generator(seed), []
    for n, length in enumerate(lengths):
        ids = random_ids(g, length, vocab)
        labels = list(ids)
        if prompt:
            for i in range(length // 3):
                labels[i] = -100
            if length > 10:
                labels[length - 4 - n % 3] = -100
        out.append({"input_ids": ids, "labels": labels})
    return out


def pad(examples):
    """(ids, labels, mask), padded on the right with id 0 and label -100."""
    width = max(len(e["input_ids"]) for e in examples)
    ids = torch.zeros(len(examples), width, dtype=torch.long)
    labels = torch.full_like(ids, -100)
    mask = torch.zeros_like(ids)
    for row, e in enumerate(examples):
        n = len(e["input_ids"])
        ids[row, :n] = torch.tensor(e["input_ids"])
        labels[row, :n] = torch.tensor(e["labels"])
        mask[row, :n] = 1
    return ids, labels, mask


def forward(model, ids, mask=None):
    """Logits of a Hugging Face or peft model, or of the Solo oracle (causal, so right padding is harmless)."""
    if hasattr(model, "solo"):
        return model(ids)
    return model(input_ids=ids, attention_mask=mask, use_cache=False).logits


def summed_loss(model, examples, smoothing):
    ids, labels, mask = pad(examples)
    logits = forward(model, ids, mask)[:, :-1]
    targets = labels[:, 1:]
    total = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100,
                                              reduction="sum", label_smoothing=smoothing)
    return total, int((targets != -100).sum())


def sequences(model, case, tensors, id_lists, rows=None):
    """Adds float64 logits: `rows[i]` lists the rows kept of sequence i (all when absent)."""
    case["sequences"] = []
    for n, ids in enumerate(id_lists):
        with torch.no_grad():
            logits = forward(model, torch.tensor([ids]))[0]
        kept = rows[n] if rows and rows[n] is not None else list(range(len(ids)))
        tensors[f"logits.{n}"] = logits[kept]
        case["sequences"].append({"input_ids": ids, "rows": kept, "logits": f"logits.{n}",
                                  "rms": float(logits.double().pow(2).mean().sqrt())})


def losses(model, case, tensors, examples, named, smoothings=(0.0, 0.1), gradients_for=(0.0,), keep=None):
    """Adds losses and, for some smoothings, gradients as `grad.<label>.<file name>`; `named`: file name -> parameter."""
    case["losses"] = []
    for eps in smoothings:
        label = "plain" if eps == 0 else f"smooth{eps}"
        for p in named.values():
            p.grad = None
        total, count = summed_loss(model, examples, eps)
        loss = total / count
        entry = {"label": label, "label_smoothing": eps, "examples": examples, "tokens": count,
                 "loss": float(loss.detach()), "gradients": None}
        if eps in gradients_for:
            loss.backward()
            entry["gradients"] = f"grad.{label}."
            squares = 0.0
            for name, p in named.items():
                grad = p.grad if p.grad is not None else torch.zeros_like(p)
                squares += float(grad.double().pow(2).sum())
                if keep is None or keep(name):
                    tensors[f"grad.{label}.{name}"] = grad
            entry["grad_norm"] = squares ** 0.5
        case["losses"].append(entry)


def file_names(peft_model, state):
    """File name -> trainable parameter, matched by storage, so that no naming rule is assumed."""
    by_ptr = {p.data_ptr(): p for p in peft_model.parameters() if p.requires_grad}
    named = {k: by_ptr.pop(v.data_ptr()) for k, v in state.items() if v.data_ptr() in by_ptr}
    if by_ptr:
        raise RuntimeError("trainable parameters that are not saved")
    return named


__all__ = [n for n in dir() if not n.startswith("_")] + ["load_file"]
