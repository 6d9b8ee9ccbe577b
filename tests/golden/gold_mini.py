# SPDX-License-Identifier: MIT
"""Figures of ../shared's gpt2-mini on E2E (development set). Nothing of the data is stored, only what is computed from it."""
import csv
import zlib

from peft import LoraConfig, TaskType, get_peft_model
from tokenizers import ByteLevelBPETokenizer
from transformers import get_scheduler

from gold_common import *
from gold_generate import transformers_greedy
from gold_lora import named_tensors

MINI = SHARED / "models" / "gpt2-mini"
STEPS, BATCH = 50, 8
COLUMNS = list(range(0, 8192, 128)) + [8191]


def context(meaning):
    """`name[Blue Spice], eatType[pub]` as `name : Blue Spice | Type : pub`."""
    names = {"eatType": "Type", "priceRange": "price", "familyFriendly": "family friendly"}
    fields = []
    for key, value in re.findall(r"([^\[\],]+)\[([^\]]*)\]", meaning):
        if key.strip() == "priceRange":
            value = " - ".join(value.replace("£", "£ ").split("-")) if "£" in value else value
        fields.append(f"{names.get(key.strip(), key.strip())} : {value}")
    return " | ".join(fields)


def tokenizer():
    return ByteLevelBPETokenizer(str(MINI / "vocab.json"), str(MINI / "merges.txt"))


def rows(count):
    """The first examples under the one rule: BPE(context) eos BPE(" " + reference) eos, the prompt masked."""
    tok, eos, out = tokenizer(), 8191, []
    with open(SHARED / "data" / "e2e" / "devset.csv", encoding="utf-8", newline="") as f, \
            open(SHARED / "data" / "e2e" / "lora_valid.txt", encoding="utf-8") as checked:
        for record, line in zip(csv.DictReader(f), checked):
            prompt = context(record["mr"])
            if prompt != line.split("||")[0].strip():
                raise RuntimeError(f"context differs from the file's: {prompt!r}")
            head = tok.encode(prompt).ids + [eos]
            tail = tok.encode(" " + record["ref"].strip()).ids + [eos]
            out.append({"input_ids": head + tail, "labels": [-100] * len(head) + tail, "prompt": head})
            if len(out) == count:
                return out


def crc(ids):
    return zlib.crc32(" ".join(map(str, ids)).encode())


def base(dtype):
    return load_base(MINI, dtype)


def make_logits_and_gradients(examples):
    model = base(torch.float64)
    case = {"kind": "mini", "name": "base", "columns": COLUMNS, "sequences": [], "loss": {}}
    for e in examples[:3]:
        with torch.no_grad():
            logits = forward(model, torch.tensor([e["input_ids"]]))[0]
        kept = [0, len(e["prompt"]) - 1, len(e["input_ids"]) - 1]
        case["sequences"].append({"length": len(e["input_ids"]), "rows": kept, "rms": float(logits.pow(2).mean().sqrt()),
                                  "logits": [[round(float(logits[r, c]), 12) for c in COLUMNS] for r in kept]})
    named = dict(model.named_parameters())
    total, count = summed_loss(model, examples[:16], 0.0)
    (total / count).backward()
    case["loss"] = {"rows": 16, "tokens": count, "loss": float((total / count).detach()),
                    "gradient_norms": {k: float(p.grad.norm()) for k, p in named.items()}}
    case["ids_crc32"] = [crc(e["input_ids"]) for e in examples[:16]]
    write_case(case)


def make_greedy(examples):
    model, prompts, out = base(torch.float32), [], []
    for e in examples:
        if e["prompt"] not in prompts:
            prompts.append(e["prompt"])
    for prompt in prompts[:10]:
        out.append({"prompt_crc32": crc(prompt), "prompt_length": len(prompt),
                    "output_ids": transformers_greedy(model, prompt, 32, 8191)})
    write_case({"kind": "mini", "name": "greedy", "max_new_tokens": 32, "runs": out})


def beams(model, prompt, options):
    ids = torch.tensor([prompt])
    out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=32, eos_token_id=8191,
                         pad_token_id=8191, **options)
    rows = [row[len(prompt):].tolist() for row in out]
    return [row[:row.index(8191) + 1] if 8191 in row else row for row in rows]


def make_beams(examples):
    """Only prompts for which float32 and float64 weights give the same ids."""
    models, seen, out = [base(torch.float32), base(torch.float64)], [], []
    settings = [{"num_beams": 4, "no_repeat_ngram_size": 4, "num_return_sequences": 2},
                {"num_beams": 10, "length_penalty": 0.8}]
    for e in examples:
        if e["prompt"] in seen:
            continue
        seen.append(e["prompt"])
        for options in settings:
            ids, other = (beams(model, e["prompt"], options) for model in models)
            if ids == other:
                out.append({"prompt": len(seen) - 1, "prompt_crc32": crc(e["prompt"]), "options": options,
                            "output_ids": ids})
        if len(seen) == 5:
            break
    write_case({"kind": "mini", "name": "beams", "max_new_tokens": 32, "runs": out})


def trace(case, build, examples, learning_rate):
    torch.manual_seed(700)
    model, params = build(torch.float64)
    optimizer = torch.optim.AdamW(params, lr=learning_rate, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    schedule = get_scheduler("linear", optimizer, num_warmup_steps=0, num_training_steps=STEPS)
    case["float64"] = []
    for step in range(STEPS):
        batch = [examples[(step * BATCH + i) % len(examples)] for i in range(BATCH)]
        total, count = summed_loss(model, batch, 0.0)
        optimizer.zero_grad()
        (total / count).backward()
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()
        schedule.step()
        case["float64"].append(float((total / count).detach()))
    print(f"  {case['name']}: {case['float64'][0]:.4f} -> {case['float64'][-1]:.4f}", flush=True)


def make_traces(examples):
    oracle = reference()
    common = {"kind": "mini-trace", "rows": len(examples), "batch_size": BATCH, "max_steps": STEPS,
              "scheduler": "linear", "max_grad_norm": 1.0}

    def lora(dtype):
        config = LoraConfig(task_type=TaskType.CAUSAL_LM, r=4, lora_alpha=8, target_modules=["c_attn"],
                            fan_in_fan_out=True)
        model = get_peft_model(base(dtype), config, autocast_adapter_dtype=False).eval()
        named = named_tensors(model)
        with torch.no_grad():
            for key, p in named.items():  # a start that a C++ test can make: no file needed
                if "lora_A" in key:
                    p.copy_(pattern(p.shape))
        return model.to(dtype), list(named.values())

    def solo(dtype):
        model = oracle.SoloGPT2(base(dtype), dict(r=36, stride=2, init="identity", gate_init=1.0)).to(dtype)
        with torch.no_grad():
            model.solo.maps["0"].down.weight.copy_(pattern(model.solo.maps["0"].down.weight.shape))
        return model, [p for p in model.solo.parameters() if p.requires_grad]

    def full(dtype):
        model = base(dtype)
        return model, list(model.parameters())

    for name, build, rate, more in (
            ("lora", lora, 1e-3, {"adapter": {"r": 4, "lora_alpha": 8, "target_modules": ["c_attn"]}}),
            ("solo", solo, 1e-2, {"adapter": {"r": 36, "stride": 2, "init": "identity", "gate_init": 1.0}}),
            ("full", full, 5e-5, {})):
        case = {**common, "name": name, "method": name, "learning_rate": rate, **more}
        trace(case, build, examples, rate)
        write_case(case)


def pattern(shape):
    """Element i (row-major) is ((7919 i) mod 1009 - 504) / 504 / 16: the same numbers in any language."""
    i = torch.arange(shape[0] * shape[1], dtype=torch.int64)
    return (((7919 * i) % 1009 - 504).double() / 504 / 16).float().view(shape)


def make():
    torch.set_num_threads(2)
    examples = rows(400)
    make_logits_and_gradients(examples)
    print("  greedy", flush=True)
    make_greedy(examples)
    make_beams(examples)
    make_traces(examples[:64])
