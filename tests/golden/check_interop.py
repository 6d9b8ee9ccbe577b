# SPDX-License-Identifier: MIT
"""Loads what the C++ side saved with peft, transformers and the Solo oracle, and compares logits.

    python check_interop.py FOLDER

FOLDER/jobs.json: a list of {"name", "kind": "lora" | "ln_tuning" | "solo" | "model", "model": DIR, "adapter": DIR or null,
"input_ids": [...], "logits": FILE, "tensor": NAME}. Prints one line a job, exits 1 when a job differs by more than 1e-4 rms.
"""
import json
import os
import sys
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.filterwarnings("ignore")

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.utils import logging

from gold_common import reference

logging.set_verbosity_error()
logging.disable_progress_bar()


def load(job):
    if job["kind"] == "solo":
        return reference().SoloGPT2.load(job["model"], job["adapter"], torch.float64)
    config = GPT2Config.from_pretrained(job["model"])
    config.reorder_and_upcast_attn = False  # transformers refuses float64 with it, where it changes nothing
    model, report = GPT2LMHeadModel.from_pretrained(job["model"], config=config, dtype=torch.float64,
                                                    attn_implementation="eager", output_loading_info=True)
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if report.get(what):
            raise RuntimeError(f"{what}: {sorted(map(str, report[what]))[:3]}")
    if job["adapter"]:
        names = {k for k, _ in model.named_parameters()}
        model = PeftModel.from_pretrained(model, job["adapter"], autocast_adapter_dtype=False)
        check_complete(model, job["adapter"], names)
    return model.to(torch.float64).eval()


def check_complete(model, folder, base_names):
    """Every tensor of the file has arrived, and peft expected no other."""
    from peft.utils import get_peft_model_state_dict

    expected = get_peft_model_state_dict(model, save_embedding_layers=False)
    found = load_file(Path(folder) / "adapter_model.safetensors")
    if set(expected) != set(found):
        raise RuntimeError(f"tensors differ: {sorted(set(expected) ^ set(found))[:4]}")
    for key, value in found.items():
        if not torch.equal(expected[key].to(value.dtype), value):
            raise RuntimeError(f"{key} was not taken over")


def main():
    folder = Path(sys.argv[1])
    worst = False
    for job in json.loads((folder / "jobs.json").read_text()):
        try:
            model = load(job)
            ids = torch.tensor([job["input_ids"]])
            with torch.no_grad():
                want = model(ids) if job["kind"] == "solo" else model(input_ids=ids, use_cache=False).logits
            want = want[0]
            got = load_file(job["logits"])[job["tensor"]].double().view(want.shape)
            error = float((want - got).abs().max() / want.pow(2).mean().sqrt())
            ok = error <= 1e-4
            print(f"{'ok  ' if ok else 'BAD '} {job['name']}: max |difference| {error:.1e} rms")
        except Exception as e:
            ok = False
            print(f"BAD  {job['name']}: {type(e).__name__}: {e}")
        worst |= not ok
    sys.exit(1 if worst else 0)


if __name__ == "__main__":
    main()
