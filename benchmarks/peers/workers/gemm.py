# SPDX-License-Identifier: MIT
"""The product 1024 x 768 x 3072 by the oneDNN inside torch with weights packed beforehand; prints FLOP/s as JSON."""
import argparse
import json
import statistics
import time

import torch

p = argparse.ArgumentParser()
p.add_argument("--threads", type=int, required=True)
p.add_argument("--seconds", type=float, default=0.5)
a = p.parse_args()

torch.set_num_threads(a.threads)
M, K, N = 1024, 768, 3072
result = {}
for name in ("float32", "bfloat16"):
    x = torch.randn(M, K).to(getattr(torch, name))
    w = torch.randn(N, K).to(getattr(torch, name))
    packed = torch.ops.mkldnn._reorder_linear_weight(w, M)

    def product():
        return torch.ops.mkldnn._linear_pointwise(x, packed, None, "none", [], "")

    with torch.inference_mode():
        for _ in range(3):
            product()
        times, end = [], time.perf_counter() + a.seconds
        while time.perf_counter() < end:
            start = time.perf_counter()
            product()
            times.append(time.perf_counter() - start)
    result[name] = 2 * M * K * N / statistics.median(times)
print(json.dumps(result))
