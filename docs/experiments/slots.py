# SPDX-License-Identifier: MIT
"""What texts say of their prompts: counts for docs/experiments.md.

    python docs/experiments/slots.py COMPARISON > slots.json

COMPARISON is a folder that solo compare wrote. A prompt is "name : Blue Spice | food : Italian | ..."; a value is said
when its words stand in the text in their order, letters and digits alone, upper and lower case alike. "family friendly"
is left out: its values are yes and no. By method and seed: texts, distinct ones, and for each key how many values there
are, how many are said, and in how many texts another prompt's value of that key is said that is no value of the text's
own prompt ("wrong").
"""
import json
import re
import sys
from collections import Counter
from pathlib import Path


def words(text):
    return " " + " ".join(re.findall(r"[^\W_]+", text.lower())) + " "


def slots(prompt):
    """{key: value}, each as words."""
    pairs = [part.partition(" : ") for part in prompt.split(" | ")]
    return {key.strip(): words(value) for key, _, value in pairs if value.strip() and key.strip() != "family friendly"}


def count(prompts, texts):
    values = {}  # by key: every value of any prompt
    for prompt in prompts:
        for key, value in prompt.items():
            values.setdefault(key, set()).add(value)
    total, said, wrong = Counter(), Counter(), Counter()
    for prompt, text in zip(prompts, texts, strict=True):
        own = "".join(prompt.values())
        for key, value in prompt.items():
            total[key] += 1
            said[key] += value in text
        for key, known in values.items():
            wrong[key] += any(value in text and value not in own for value in known)
    keys = {key: {"values": total[key], "said": said[key], "wrong": wrong[key]} for key in sorted(values)}
    return {"texts": len(texts), "distinct": len(set(texts)), "keys": keys}


def lines_of(path):
    return path.read_text(encoding="utf-8").splitlines()


def main(folder):
    prompts = [slots(json.loads(line)["prompt"]) for line in lines_of(folder / "task" / "prompts.jsonl")]
    counts = {}
    for path in sorted(folder.glob("runs/*/seed-*/hypotheses.txt")):
        method, seed = path.parts[-3], path.parts[-2]
        counts.setdefault(method, {})[seed] = count(prompts, [words(line) for line in lines_of(path)])
    json.dump(counts, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
