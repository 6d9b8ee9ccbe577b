# SPDX-License-Identifier: MIT
"""Adapter folders written by peft itself on tiny-gpt2: LoRA, DoRA and LayerNorm tuning."""
from peft import LNTuningConfig, LoraConfig, PeftModel, TaskType, get_peft_model
from peft.utils import get_peft_model_state_dict

from gold_common import *

ALL = ["c_attn", "c_proj", "c_fc"]

LORA = {
    "c-attn-r4": dict(r=4, lora_alpha=8, target_modules=["c_attn"]),
    "default-target": dict(r=2, lora_alpha=3, target_modules=None),
    "all-rslora-patterns": dict(
        r=3, lora_alpha=5, use_rslora=True, target_modules=ALL,
        # The first key that matches wins, in the order of the file, which peft sorts.
        rank_pattern={r"(.+\.)?1\.attn\.c_attn": 5, "attn.c_proj": 2, "c_attn": 1, "c_proj": 4,
                      r"h\.[23]\.mlp\.c_fc": 6},
        alpha_pattern={"attn.c_proj": 7, "c_proj": 2.5, "transformer.h.0.mlp.c_fc": 2}),
    "layers-list": dict(r=2, lora_alpha=4, target_modules=["attn.c_proj", "c_fc"], layers_to_transform=[1, 3]),
    "layer-int": dict(r=2, lora_alpha=16, target_modules=["c_attn"], layers_to_transform=2),
    "bias-lora-only": dict(r=2, lora_alpha=4, target_modules=["c_attn", "mlp.c_proj"], bias="lora_only"),
    "bias-all": dict(r=2, lora_alpha=4, target_modules=["c_attn"], bias="all"),
    "lora-bias": dict(r=3, lora_alpha=6, target_modules=["c_attn", "c_fc"], lora_bias=True),
    "lora-bias-rslora-layers": dict(r=4, lora_alpha=3, target_modules=["c_proj"], lora_bias=True, use_rslora=True,
                                    layers_to_transform=[0]),
    "dora": dict(r=4, lora_alpha=8, target_modules=["c_attn"], use_dora=True),
    "dora-rslora-all": dict(r=3, lora_alpha=4, target_modules=ALL, use_dora=True, use_rslora=True,
                            layers_to_transform=[0, 3]),
    "dora-bias-all": dict(r=2, lora_alpha=4, target_modules=["c_fc"], use_dora=True, bias="all",
                          layers_to_transform=[1, 2]),
    "wide": dict(r=40, lora_alpha=40, target_modules=["attn.c_proj"], layers_to_transform=[2]),
    "regex": dict(r=2, lora_alpha=4, target_modules=r".*\.h\.[02]\.(attn|mlp)\.c_(attn|fc)"),
    "whole-name": dict(r=2, lora_alpha=4, target_modules=["transformer.h.1.attn.c_attn", "h.3.mlp.c_proj"]),
    "modules-to-save": dict(r=2, lora_alpha=4, target_modules=["c_attn"], modules_to_save=["ln_f"]),
    "dropout": dict(r=2, lora_alpha=4, target_modules=["c_attn"], lora_dropout=0.25),
    "embedding": dict(r=3, lora_alpha=4, target_modules=["wte"]),
    "head": dict(r=3, lora_alpha=4, target_modules=["lm_head"], lora_dropout=0.25),
    "embedding-and-head": dict(r=2, lora_alpha=3, target_modules=["c_attn", "wte", "lm_head"], use_rslora=True,
                               rank_pattern={"lm_head": 4, "wte": 1}, alpha_pattern={"lm_head": 2.5}),
    "embedding-whole-name": dict(r=2, lora_alpha=4, target_modules=["transformer.wte", "c_fc"], layers_to_transform=[1],
                                 bias="lora_only"),
    "embedding-saved-head": dict(r=2, lora_alpha=4, target_modules=["wte"], modules_to_save=["lm_head"]),
    "head-saved-embedding": dict(r=2, lora_alpha=4, target_modules=["lm_head"], modules_to_save=["wte"]),
    "head-tokens": dict(r=2, lora_alpha=4, target_modules=["lm_head"], trainable_token_indices=[3, 501, 4]),
    "embedding-head-tokens": dict(r=2, lora_alpha=4, target_modules=["wte"],
                                  trainable_token_indices={"lm_head": [3, 501]}),
}

EXAMPLE_LENGTHS = (9, 1, 14, 5)


def randomise(model, seed, scale=0.15):
    """Moves every trainable tensor off its start, so that no gradient vanishes."""
    g = generator(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if not p.requires_grad:
                continue
            noise = torch.randn(p.shape, generator=g)
            if "lora_A" in name or "lora_B" in name:
                p.copy_(scale * noise)
            elif "magnitude" in name:
                p.mul_(1 + 0.2 * noise)
            else:
                p.add_(0.1 * noise)


def save_peft(model, folder):
    """As peft writes it, less the model card; names carry no local path."""
    model.peft_config["default"].base_model_name_or_path = "tiny-gpt2"
    model.save_pretrained(fresh(folder), save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)


def load_peft(folder, dtype, trainable=True):
    base = load_base(ROOT / "tiny-gpt2", dtype)
    model = PeftModel.from_pretrained(base, folder, is_trainable=trainable, autocast_adapter_dtype=False).to(dtype)
    return model.eval()


def named_tensors(model):
    return file_names(model, get_peft_model_state_dict(model, save_embedding_layers=False))


def finish(kind, name, folder):
    model = load_peft(ROOT / folder, torch.float64)
    named = named_tensors(model)
    trainable, total = model.get_nb_trainable_parameters()
    case = {"kind": kind, "name": name, "model": "tiny-gpt2", "adapter": folder, "trainable": trainable,
            "total": total, "line": f"trainable params: {trainable:,d} || all params: {total:,d} || "
                                    f"trainable%: {100 * trainable / total:.4f}"}
    tensors = {}
    sequences(model, case, tensors, [random_ids(generator(11), 12, 512)], rows=[[4, 11]])
    losses(model, case, tensors, random_examples(12, EXAMPLE_LENGTHS, 512), named)
    write_case(case, tensors)


def make():
    fresh(ROOT / "lora")
    for n, (name, fields) in enumerate(LORA.items()):
        torch.manual_seed(300 + n)
        base = load_base(ROOT / "tiny-gpt2", torch.float32)
        model = get_peft_model(base, LoraConfig(task_type=TaskType.CAUSAL_LM, fan_in_fan_out=True, **fields))
        randomise(model, 300 + n)
        save_peft(model, ROOT / "lora" / name)
        finish("lora", name, f"lora/{name}")

    # LoRA on q and v only, as an ordinary peft adapter of twice the rank with a block-diagonal B.
    base = load_base(ROOT / "tiny-gpt2", torch.float32)
    model = get_peft_model(base, LoraConfig(task_type=TaskType.CAUSAL_LM, fan_in_fan_out=True, r=4, lora_alpha=8,
                                            target_modules=["c_attn"]))
    randomise(model, 350)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "lora_B" in name:
                p.mul_(slice_mask(p, [0, 2], 2))
    save_peft(model, ROOT / "lora" / "q-and-v")
    finish("lora", "q-and-v", "lora/q-and-v")

    torch.manual_seed(360)
    base = load_base(ROOT / "tiny-gpt2", torch.float32)
    model = get_peft_model(base, LNTuningConfig(task_type=TaskType.CAUSAL_LM, target_modules=["ln_1", "ln_2", "ln_f"]))
    randomise(model, 360)
    fresh(ROOT / "ln_tuning")
    save_peft(model, ROOT / "ln_tuning" / "all")
    finish("ln_tuning", "all", "ln_tuning/all")


def slice_mask(b, slices, rank):
    """Ones where lora_B (3C, rank * slices) of a sliced c_attn may be nonzero; `slices`: 0 q, 1 k, 2 v."""
    mask = torch.zeros_like(b)
    width = b.shape[0] // 3
    for n, s in enumerate(slices):
        mask[s * width:(s + 1) * width, n * rank:(n + 1) * rank] = 1
    return mask
