# SPDX-License-Identifier: MIT
"""Greedy continuations by transformers' generate, and by the plain loop over the oracle for Solo."""
from gold_common import *
from gold_lora import load_peft

NEW = 40
MARGIN = 1e-3  # the best logit leads by this much at every step, so that rounding cannot change an id


def greedy(model, prompt, new_tokens, eos):
    """(new ids, smallest lead of the chosen logit)."""
    ids, margin = list(prompt), math.inf
    while len(ids) - len(prompt) < new_tokens:
        with torch.no_grad():
            top = forward(model, torch.tensor([ids]))[0, -1].topk(2)
        margin = min(margin, float(top.values[0] - top.values[1]))
        ids.append(int(top.indices[0]))
        if ids[-1] == eos:
            break
    return ids[len(prompt):], margin


def transformers_greedy(model, prompt, new_tokens, eos):
    ids = torch.tensor([prompt])
    out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, num_beams=1,
                         max_new_tokens=new_tokens, eos_token_id=eos, pad_token_id=eos if eos is not None else 0)
    return out[0, len(prompt):].tolist()


def runs(model, count, hugging_face):
    out, seed = [], 600
    while len(out) < count:
        seed += 1
        g = generator(seed)
        prompt = random_ids(g, 1 + seed % 24, 512)
        ids, margin = greedy(model, prompt, NEW, 511)
        if margin < MARGIN:
            continue
        if hugging_face and transformers_greedy(model, prompt, NEW, 511) != ids:
            raise RuntimeError("generate differs from the plain greedy loop")
        out.append({"prompt": prompt, "max_new_tokens": NEW, "eos_token_id": 511, "output_ids": ids,
                    "margin": margin})
    # The same again with an end-of-sequence id that comes up on the way: it is the last id of the output.
    first = max(out, key=lambda r: len(set(r["output_ids"])))
    eos = max(first["output_ids"], key=first["output_ids"].index)
    ids, margin = greedy(model, first["prompt"], NEW, eos)
    if hugging_face and transformers_greedy(model, first["prompt"], NEW, eos) != ids:
        raise RuntimeError("generate differs from the plain greedy loop")
    out.append({"prompt": first["prompt"], "max_new_tokens": NEW, "eos_token_id": eos, "output_ids": ids,
                "margin": margin})
    return out


def make():
    base = load_base(ROOT / "tiny-gpt2", torch.float64)
    write_case({"kind": "greedy", "name": "base", "model": "tiny-gpt2", "adapter": None, "runs": runs(base, 6, True)})
    for name in ("lora/all-rslora-patterns", "lora/dora", "lora/bias-all"):
        model = load_peft(ROOT / name, torch.float64)
        write_case({"kind": "greedy", "name": name.replace("/", "-"), "model": "tiny-gpt2", "adapter": name,
                    "runs": runs(model, 3, True)})
    for name in ("solo/stride-1", "solo/self-raw", "solo/everything"):
        model = reference().SoloGPT2.load(ROOT / "tiny-gpt2", ROOT / name, torch.float64)
        write_case({"kind": "greedy", "name": name.replace("/", "-"), "model": "tiny-gpt2", "adapter": name,
                    "runs": runs(model, 3, False)})
