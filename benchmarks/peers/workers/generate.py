# SPDX-License-Identifier: MIT
"""Greedy decoding and beams by transformers, without an end token; prints seconds and ids as JSON."""
import argparse
import json
import time

import torch
from transformers import GPT2LMHeadModel

p = argparse.ArgumentParser()
p.add_argument("--threads", type=int, required=True)
p.add_argument("--model", required=True)
p.add_argument("--dtype", choices=("float32", "bfloat16"), required=True)
p.add_argument("--beams", type=int, required=True)
p.add_argument("--new-tokens", type=int, required=True)
p.add_argument("--repetitions", type=int, required=True)
p.add_argument("--prompts", required=True)
a = p.parse_args()

torch.set_num_threads(a.threads)
model = GPT2LMHeadModel.from_pretrained(a.model, dtype=getattr(torch, a.dtype)).eval()
model.generation_config.eos_token_id = None
with open(a.prompts, encoding="ascii") as f:
    prompts = torch.tensor(json.load(f))


def generate(count):
    with torch.inference_mode():
        return model.generate(prompts, attention_mask=torch.ones_like(prompts), max_new_tokens=count,
                              num_beams=a.beams, do_sample=False, pad_token_id=50256)[:, prompts.shape[1]:]


generate(4)  # what only a first call does is not timed
seconds = []
for _ in range(a.repetitions):
    start = time.perf_counter()
    ids = generate(a.new_tokens)
    seconds.append(time.perf_counter() - start)
print(json.dumps({"seconds": seconds, "ids": ids.tolist()}))
