# SPDX-License-Identifier: MIT
"""Greedy decoding and beams: ours beside CTranslate2 and transformers, without an end token."""
import json

from cases.kernels import limits
from harness import Failed, run_json


def ctranslate_model(bench):
    folder = bench.work / "ctranslate"
    if not folder.exists():
        bench.worker("ctranslate_convert", "--model", bench.model(), "--output", folder)
    return folder


def runs(bench, prompts, beams, new_tokens, repetitions):
    count = len(json.loads(prompts.read_text()))
    seen = {}

    def check(name, result):
        ids = result.pop("ids")
        if [len(s) for s in ids] != [new_tokens] * count:
            raise Failed(f"{name}: expected {count} sequences of {new_tokens} tokens, "
                         f"found lengths {[len(s) for s in ids]}")
        seen[name] = ids
        # Random weights have near ties: other arithmetic may take another token.
        reference = seen.get("solo float32", ids)
        result["same_as_solo_float32"] = sum(a == b for a, b in zip(ids, reference)) / count
        return result

    def solo(dtype):
        return lambda: check(f"solo {dtype}", run_json(
            [bench.program("benchmark_decode"), bench.model(), dtype, bench.threads, beams, new_tokens, repetitions,
             prompts], bench.threads))

    def peer(worker, name, model, dtype, times=repetitions):
        return lambda: check(f"{name} {dtype}", bench.worker(
            worker, "--model", model, "--dtype", dtype, "--beams", beams, "--new-tokens", new_tokens,
            "--repetitions", times, "--prompts", prompts))

    converted = ctranslate_model(bench)
    return {
        "solo float32": solo("float32"), "solo bfloat16": solo("bfloat16"),
        "CTranslate2 float32": peer("ctranslate", "CTranslate2", converted, "float32"),
        "CTranslate2 int8": peer("ctranslate", "CTranslate2", converted, "int8"),
        "torch float32": peer("generate", "torch", bench.model(), "float32"),
        "torch bfloat16": peer("generate", "torch", bench.model(), "bfloat16"),
    }


def greedy(bench):
    """Greedy, one prompt of 32 tokens, 64 new tokens, beside the speed of memory."""
    return {"limits": lambda: limits(bench), **runs(bench, bench.prompts(1, 32), 1, 64, 3)}


def beam(bench):
    """10 beams, 4 prompts of 32 tokens, 48 new tokens."""
    return runs(bench, bench.prompts(4, 32), 10, 48, 1)
