#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes tests/golden/text/tiny-bpe: a byte-level BPE of exactly 512 tokens.

Ids 0..255 are the bytes in GPT-2's order, 256..510 the merges in rank order, 511 is <|endoftext|>.
Made with tokenizers 0.23.3. The text below was written for this file.

    python tests/golden/make_tiny_bpe.py
"""
import itertools
import json
import pathlib

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

OUT = pathlib.Path(__file__).parent / "text" / "tiny-bpe"
VOCAB_SIZE = 512
EOS = "<|endoftext|>"

NAMES = ["Red Lantern", "Copper Kettle", "Café Océan", "Old Mill", "Salt & Stone"]
KINDS = ["pub", "coffee shop", "restaurant", "tea room"]
FOODS = ["Italian", "Indian", "French", "Japanese"]
AREAS = ["city centre", "riverside", "harbour"]
PRICES = ["cheap", "moderate", "high", "£ 20 - 30"]

PROSE = """
A byte-level tokenizer never meets an unknown character: every text is a sequence of bytes, and every byte has a token.
The merges were learned from these lines, so the common pieces of English (the, and, of, in, that, ing, tion) are single tokens.
It's true that they're short, but we've seen that I'm not the only one who'd rather read them than what you'll find elsewhere; don't you agree?
In 1998, 2007 and 2024 there were 12,345 visitors; the price was £ 15.50 and later € 18 – a difference of 3.5 per cent.
Les élèves préfèrent le café à côté de la rivière. Der kleine Bär läuft über die Straße. El niño comió una piña mañana.
Она читает книгу в доме. 东京は大きな都市です。
"""


def lines():
    for name, kind, food, area, price in itertools.product(NAMES, KINDS, FOODS, AREAS, PRICES):
        yield f"name : {name} | Type : {kind} | food : {food} | price : {price} | area : {area}"
        yield f" {name} is a {price} {kind} in the {area} that serves {food} food ."
        yield f" In the {area} there is a family friendly {kind} called {name} ; its prices are {price} ."
    for _ in range(40):
        yield from PROSE.strip().split("\n")
        yield "\n\n"


def byte_order():
    """GPT-2's byte order and symbols: the printable bytes first, then the other 68 as U+0100…"""
    keep = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in keep]
    return [chr(b) for b in keep] + [chr(0x100 + i) for i in range(len(rest))]


def main():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE - 1,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines(), trainer)
    merges = [tuple(m) for m in json.loads(tokenizer.to_str())["model"]["merges"]]
    symbols = byte_order() + [a + b for a, b in merges] + [EOS]
    assert len(symbols) == len(set(symbols)) == VOCAB_SIZE
    OUT.mkdir(parents=True, exist_ok=True)
    vocab = json.dumps({s: i for i, s in enumerate(symbols)}, ensure_ascii=False)
    (OUT / "vocab.json").write_text(vocab + "\n", encoding="utf-8")
    text = "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges)
    (OUT / "merges.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
