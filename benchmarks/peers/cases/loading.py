# SPDX-License-Identifier: MIT
"""From a folder to the first logits: 500 MB of safetensors, files in the page cache."""
from harness import Failed, run_json


def load(bench):
    """Loading GPT-2 124M, and the logits of one token, where what was put off shows."""
    def summed(result):
        result["ready_seconds"] = result["seconds"] + result["first_logits_seconds"]
        first.setdefault("logit", result["first_logit"])
        if abs(result["first_logit"] - first["logit"]) > 0.02:
            raise Failed(f"first logits {first['logit']} and {result['first_logit']}: not the same model")
        return result
    first = {}
    model = bench.model()

    def solo(dtype):
        return lambda: summed(run_json([bench.program("benchmark_load"), model, dtype, bench.threads], bench.threads))
    return {"peer float32": lambda: summed(bench.worker("load", "--model", model)),
            "solo float32": solo("float32"), "solo bfloat16": solo("bfloat16")}
