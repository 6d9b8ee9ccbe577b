# SPDX-License-Identifier: MIT
"""Versions of the named packages, and of the oneDNN inside torch."""
import argparse
import importlib.metadata
import json
import re

import torch

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int)
parser.add_argument("packages", nargs="+")
versions = {name: importlib.metadata.version(name) for name in parser.parse_args().packages}
versions["onednn in torch"] = re.search(r"MKL-DNN v(\S+)", torch.__config__.show()).group(1)
print(json.dumps(versions))
