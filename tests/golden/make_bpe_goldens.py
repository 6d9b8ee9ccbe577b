#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes tests/golden/text/training.json: texts, and the merges that tokenizers 0.23.3 learns from
files of them. The texts are made here, from seeds.

    python tests/golden/make_bpe_goldens.py
"""
import json
import pathlib
import random
import tempfile

import tokenizers
from tokenizers import ByteLevelBPETokenizer

VERSION = "0.23.3"
OUT = pathlib.Path(__file__).parent / "text" / "training.json"
EOS = "<|endoftext|>"

NAMES = ["Red Lantern", "Copper Kettle", "Café Océan", "Old Mill", "Salt & Stone"]
NASTY = [" ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "\u200b", "\u0301", "\ufeff", "'s", "'ll", "'", "a", "b",
         "ab", "abc", "1", "٣", "½", "é", "ß", "東", "京", "😀", "👩‍👩‍👧", "\u0000", "\u0085", "\u2028", "\ue000", "\U0010ffff",
         "\ufffd", "ǅ", "aaaaaaa", "ababababab", "!", "?!", EOS]


def prose(r):
    kinds = ["pub", "coffee shop", "restaurant", "tea room"]
    lines = [f"name : {r.choice(NAMES)} | It's a {r.choice(kinds)}, rated {r.randint(1, 5)} of 5 ; they'll see {r.randint(2, 99)} guests."
             for _ in range(60)]
    return "\n".join(lines) + "\n"


def nasty(r):
    some = [chr(r.choice([r.randrange(0x20, 0x3000), r.randrange(0xE000, 0x110000)])) for _ in range(20)]
    return "x" + "".join(r.choice(NASTY + some) for _ in range(1500))


def runs(r):
    """Words of two letters: many ties, and pairs of equal tokens in a row."""
    return "\n".join("".join(r.choice("ab") for _ in range(r.randint(1, 30))) for _ in range(60))


def train(text, vocab_size, min_frequency):
    tokenizer = ByteLevelBPETokenizer()
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        tokenizer.train([file.name], vocab_size=vocab_size, min_frequency=min_frequency,
                        show_progress=False, special_tokens=[EOS])
    merges = json.loads(tokenizer._tokenizer.to_str())["model"]["merges"]
    return "".join(f"{a} {b}\n" for a, b in merges)


def main():
    assert tokenizers.__version__ == VERSION, tokenizers.__version__
    rows = []
    for name, make, vocab_size in [("prose", prose, 480), ("nasty", nasty, 500), ("runs", runs, 400), ("empty", lambda _: "", 300)]:
        text = make(random.Random(7))
        merges = {str(f): train(text, vocab_size, f) for f in (0, 2, 5)}
        rows.append({"name": name, "text": text, "vocab_size": vocab_size, "merges": merges})
    out = {"version": VERSION, "rows": rows}
    OUT.write_text(json.dumps(out, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
