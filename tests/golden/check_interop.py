# SPDX-License-Identifier: MIT
"""Loads what the C++ side saved with peft, transformers, python/solo_torch.py and, where it is, the Solo oracle, and
compares logits and greedy ids. Each adapter is then saved once more, into ADAPTER-again, for the C++ side to load.

    python check_interop.py FOLDER

FOLDER/jobs.json: a list of {"name", "kind": "lora" | "ln_tuning" | "solo" | "model", "model": DIR, "adapter": DIR or
null, "input_ids": [...], "output_ids": [...], "logits": FILE, "tensor": NAME}. Prints a line a job; exits 1 when logits
differ by more than 1e-4 rms or an id differs.
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

from gold_common import REPO, SHARED, reference

sys.path.append(str(REPO / "python"))
import solo_torch

logging.set_verbosity_error()
logging.disable_progress_bar()


def load(job):
    config = GPT2Config.from_pretrained(job["model"])
    config.reorder_and_upcast_attn = False  # transformers refuses float64 with it, where it changes nothing
    model, report = GPT2LMHeadModel.from_pretrained(job["model"], config=config, dtype=torch.float64,
                                                    attn_implementation="eager", output_loading_info=True)
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if report.get(what):
            raise RuntimeError(f"{what}: {sorted(map(str, report[what]))[:3]}")
    if job["kind"] == "solo":
        solo_torch.load(model, job["adapter"])
    elif job["adapter"]:
        model = PeftModel.from_pretrained(model, job["adapter"], autocast_adapter_dtype=False)
        check_complete(model, job["adapter"])
    return model.to(torch.float64).eval()


def check_complete(model, folder):
    """Every tensor of the file has arrived, and peft expected no other."""
    from peft.utils import get_peft_model_state_dict

    expected = get_peft_model_state_dict(model, save_embedding_layers=False)
    found = load_file(Path(folder) / "adapter_model.safetensors")
    if set(expected) != set(found):
        raise RuntimeError(f"tensors differ: {sorted(set(expected) ^ set(found))[:4]}")
    for key, value in found.items():
        if not torch.equal(expected[key].to(value.dtype), value):
            raise RuntimeError(f"{key} was not taken over")


def logits_of(model, ids, **options):
    with torch.no_grad():
        out = model(ids, **options)
    return (out if isinstance(out, torch.Tensor) else out.logits)[0]


def compare(job):
    """The largest difference of logits, in units of their rms; raises for ids that differ."""
    ids = torch.tensor([job["input_ids"]])
    model = load(job)
    every = [logits_of(model, ids, use_cache=False)]
    if job["kind"] == "solo" and SHARED.is_dir():
        every.append(logits_of(reference().SoloGPT2.load(job["model"], job["adapter"], torch.float64), ids))
    got = load_file(job["logits"])[job["tensor"]].double().view(every[0].shape)
    out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, eos_token_id=-1,
                         pad_token_id=0, max_new_tokens=len(job["output_ids"]))[0, ids.shape[1]:].tolist()
    if out != job["output_ids"]:
        raise RuntimeError(f"greedy ids: expected {out}, found {job['output_ids']}")
    if job["kind"] == "solo":
        solo_torch.save(model, job["adapter"] + "-again")
    elif job["adapter"]:
        model.save_pretrained(job["adapter"] + "-again", save_embedding_layers=False)
    return max(float((want - got).abs().max() / want.pow(2).mean().sqrt()) for want in every)


def main():
    folder = Path(sys.argv[1])
    bad = 0
    for job in json.loads((folder / "jobs.json").read_text()):
        try:
            error = compare(job)
            ok = error <= 1e-4
            print(f"{'ok  ' if ok else 'BAD '} {job['name']}: max |difference| {error:.1e} rms")
        except Exception as e:
            ok = False
            print(f"BAD  {job['name']}: {type(e).__name__}: {e}")
        bad += not ok
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
