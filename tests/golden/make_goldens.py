# SPDX-License-Identifier: MIT
"""Makes every committed golden of this folder. See README.md.

    SOLO_SHARED_DIR=../shared python tests/golden/make_goldens.py [base lora starts solo train generate decode mini]

Everything follows from seeds; the versions used are printed and written to versions.json.
"""
import os
import sys

if os.environ.get("PYTHONHASHSEED") != "0":  # peft writes Python sets
    os.environ["PYTHONHASHSEED"] = "0"
    os.execv(sys.executable, [sys.executable, *sys.argv])
os.environ["HF_HUB_OFFLINE"] = "1"

import importlib
import platform

import torch

from gold_common import ROOT, SHARED, write_json, write_manifest

PARTS = ("base", "lora", "starts", "solo", "train", "generate", "decode", "mini")


def main():
    parts = sys.argv[1:] or PARTS
    unknown = [p for p in parts if p not in PARTS]
    if unknown:
        sys.exit(f"error: unknown part {unknown[0]!r}; known: {' '.join(PARTS)}")
    versions = {"python": platform.python_version()}
    for name in ("torch", "transformers", "peft", "safetensors", "tokenizers", "numpy"):
        versions[name] = importlib.import_module(name).__version__
    print(versions)
    write_json(ROOT / "versions.json", versions)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for part in parts:
        if part in ("solo", "train", "generate", "mini") and not SHARED.is_dir():
            sys.exit(f"error: {part} needs the oracle in {SHARED} (set SOLO_SHARED_DIR)")
        print("making", part, flush=True)
        importlib.import_module(f"gold_{part}").make()
    write_manifest()


if __name__ == "__main__":
    main()
