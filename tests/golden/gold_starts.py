# SPDX-License-Identifier: MIT
"""Adapters of peft whose start changed the base (PiSSA, OLoRA) or did not (EVA, …), and what they compute."""
from peft import LoraConfig, PeftModel, TaskType, get_peft_model

from gold_common import *

ALL = ["c_attn", "c_proj", "c_fc"]

STARTS = {
    "pissa": dict(r=4, lora_alpha=8, target_modules=["c_attn"], init_lora_weights="pissa"),
    "pissa-all-patterns": dict(r=3, lora_alpha=5, target_modules=ALL, init_lora_weights="pissa",
                               rank_pattern={"mlp.c_proj": 5, "h.1.attn.c_attn": 2}, alpha_pattern={"c_fc": 7}),
    "pissa-rslora": dict(r=4, lora_alpha=3, target_modules=["c_attn", "mlp.c_proj"], init_lora_weights="pissa",
                         use_rslora=True, rank_pattern={"mlp.c_proj": 2}, layers_to_transform=[0, 2]),
    "pissa-dora": dict(r=4, lora_alpha=8, target_modules=["c_attn", "c_fc"], init_lora_weights="pissa", use_dora=True),
    "pissa-bias-saved": dict(r=2, lora_alpha=4, target_modules=["c_attn"], init_lora_weights="pissa", bias="all",
                             modules_to_save=["ln_f"]),
    "pissa-whole": dict(r=32, lora_alpha=16, target_modules=["attn.c_proj"], init_lora_weights="pissa"),
    "olora": dict(r=4, lora_alpha=8, target_modules=["attn.c_proj"], init_lora_weights="olora"),
    "olora-rslora-dora": dict(r=3, lora_alpha=4, target_modules=["attn.c_proj"], init_lora_weights="OLoRA",
                              use_rslora=True, use_dora=True, layers_to_transform=[1, 3]),
    "orthogonal": dict(r=4, lora_alpha=8, target_modules=["c_attn"], init_lora_weights="orthogonal"),
    "gaussian": dict(r=4, lora_alpha=8, target_modules=["c_attn"], init_lora_weights="gaussian"),
    "pissa-embedding": dict(r=4, lora_alpha=8, target_modules=["c_attn", "wte"], init_lora_weights="pissa",
                            rank_pattern={"wte": 2}),
}
IDS = [5, 100, 7, 500, 3, 42, 300, 17]


def base():
    return GPT2LMHeadModel.from_pretrained(ROOT / "tiny-gpt2", dtype=torch.float32).eval()


def make():
    expected = {}
    for seed, (name, options) in enumerate(STARTS.items()):
        torch.manual_seed(seed)  # of the starts that draw
        model = get_peft_model(base(), LoraConfig(task_type=TaskType.CAUSAL_LM, fan_in_fan_out=True, **options))
        g = generator(100 + seed)
        with torch.no_grad():
            for p in model.parameters():
                if p.requires_grad:
                    p.add_(0.1 * torch.randn(p.shape, generator=g))
        model.peft_config["default"].base_model_name_or_path = "tiny-gpt2"
        folder = ROOT / "starts" / name
        model.save_pretrained(fresh(folder), save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)
        loaded = PeftModel.from_pretrained(base(), folder).eval()
        with torch.no_grad():
            result = loaded(input_ids=torch.tensor([IDS]), labels=torch.tensor([IDS]))
        expected[name] = {"loss": result.loss.item(), "logits": result.logits[0, -1, :16].tolist()}
    write_json(ROOT / "starts" / "expected.json", {"input_ids": IDS, "adapters": expected})
