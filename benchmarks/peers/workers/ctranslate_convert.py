# SPDX-License-Identifier: MIT
"""Converts a model folder for CTranslate2, in float32; the engine quantises when it loads."""
import argparse
import json

import ctranslate2

p = argparse.ArgumentParser()
p.add_argument("--threads", type=int)
p.add_argument("--model", required=True)
p.add_argument("--output", required=True)
a = p.parse_args()
ctranslate2.converters.TransformersConverter(a.model).convert(a.output)
print(json.dumps({}))
