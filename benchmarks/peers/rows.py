# SPDX-License-Identifier: MIT
"""The goals, one row each: what of a case's rounds says how far they are reached."""
import statistics
from dataclasses import dataclass
from typing import Callable

from harness import largest, middle, percent

READ_PER_TOKEN = 124_439_808 - 1024 * 768  # numbers of GPT-2 124M that a token reads: all but the positions


@dataclass
class Measured:
    """What a row shows."""
    ours: str
    peer: str
    result: str
    reached: bool
    memory: str = ""


@dataclass
class Row:
    case: str
    work: str
    goal: str
    measure: Callable


def gigabytes(value):
    return f"{value / 1e9:.2f} GB"


def memory(rounds, ours, peer):
    return f"{gigabytes(largest(rounds, ours))} / {gigabytes(largest(rounds, peer))}"


def fastest(rounds, names, key, best=max):
    return best((n for n in names if n in rounds[0]), key=lambda n: middle(rounds, n, key))


def training(ours, peers, least, most_bytes=None, key="rate"):
    """Examples a second against the fastest of the peers, and the largest size."""
    def measure(rounds):
        peer = fastest(rounds, peers, "rate")
        a, b = middle(rounds, ours, key), middle(rounds, peer, "rate")
        return Measured(ours=f"{a:.2f} examples/s", peer=f"{b:.2f} examples/s ({peer.split()[1]})",
                        result=f"{a / b:.2f} ×",
                        reached=a / b >= least and (most_bytes is None or largest(rounds, ours) <= most_bytes),
                        memory=memory(rounds, ours, peer))
    return measure


def greedy(dtype, size):
    """Tokens a second, and the share of what reading the weights once a token allows."""
    def measure(rounds):
        ours = f"solo {dtype}"
        names = [n for n in rounds[0] if n not in ("limits",) and not n.startswith("solo")]
        peer = fastest(rounds, names, "seconds", min)
        rate, theirs = (64 / middle(rounds, n, "seconds") for n in (ours, peer))
        share = statistics.median(
            64 / statistics.median(r[ours]["seconds"]) * READ_PER_TOKEN * size / bandwidth(r["limits"]) for r in rounds)
        return Measured(ours=f"{rate:.1f} tokens/s", peer=f"{theirs:.1f} tokens/s ({peer})",
                        result=f"{percent(share)} of the memory limit, {rate / theirs:.2f} × the peer",
                        reached=share >= 0.8, memory=memory(rounds, ours, peer))
    return measure


def bandwidth(limits):
    return max(v for k, v in limits.items() if k.startswith("memory_read"))


def beam(dtype, most):
    def measure(rounds):
        ours, torch = middle(rounds, f"solo {dtype}", "seconds"), middle(rounds, "torch float32", "seconds")
        other = fastest(rounds, ("CTranslate2 float32", "CTranslate2 int8", "torch bfloat16"), "seconds", min)
        return Measured(ours=f"{ours:.2f} s",
                        peer=f"torch float32 {torch:.2f} s; {other} {middle(rounds, other, 'seconds'):.2f} s",
                        result=f"1/{torch / ours:.1f} of torch", reached=ours / torch <= most,
                        memory=memory(rounds, f"solo {dtype}", "torch float32"))
    return measure


def of_peak(shares):
    return " / ".join(percent(s) for s in shares) + " of the peak"


def gemm(dtype, least):
    """Shares of the peak of the same round, on one thread and on two."""
    def share(rounds, name, threads):
        return statistics.median(r[name][f"{dtype} {threads}"] / r["limits"][f"peak_{dtype} {threads}"] for r in rounds)

    def measure(rounds):
        if f"peak_{dtype} 1" not in rounds[0]["limits"]:
            return None  # this CPU has no such instruction
        ours = [share(rounds, "solo", n) for n in (1, 2)]
        peers = {n: [share(rounds, n, t) for t in (1, 2)] for n in rounds[0] if n.startswith("oneDNN")}
        peer = max(peers, key=lambda n: sum(peers[n]))
        flops = [middle(rounds, "solo", f"{dtype} {n}") / 1e9 for n in (1, 2)]
        name = f"{peer} {rounds[0][peer].get('version', '')}".strip()
        return Measured(ours=f"{flops[0]:.0f} / {flops[1]:.0f} GFLOP/s", peer=f"{name}: {of_peak(peers[peer])}",
                        result=of_peak(ours), reached=min(ours) >= least)
    return measure


def threads(rounds):
    gains = {d: middle(rounds, f"solo {d}, 2 threads", "rate") / middle(rounds, f"solo {d}, 1 threads", "rate")
             for d in ("float32", "bfloat16")}
    limit = middle(rounds, "limits", "peak_float32 2") / middle(rounds, "limits", "peak_float32 1")
    return Measured(ours=" / ".join(f"{middle(rounds, f'solo float32, {n} threads', 'rate'):.2f}" for n in (1, 2)) +
                    " examples/s", peer=f"multiply-adds in registers: {limit:.2f} ×",
                    result=f"{gains['float32']:.2f} × (bfloat16 {gains['bfloat16']:.2f} ×)",
                    reached=min(gains.values()) >= 1.85)


def load(rounds):
    ours, low, peer = (middle(rounds, n, "ready_seconds") for n in ("solo float32", "solo bfloat16", "peer float32"))
    return Measured(ours=f"{ours:.2f} s (bfloat16 {low:.2f} s)", peer=f"{peer:.2f} s",
                    result=f"{peer / ours:.2f} × as fast", reached=ours <= 0.5,
                    memory=memory(rounds, "solo float32", "peer float32"))


PEERS = ("peer float32", "peer bfloat16")
ROWS = [
    Row("lora", "LoRA r 4 on `c_attn`, E2E lines, batch 8, float32", "≥ 1.7 ×, ≤ 0.9 GB",
        training("solo float32", ("peer float32",), 1.7, 0.9e9)),
    Row("lora", "the same, frozen weights in bfloat16", "≥ 3 ×", training("solo bfloat16", PEERS, 3.0)),
    Row("prefix", "Solo stride 2 r 36, bfloat16, contexts shared, prefix cache, epoch ≥ 2; the peer's is LoRA", "≥ 6 ×",
        training("solo bfloat16", PEERS, 6.0, key="last_epoch_rate")),
    Row("long", "LoRA, 8 × 512 tokens, all scored, float32", "≥ 2.2 ×, ≤ 2 GB",
        training("solo float32", ("peer float32",), 2.2, 2e9)),
    Row("full", "full fine-tuning, 8 × 64 tokens, float32", "≥ 1.3 ×, ≤ 2.5 GB",
        training("solo float32", ("peer float32",), 1.3, 2.5e9)),
    Row("greedy", "greedy, 1 prompt, 64 new tokens, float32", "≥ 80 % of the memory limit", greedy("float32", 4)),
    Row("greedy", "the same, bfloat16", "≥ 80 % of the memory limit", greedy("bfloat16", 2)),
    Row("beam", "10 beams, 4 prompts, 48 new tokens, float32", "≤ 1/4 of torch", beam("float32", 1 / 4)),
    Row("beam", "the same, bfloat16", "≤ 1/6 of torch", beam("bfloat16", 1 / 6)),
    Row("gemm", "packed product 1024 × 768 × 3072, float32, 1 / 2 threads", "≥ 90 % of the peak", gemm("float32", 0.9)),
    Row("gemm", "the same, bfloat16", "≥ 85 % of the peak", gemm("bfloat16", 0.85)),
    Row("threads", "LoRA step, 1 → 2 threads", "≥ 1.85 ×", threads),
    Row("load", "500 MB of safetensors, until the first logits", "≤ 0.5 s", load),
]
