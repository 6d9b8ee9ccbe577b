# SPDX-License-Identifier: MIT
"""Kernels beside oneDNN's, and what the machine can do at most."""
import json
import re

from harness import Failed, run

M, K, N = 1024, 768, 3072
SHAPE = f"M:{M}/K:{K}/N:{N}"
SECONDS = 0.3


def google(bench, program, threads=1, pattern="."):
    """The benchmarks of a Google Benchmark program whose names match."""
    text, _ = run([bench.program(program), f"--benchmark_filter={pattern}", f"--benchmark_min_time={SECONDS}",
                   "--benchmark_format=json"], threads)
    if "{" not in text:
        raise Failed(f"{program} has no benchmark {pattern}")
    return json.loads(text[text.index("{"):])


def flops(benchmark):
    """FLOP/s of a product of this shape, by the clock."""
    unit = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}[benchmark["time_unit"]]
    return 2 * M * K * N / (benchmark["real_time"] * unit)


def limits(bench):
    """FLOP/s in registers and bytes/s from memory, on 1 and 2 threads."""
    result = {}
    for b in google(bench, "benchmark_limits")["benchmarks"]:
        name, threads = re.match(r"(\w+)/.*threads:(\d+)", b["name"]).groups()
        if not b.get("error_occurred"):
            result[f"{name} {threads}"] = b["bytes_per_second"] if name == "memory_read" else b["FLOP/s"]
    return result


def solo_gemm(bench):
    """FLOP/s of every solo_gemm_packed… of this shape (…bf16… or …bfloat16… in the name: bfloat16)."""
    result = {}
    for b in google(bench, "benchmark_kernels", pattern=f"solo_gemm_packed.*{SHAPE}").get("benchmarks", ()):
        threads = re.search(r"threads:(\d+)", b["name"])
        dtype = "bfloat16" if re.search("bf16|bfloat16", b["name"]) else "float32"
        result[f"{dtype} {threads.group(1) if threads else 1}"] = flops(b)
    missing = {f"{dtype} {n}" for dtype in ("float32", "bfloat16") for n in (1, 2)} - set(result)
    if missing:
        raise Failed(f"benchmark_kernels has no solo_gemm_packed of {SHAPE} for {', '.join(sorted(missing))} threads")
    return result


def onednn(bench):
    """FLOP/s of Debian's oneDNN, weights packed (format_tag::any)."""
    result = {}
    for threads in (1, 2):
        report = google(bench, "benchmark_onednn", threads)
        result["version"] = report["context"]["onednn"]
        for b in report["benchmarks"]:
            dtype = re.match(r"onednn_(\w+?)/", b["name"]).group(1)
            result[f"{dtype} {threads}"] = flops(b)
    return result


def torch_onednn(bench):
    """FLOP/s of the newer oneDNN inside torch, weights packed by mkldnn._reorder_linear_weight."""
    result = {}
    for threads in (1, 2):
        run_ = bench.worker("gemm", "--seconds", SECONDS, threads=threads)
        result.update({f"{dtype} {threads}": run_[dtype] for dtype in ("float32", "bfloat16")})
    return result


def gemm(bench):
    """The product 1024 x 768 x 3072 with packed weights, on one thread and on two."""
    return {"limits": lambda: limits(bench), "solo": lambda: solo_gemm(bench),
            "oneDNN (Debian)": lambda: onednn(bench), "oneDNN (torch)": lambda: torch_onednn(bench)}
