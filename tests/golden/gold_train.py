# SPDX-License-Identifier: MIT
"""Training traces of 50 steps on tiny-gpt2, in float32 and float64, and learning-rate schedules."""
from peft import LNTuningConfig, LoraConfig, TaskType, get_peft_model
from transformers import get_scheduler
from transformers.trainer_pt_utils import get_parameter_names

from gold_common import *
from gold_lora import ALL, load_peft, named_tensors, save_peft, slice_mask

STEPS = 50
NO_DECAY = [r"bias", r"layernorm", r"rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)"]  # as the HF Trainer
DEFAULTS = dict(learning_rate=1e-2, weight_decay=0.0, scheduler="linear", warmup_steps=0, max_grad_norm=1.0,
                label_smoothing=0.0, batch_size=4, accumulation=1, rows=10, lr_multipliers={}, gate_schedule=None)
LORA = dict(task_type=TaskType.CAUSAL_LM, fan_in_fan_out=True)

TRACES = {
    "lora": dict(method="lora", adapter=dict(r=4, lora_alpha=8, target_modules=["c_attn"]), weight_decay=0.01,
                 warmup_steps=5),
    "lora-accumulate": dict(method="lora", adapter=dict(r=2, lora_alpha=4, target_modules=ALL, use_rslora=True),
                            learning_rate=5e-3, weight_decay=0.1, scheduler="cosine", warmup_steps=3, batch_size=2,
                            accumulation=2, rows=8, label_smoothing=0.1),
    "lora-q-and-v": dict(method="lora", adapter=dict(r=4, lora_alpha=8, target_modules=["c_attn"]), slices=["q", "v"],
                         learning_rate=3e-3, scheduler="constant", lr_multipliers={"lora_B": 4.0}),
    "dora": dict(method="lora", adapter=dict(r=2, lora_alpha=4, target_modules=["c_attn", "c_fc"], use_dora=True),
                 learning_rate=5e-3, scheduler="constant_with_warmup", warmup_steps=7),
    "solo": dict(method="solo", adapter=dict(r=4, stride=1, init="identity", gate_init=1.0), weight_decay=0.01,
                 warmup_steps=5),
    "solo-paper": dict(method="solo", adapter=dict(r=6, stride=2, first=2), learning_rate=2e-3, max_grad_norm=0.0,
                       scheduler="constant", lr_multipliers={"v": 10.0, "gate": 5.0}),
    "solo-gate-schedule": dict(
        method="solo", adapter=dict(r=3, links="last", share="none", gate="tanh", gate_init=0.5, init="identity"),
        scheduler="cosine", gate_schedule={"kind": "cosine", "steps": 20}),
    "solo-gate-linear": dict(
        method="solo", adapter=dict(r=3, stride=1, gate="none", init="identity", activation="gelu_new"),
        learning_rate=5e-3, gate_schedule={"kind": "linear", "steps": 30}),
    "full": dict(method="full", learning_rate=1e-3, weight_decay=0.05, warmup_steps=5),
    "bitfit": dict(method="bitfit", weight_decay=0.1),
    "ln-tuning": dict(method="ln_tuning", weight_decay=0.1, label_smoothing=0.1),
}


def start_folder(name, spec):
    """Writes the adapter the trace starts from; none for selections of the base's own parameters."""
    folder = ROOT / "traces" / name
    if spec["method"] == "lora":
        torch.manual_seed(500)
        model = get_peft_model(load_base(ROOT / "tiny-gpt2", torch.float32), LoraConfig(**LORA, **spec["adapter"]))
        save_peft(model, folder)
    elif spec["method"] == "solo":
        model = reference().SoloGPT2(load_base(ROOT / "tiny-gpt2", torch.float32), spec["adapter"], generator(501))
        model.save(folder)
        config = json.loads((folder / "adapter_config.json").read_text())
        if spec.get("gate_schedule"):
            config["gate_schedule"] = spec["gate_schedule"]
            write_json(folder / "adapter_config.json", config)
    else:
        return None
    return f"traces/{name}"


def start_model(name, spec, dtype):
    """(model, file name -> trainable parameter) at the start of the trace."""
    if spec["method"] == "lora":
        model = load_peft(ROOT / "traces" / name, dtype)
        return model, named_tensors(model)
    if spec["method"] == "solo":
        oracle = reference()
        model = oracle.SoloGPT2.load(ROOT / "tiny-gpt2", ROOT / "traces" / name, dtype)
        return model, {oracle.SoloGPT2.PREFIX + k: p for k, p in model.solo.named_parameters() if p.requires_grad}
    model = load_base(ROOT / "tiny-gpt2", dtype)
    if spec["method"] == "ln_tuning":
        config = LNTuningConfig(task_type=TaskType.CAUSAL_LM)
        model = get_peft_model(model, config, autocast_adapter_dtype=False).eval()
        return model, named_tensors(model)
    if spec["method"] == "bitfit":
        for key, p in model.named_parameters():
            p.requires_grad_("bias" in key)
    return model, {k: p for k, p in model.named_parameters() if p.requires_grad}


def windows(spec):
    """For each step the micro-batches (lists of examples): file order, started over after the last, maybe short one."""
    rows, size = spec["rows"], spec["batch_size"]
    batches = [list(range(i, min(i + size, rows))) for i in range(0, rows, size)]
    k, out = spec["accumulation"], []
    for step in range(STEPS):
        out.append([batches[(step * k + i) % len(batches)] for i in range(k)])
    return out


def gate_factor(schedule, step):
    """The continuation parameter at optimizer step 1, 2, ..."""
    if not schedule:
        return 1.0
    part = min(1.0, step / schedule["steps"])
    return part if schedule["kind"] == "linear" else 0.5 * (1 - math.cos(math.pi * part))


def optimizer_groups(model, named, spec):
    decay = set(get_parameter_names(model, [torch.nn.LayerNorm], NO_DECAY))
    decayed = {id(p) for k, p in model.named_parameters() if k in decay}
    groups = []
    for key, p in named.items():
        factor = [f for part, f in spec["lr_multipliers"].items() if f".{part}" in key]
        groups.append({"params": [p], "weight_decay": spec["weight_decay"] if id(p) in decayed else 0.0,
                       "lr": spec["learning_rate"] * (factor[0] if factor else 1.0)})
    return groups


def train(name, spec, dtype, examples):
    """Losses, gradient norms and rates of every step, and the final tensors."""
    model, named = start_model(name, spec, dtype)
    params = list(named.values())
    masks = {}
    if spec.get("slices"):
        masks = {k: slice_mask(p, ["qkv".index(s) for s in spec["slices"]], 2) for k, p in named.items()
                 if "lora_B" in k}
    optimizer = torch.optim.AdamW(optimizer_groups(model, named, spec), betas=(0.9, 0.999), eps=1e-8)
    schedule = get_scheduler(spec["scheduler"], optimizer, num_warmup_steps=spec["warmup_steps"],
                             num_training_steps=STEPS)
    out = {"loss": [], "grad_norm": [], "learning_rate": []}
    scale = model.solo.cfg["scale"] if spec["method"] == "solo" else None
    for step, window in enumerate(windows(spec), 1):
        if scale is not None:
            model.solo.cfg["scale"] = scale * gate_factor(spec["gate_schedule"], step)
        parts = [summed_loss(model, [examples[i] for i in batch], spec["label_smoothing"]) for batch in window]
        tokens = sum(count for _, count in parts)
        loss = sum(total for total, _ in parts) / tokens
        optimizer.zero_grad()
        loss.backward()
        for key, mask in masks.items():
            named[key].grad.mul_(mask)
        limit = spec["max_grad_norm"] or math.inf
        norm = torch.nn.utils.clip_grad_norm_(params, limit)
        out["loss"].append(float(loss.detach()))
        out["grad_norm"].append(float(norm))
        out["learning_rate"].append(spec["learning_rate"] * schedule.lr_lambdas[0](step - 1))
        optimizer.step()
        schedule.step()
    return out, named


def make_traces():
    examples = random_examples(21, (12, 30, 7, 19, 25, 9, 16, 22, 5, 28), 512)
    fresh(ROOT / "traces")
    for name, fields in TRACES.items():
        spec = {**DEFAULTS, **fields}
        case = {"kind": "trace", "name": name, "model": "tiny-gpt2", "adapter": start_folder(name, spec),
                **{k: v for k, v in spec.items() if k != "adapter"}, "max_steps": STEPS, "examples": examples,
                "steps": windows(spec)}
        case["float32"], _ = train(name, spec, torch.float32, examples)
        case["float64"], named = train(name, spec, torch.float64, examples)
        pairs = zip(case["float32"]["loss"], case["float64"]["loss"])
        case["float32_error"] = max(abs(a - b) / b for a, b in pairs)
        print(f"  {name}: loss {case['float64']['loss'][0]:.4f} -> {case['float64']['loss'][-1]:.4f}, "
              f"float32 against float64 {case['float32_error']:.1e}", flush=True)
        tensors = {} if spec["method"] == "full" else {f"final.{k}": p for k, p in named.items()}
        write_case(case, tensors)


def make_schedules():
    entries = []
    for name in ("linear", "cosine", "constant", "constant_with_warmup"):
        for steps, warmup in ((40, 0), (40, 1), (40, 5), (30, 7), (20, 20), (1, 0), (10, 15)):
            optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
            schedule = get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=steps)
            factors = [float(schedule.lr_lambdas[0](k)) for k in range(40)]
            entries.append({"scheduler": name, "max_steps": steps, "warmup_steps": warmup, "factors": factors})
    write_case({"kind": "schedule", "name": "all", "schedules": entries})


def make():
    make_traces()
    make_schedules()
