# SPDX-License-Identifier: MIT
"""Greedy decoding and beams by CTranslate2, without an end token; prints seconds and ids as JSON."""
import json

import ctranslate2

from decoding import arguments, time_runs

a = arguments(("float32", "int8"))
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


time_runs(a, generate)
