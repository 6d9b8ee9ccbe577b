# SPDX-License-Identifier: MIT
"""Loads a model folder by transformers, then computes the logits of one token; prints the seconds as JSON."""
import argparse
import json
import time

import torch
from transformers import GPT2LMHeadModel

p = argparse.ArgumentParser()
p.add_argument("--threads", type=int, required=True)
p.add_argument("--model", required=True)
a = p.parse_args()

torch.set_num_threads(a.threads)
start = time.perf_counter()
model = GPT2LMHeadModel.from_pretrained(a.model, dtype=torch.float32).eval()
loaded = time.perf_counter()
with torch.inference_mode():
    first = float(model(torch.tensor([[0]])).logits[0, 0, 0])
print(json.dumps({"seconds": loaded - start, "first_logits_seconds": time.perf_counter() - loaded,
                  "first_logit": first}))
