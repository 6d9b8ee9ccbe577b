# SPDX-License-Identifier: MIT
"""Greedy decoding and beams by CTranslate2, without an end token; prints seconds and ids as JSON."""
import argparse
import json
import time

import ctranslate2

p = argparse.ArgumentParser()
p.add_argument("--threads", type=int, required=True)
p.add_argument("--model", required=True)
p.add_argument("--dtype", choices=("float32", "int8"), required=True)
p.add_argument("--beams", type=int, required=True)
p.add_argument("--new-tokens", type=int, required=True)
p.add_argument("--repetitions", type=int, required=True)
p.add_argument("--prompts", required=True)
a = p.parse_args()

generator = ctranslate2.Generator(a.model, device="cpu", compute_type=a.dtype, inter_threads=1,
                                  intra_threads=a.threads)
with open(f"{a.model}/vocabulary.json", encoding="utf-8") as f:
    vocabulary = json.load(f)
with open(a.prompts, encoding="ascii") as f:
    prompts = [[vocabulary[i] for i in ids] for ids in json.load(f)]


def generate(count):
    # Beams go on until the last token, as the others do: nothing ends before min_length.
    results = generator.generate_batch(prompts, beam_size=a.beams, sampling_topk=1, max_length=count,
                                       min_length=count, include_prompt_in_result=False)
    return [r.sequences_ids[0] for r in results]


generate(4)  # what only a first call does is not timed
seconds = []
for _ in range(a.repetitions):
    start = time.perf_counter()
    ids = generate(a.new_tokens)
    seconds.append(time.perf_counter() - start)
print(json.dumps({"seconds": seconds, "ids": ids}))
