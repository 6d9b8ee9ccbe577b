# SPDX-License-Identifier: MIT
"""Makes adamw.json (torch.optim.AdamW with groups, clipping and a missing gradient) and schedules.json (transformers'
get_scheduler) from seeds.

    python tests/golden/optim/make_optim.py
"""
import json
from pathlib import Path

import torch
import transformers
from transformers import get_scheduler

HERE = Path(__file__).parent
SHAPES = {"h.0.attn.c_attn.lora_A.weight": (2, 3), "h.0.ln_1.weight": (4,), "solo.links.2-4.gate": (1,)}
STEPS = 6


def write(name, value):
    value["versions"] = {"torch": torch.__version__, "transformers": transformers.__version__}
    (HERE / name).write_text(json.dumps(value, indent=1) + "\n")


def adamw_case(dtype, learning_rate, betas, epsilon, decay, max_norm, multipliers):
    generator = torch.Generator().manual_seed(7)
    draw = lambda shape, scale: (scale * torch.randn(shape, generator=generator, dtype=torch.float32)).to(dtype)
    params = {name: torch.nn.Parameter(draw(shape, 1.0)) for name, shape in SHAPES.items()}
    case = {"dtype": str(dtype).removeprefix("torch."), "learning_rate": learning_rate, "beta1": betas[0], "beta2": betas[1],
            "epsilon": epsilon, "max_norm": max_norm, "parameters": [], "steps": []}
    groups = []
    for name, p in params.items():
        own = 0.0 if "ln_1" in name else decay
        factor = multipliers.get(name.split(".")[-1], 1.0)
        groups.append({"params": [p], "weight_decay": own, "lr": learning_rate * factor})
        case["parameters"].append({"name": name, "shape": list(p.shape), "value": p.detach().flatten().tolist(),
                                   "weight_decay": own, "lr_multiplier": factor})
    optimizer = torch.optim.AdamW(groups, betas=betas, eps=epsilon)
    for step in range(STEPS):
        gradients = {name: draw(shape, 10.0 ** (step % 3 - 1)) for name, shape in SHAPES.items()}
        if step in (0, 3):
            gradients["h.0.ln_1.weight"] = None  # torch leaves such a parameter and its moments alone
        for name, p in params.items():
            p.grad = None if gradients[name] is None else gradients[name].clone()
        norm = torch.nn.utils.clip_grad_norm_(params.values(), max_norm) if max_norm else torch.nn.utils.get_total_norm(
            [p.grad for p in params.values() if p.grad is not None])
        optimizer.step()
        flat = lambda t: None if t is None else t.detach().flatten().tolist()
        case["steps"].append({"gradients": [flat(g) for g in gradients.values()], "norm": float(norm),
                              "values": [flat(p) for p in params.values()]})
    return case


def schedules():
    for name in ("linear", "cosine", "constant", "constant_with_warmup"):
        for steps, warmup in ((20, 0), (20, 1), (20, 6), (20, 20), (1, 0), (5, 9)):
            optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
            schedule = get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=steps)
            yield {"name": name, "max_steps": steps, "warmup_steps": warmup,
                   "factors": [float(schedule.lr_lambdas[0](k)) for k in range(22)]}


if __name__ == "__main__":
    write("adamw.json", {"cases": [
        adamw_case(torch.float64, 1e-2, (0.9, 0.999), 1e-8, 0.1, 1.0, {"gate": 5.0}),
        adamw_case(torch.float64, 3e-1, (0.8, 0.95), 1e-3, 0.0, 0.0, {}),
        adamw_case(torch.float32, 1e-2, (0.9, 0.999), 1e-8, 0.1, 1.0, {"gate": 5.0})]})
    write("schedules.json", {"schedules": list(schedules())})
