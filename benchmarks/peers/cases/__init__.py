# SPDX-License-Identifier: MIT
"""What is compared. A case is a function of the Bench; it returns its runs, which run.py calls in turn."""
from cases import decoding, kernels, loading, training

CASES = {
    "lora": training.lora,
    "prefix": training.prefix,
    "long": training.long,
    "full": training.full,
    "threads": training.threads,
    "greedy": decoding.greedy,
    "beam": decoding.beam,
    "gemm": kernels.gemm,
    "load": loading.load,
}
