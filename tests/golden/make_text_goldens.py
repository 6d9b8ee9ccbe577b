#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes tests/golden/text/*.json with Hugging Face's tokenizers (0.23.3).

encodings.json   nasty strings with their pieces and, for tiny-bpe, ids
characters.json  a hash of the splitter's class of every code point
files.json       token counts and hashes of the ids of real texts, for GPT-2's and gpt2-mini's BPE
                 (only with --shared FOLDER; facts, nothing of the texts themselves)

    python tests/golden/make_text_goldens.py [--shared ../shared]
"""
import argparse
import json
import pathlib
import random

import tokenizers
from tokenizers.implementations import ByteLevelBPETokenizer

VERSION = "0.23.3"
HERE = pathlib.Path(__file__).parent / "text"
EOS = "<|endoftext|>"

PLAIN = [
    "", " ", "  ", "\n", "\n\n", "a", " a", "a ", " a ", "\t", "\ta", "a\t\tb", "a\n b", "a \n b", "a\r\nb",
    "It's", "it's they're we've I'm you'll he'd don't", "IT'S THEY'RE", "'s't're've'm'll'd", "'S", "'", "''",
    "' s", " 's", "x's's", "'sa", "'re", "'r", "'v", "'l", "'ll", "don''t", "’s ’t", "can't've", "\n's",
    "abc123def", "123abc", "12 34", " 12", "1½x", "½", "²³", "٣٤٥", "Ⅷ", "①②", "一二三", "10:30am", "3.5/5",
    "hello,world", "hello , world", "...", " ...", "?!?!", "a_b", "__init__", "a-b", "a--b", "a - b", "x=1;y=2",
    "   leading", "trailing   ", "in   between", "tabs\t\t\tand\n\n\nlines", " \n \n ", "\n \n a", "a\u00a0b",
    "a\u00a0\u00a0b", "\u00a0a", "\u3000\u3000a", "a\u2028b\u2029c", "a\u0085b", "a\u000b\u000cb", "a\u200bb",
    "a\ufeffb", "\ufeff", "a\u180eb", "a\u001c\u001d\u001e\u001fb", "a\u1680\u2000\u200a\u202f\u205fb", "\u0000",
    "a\u0000b", "\u007f\u0080\u009f", "é", "e\u0301", "naïve café", "Straße ÄÖÜ", "ﬁ ﬀ ﬃ", "İIıi", "ǅ", "ʰ", "ª º",
    "русский текст", "ελληνικά", "עִבְרִית", "العربية", "हिन्दी में", "ไทย", "日本語のテキスト", "한국어 텍스트", "中文，标点。",
    "👍", "👍🏽", "👨‍👩‍👧‍👦", "🇩🇪🇫🇷", "a👍b 👍 c", "☕️ 7️⃣", "\U0001d54f\U0001d54a", "\U00020000", "\U0010ffff", "\U000e0041",
    "\ue000", "\ufffd", "\ufffe", "£ 20 - 25", "£20-25", "€1.000,50", "a£b", "½½ ½", "°C", "№5", "©®™", "§ 3", "…", "—–-",
    EOS, EOS + EOS, "a" + EOS + "b", "a " + EOS + " b", "  " + EOS + "  ", "<|endoftext|", "<|endoftext|" + EOS,
    "<|ENDOFTEXT|>", "<<|endoftext|>>", "\n" + EOS + "\n", EOS + "'s", "it" + EOS + "'s", "é" + EOS + "é",
    "name : Old Mill | Type : pub | area : riverside", "The quick brown fox jumps over the lazy dog.",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘", "\u202eabc\u202c", "q\u0323\u0307", "क्षि", "\u1100\u1161\u11a8", "ﷺ",
    "\u0378\u0530", "\U0001ccf0\U00010d40\U00010d4a", "\u1c89\u1c8a\ua7cb", "\U000105c0", "\U00016d40 x",
    "a" * 70, "ab" * 50, " " * 70, "a" + " " * 70 + "b", "!" * 70, "9" * 70, "é" * 40, "the" * 30, "\n" * 70,
]  # fmt: skip

ALPHABET = [
    *"   \n\t'", *"abcstmdlrveXYZ", *"0159", *".,;!?-_|<>", *"éüßñÆ", *"£€½²", "\u0301", "\u00a0", "\u200b", "\u3000",
    "\u0085", "ё", "中", "か", "ไ", "\u0e34", "ك", "👍", "\u200d", "\ufe0f", "\U0001d400", "Ⅳ", "٣", "\u0000", "\u001f",
    "'s", "'ll", "the", " and", EOS,
]  # fmt: skip

SHARED_FILES = [
    "e2e/devset.csv", "e2e/testset.csv", "e2e/testset_w_refs.csv", "e2e/lora_valid.txt", "e2e/lora_test.txt",
    "webnlg/dev.json", "dart/dev.json", "pretrain/webnlg_train.jsonl", "pretrain/rnnlg_tv.jsonl",
    "pretrain/rnnlg_hotel.jsonl", "pretrain/rnnlg_laptop.jsonl", "pretrain/wikitext2_valid_test.txt",
]  # fmt: skip


def hash64(numbers):
    """FNV-1a with whole numbers in place of bytes, as hex (JSON numbers end at 2^53)."""
    state = 0xCBF29CE484222325
    for n in numbers:
        state = ((state ^ n) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{state:016x}"


def load(folder, special):
    tokenizer = ByteLevelBPETokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    if special:
        tokenizer.add_special_tokens([EOS])
    return tokenizer


def strings():
    rng = random.Random(20260101)
    for text in PLAIN:
        yield text
    for _ in range(150):
        yield "".join(rng.choice(ALPHABET) for _ in range(rng.randint(2, 24)))
    for _ in range(50):
        points = (rng.choice([rng.randrange(0x20, 0x3000), rng.randrange(0x10000, 0x1FFFF)]) for _ in range(12))
        yield "".join(chr(c) for c in points)


def encodings():
    special = load(HERE / "tiny-bpe", True)
    plain = load(HERE / "tiny-bpe", False)
    splitter = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    for text in strings():
        pieces = [text[begin:end] for _, (begin, end) in splitter.pre_tokenize_str(text)]
        yield {
            "text": text,
            "pieces": [len(piece.encode()) for piece in pieces],
            "ids": special.encode(text).ids,
            "ordinary_ids": plain.encode(text).ids,
        }


def character_classes():
    """0 other, 1 letter, 2 number, 3 white space, by what joins a piece of that class."""
    splitter = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    for c in range(0x110000):
        if 0xD800 <= c < 0xE000:
            yield 0
            continue
        joined = [k for k, prefix in ((1, "a"), (2, "1"), (0, "!"))
                  if len(splitter.pre_tokenize_str(prefix + chr(c))) == 1]  # fmt: skip
        assert len(joined) <= 1, hex(c)
        yield joined[0] if joined else 3


def file_facts(shared):
    for name, folder in (("gpt2", "data/gpt2"), ("gpt2-mini", "models/gpt2-mini")):
        tokenizer = load(shared / folder, True)
        for file in SHARED_FILES:
            ids = tokenizer.encode((shared / "data" / file).read_bytes().decode()).ids
            yield {"tokenizer": folder, "file": f"data/{file}", "tokens": len(ids), "hash": hash64(ids)}


def write(name, value):
    lines = ",\n".join(json.dumps(row) for row in value["rows"])
    head = json.dumps({k: v for k, v in value.items() if k != "rows"})[:-1]
    (HERE / name).write_text(f'{head}, "rows": [\n{lines}\n]}}\n')


def main():
    assert tokenizers.__version__ == VERSION, tokenizers.__version__
    parser = argparse.ArgumentParser()
    parser.add_argument("--shared", type=pathlib.Path)
    shared = parser.parse_args().shared
    made_with = f"tokenizers {VERSION}"
    write("encodings.json", {"made_with": made_with, "rows": list(encodings())})
    classes = list(character_classes())
    counts = [classes.count(k) for k in range(4)]
    write("characters.json", {"made_with": made_with, "rows": [{"counts": counts, "hash": hash64(classes)}]})
    if shared:
        write("files.json", {"made_with": made_with, "rows": list(file_facts(shared))})


if __name__ == "__main__":
    main()
