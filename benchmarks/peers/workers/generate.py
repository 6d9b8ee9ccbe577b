# SPDX-License-Identifier: MIT
"""Greedy decoding and beams by transformers, without an end token; prints seconds and ids as JSON."""
import json

import torch
from transformers import GPT2LMHeadModel

from decoding import arguments, time_runs

a = arguments(("float32", "bfloat16"))
torch.set_num_threads(a.threads)
model = GPT2LMHeadModel.from_pretrained(a.model, dtype=getattr(torch, a.dtype)).eval()
model.generation_config.eos_token_id = None
with open(a.prompts, encoding="ascii") as f:
    prompts = torch.tensor(json.load(f))


def generate(count):
    with torch.inference_mode():
        return model.generate(prompts, attention_mask=torch.ones_like(prompts), max_new_tokens=count,
                              num_beams=a.beams, do_sample=False, pad_token_id=50256)[:, prompts.shape[1]:]


time_runs(a, generate, lambda ids: ids.tolist())
