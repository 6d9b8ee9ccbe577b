#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes tests/golden/text/folders.json: what transformers' AutoTokenizer (5.24) makes of tokenizer folders.

A row is a folder: the files beside tiny-bpe's vocab.json and merges.txt ("pair") or a tokenizer.json made of
them ("tokenizer_json": what is changed in it), the ids of its end, begin and pad tokens (-1: none), its length,
and texts with the ids of tokenizer(text) and tokenizer(text, add_special_tokens=False), and ids with their text;
at last the ids of ADDED_TEXT after add_tokens.

    HF_HUB_OFFLINE=1 python tests/golden/make_tokenizer_folder_goldens.py
"""
import itertools
import json
import pathlib
import random
import tempfile

import transformers

VERSION = "5.24.0"
HERE = pathlib.Path(__file__).parent / "text"
TINY = HERE / "tiny-bpe"
EOS = "<|endoftext|>"


def token(content, id=None, **flags):
    fields = {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
              "special": True, **flags}  # fmt: skip
    return fields if id is None else {"id": id, **fields}


def decoder(*tokens):
    return {"added_tokens_decoder": {str(511 + i): t for i, t in enumerate([token(EOS), *tokens])}}


def template(*single):
    pieces = [{"Sequence": {"id": "A", "type_id": 0}} if p == "A" else {"SpecialToken": {"id": p, "type_id": 0}}
              for p in single]  # fmt: skip
    names = {p: {"id": p, "ids": [511], "tokens": [EOS]} for p in single if p != "A"}
    return {"type": "TemplateProcessing", "single": pieces, "pair": pieces, "special_tokens": names}


CONFIG, MAP, ADDED = "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"
ADDED_TEXT = "a <n> b<s>c é½<n>"
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
PREFIX = {"pre_tokenizer": {**BYTE_LEVEL, "add_prefix_space": True}}
FAST = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": EOS}
BASIC = ["Hello there", "", f"Hello {EOS} there", " a", "a <p> b<u>c <m>"]
MIXED = ["ab xab ab  ab abc ab", "a b", "xb ab", "ab", "éab abé ab\u0301 ab½ ab_ ab- ab\u200d", "\u3000 ab\u2003 x",
         "ab\x1cab\x85 ab \n ab"]  # fmt: skip


def folders():
    def pair(files, texts=BASIC):
        return {"files": files, "texts": texts}

    def fast(changes, files, texts=BASIC):
        return {"tokenizer_json": changes, "files": files, "texts": texts}

    yield pair({})
    yield pair({CONFIG: {"eos_token": None}})
    yield pair({CONFIG: {"eos_token": None, "bos_token": None, "unk_token": None}})
    yield pair({CONFIG: {"pad_token": "<p>", "extra_special_tokens": ["<u>", "<m>"], "additional_special_tokens": ["<z>"]}})
    yield pair({CONFIG: {"eos_token": "re", "pad_token": "<p>"}, MAP: {"eos_token": "<m>", "pad_token": token("<u>", lstrip=True, normalized=True)}})
    yield pair({CONFIG: {"eos_token": "re", "pad_token": "<p>", "added_tokens_decoder": {}}, MAP: {"eos_token": "<m>"}})
    yield pair({ADDED: {"<p>": 513, "<u>": 512}, CONFIG: {"pad_token": "<p>", "additional_special_tokens": ["<u>", "<m>"]}})
    yield pair({ADDED: {"<p>": 512}, CONFIG: decoder(token("<u>"))})
    yield pair({CONFIG: {"additional_special_tokens": ["<u>"]}, MAP: {"additional_special_tokens": ["<m>"]}})
    yield pair({CONFIG: {"additional_special_tokens": ["<u>"]}, MAP: {"extra_special_tokens": ["<m>"]}})
    yield pair({MAP: {"additional_special_tokens": ["<m>"], "eos_token": None}})
    yield pair({CONFIG: {"image_token": "<u>", "sep_token": "<m>", "extra_special_tokens": {"video_token": "<p>"}}})
    yield pair({CONFIG: {"eos_token": {"__type": "AddedToken", **token("<m>", rstrip=True)}}})
    # Several definitions of one token: the last that differs from those before it counts.
    left, right = ({"__type": "AddedToken", **token("<m>", **{side: True})} for side in ("lstrip", "rstrip"))
    for several in [{"bos_token": "<m>", "eos_token": left, "unk_token": "<m>"}, {"bos_token": left, "eos_token": right, "unk_token": left},
                    {"pad_token": left, "additional_special_tokens": ["<m>"]}, {"pad_token": right, "additional_special_tokens": [left]},
                    {"additional_special_tokens": [left, "<m>", right, "<m>"]}, {"mask_token": left, "pad_token": right}]:  # fmt: skip
        yield pair({CONFIG: several}, [*BASIC, "a  <m>  b <m>c"])
    yield pair({MAP: {"eos_token": token(EOS, lstrip=True, rstrip=True)}}, BASIC)
    yield pair({CONFIG: {"additional_special_tokens": ["<p>", "<u>"], "extra_special_tokens": {"image_token": "<m>"}}})
    yield pair({CONFIG: {"extra_special_tokens": {"image_token": "<m>"}}, MAP: {"additional_special_tokens": ["<p>", "<u>"]}})
    yield pair({CONFIG: {"model_specific_special_tokens": {"z_token": "<m>", "a_token": "<u>"}, "additional_special_tokens": ["<p>"]}})
    yield pair({CONFIG: {"additional_special_tokens": [{"__type": "AddedToken", **token("\n", lstrip=True, rstrip=True)}]}},
               ["a \n b", "b\n\n c", "\n\n", " \n \n\n x\n"])  # fmt: skip
    yield pair({CONFIG: {"bos_token": "<p>", **decoder(token("<p>", special=False, normalized=True))}})
    for bos, eos in itertools.product([True, False], repeat=2):
        yield pair({CONFIG: {"add_bos_token": bos, "add_eos_token": eos, "bos_token": "re"}})
    yield pair({CONFIG: {"add_bos_token": True, "bos_token": None}})
    yield pair({CONFIG: {"split_special_tokens": True, **decoder(token("<p>"), token("<u>", special=False))}})
    yield pair({CONFIG: {"split_special_tokens": True, **decoder(token("<p>"), token("<p", special=False))}}, ["<p> <p <q", "a<p>"])
    yield pair({CONFIG: {"add_prefix_space": True, **decoder(token("<p>"), token("<u>"))}})
    yield pair({CONFIG: {"additional_special_tokens": ["é", "日本", "a b", "Ġthe re", "Ġthére", "Ġthere"]}},
               ["xéy日本a b", "Ġthe re Ġthére Ġthere there"])  # fmt: skip
    yield fast({}, {})
    yield fast({}, {CONFIG: {"add_bos_token": True}})
    yield fast({}, {CONFIG: {"add_prefix_space": True}})
    yield fast(PREFIX, {})
    yield fast(PREFIX, {CONFIG: FAST})
    yield fast({}, {CONFIG: {**FAST, "add_prefix_space": True}})
    tokens = {"added_tokens": [token(EOS, 511), token("<p>", 512), token("<u>", 513, lstrip=True)]}
    yield fast(tokens, {})
    yield fast(tokens, {CONFIG: FAST})
    yield fast(tokens, {CONFIG: decoder(token("<m>"))})
    yield fast(tokens, {CONFIG: {**FAST, **decoder(token("<p>", rstrip=True))}})
    yield fast(tokens, {CONFIG: {**FAST, "pad_token": "<p>"}, MAP: {"eos_token": "<m>"}, ADDED: {"<p>": 512}})
    yield fast(tokens, {CONFIG: {"pad_token": "<p>", "additional_special_tokens": ["<u>", "<m>"]}, ADDED: {"<p>": 512, "<u>": 513}})
    for single in (["A"], [EOS, "A"], ["A", EOS], [EOS, "A", EOS], [EOS, EOS, "A"]):
        yield fast({"post_processor": template(*single)}, {})
    yield fast({"post_processor": {"type": "Sequence", "processors": [BYTE_LEVEL, template(EOS, "A")]}}, {CONFIG: FAST})
    yield fast({"post_processor": {"type": "RobertaProcessing", "sep": ["b", 3], "cls": ["a", 4], "trim_offsets": True, "add_prefix_space": False}}, {})
    yield fast({"truncation": {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0},
                "padding": {"strategy": {"Fixed": 12}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 1, "pad_type_id": 0, "pad_token": "<p>"}},
               {CONFIG: FAST})  # fmt: skip
    rng = random.Random(14)
    for flags in itertools.product([False, True], repeat=4):
        a = dict(zip(("lstrip", "rstrip", "single_word", "normalized"), flags))
        b = {name: rng.random() < 0.5 for name in a}
        c = {name: rng.random() < 0.5 for name in a}
        random_texts = ["".join(rng.choice(["ab", "a", "b", " ", " ab", "\n", "é", "½", "_", ",", "bb"])
                                for _ in range(12)) for _ in range(6)]  # fmt: skip
        yield pair({CONFIG: decoder(token("ab", **a), token(" ab", **b), token("bb", **c))}, MIXED + random_texts)


def tokenizer_json(changes):
    merges = [line for line in (TINY / "merges.txt").read_text().split("\n")[1:] if line]
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [token(EOS, 511)], "normalizer": None,
            "pre_tokenizer": BYTE_LEVEL, "post_processor": BYTE_LEVEL, "decoder": BYTE_LEVEL,
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
                      "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                      "vocab": json.loads((TINY / "vocab.json").read_text()), "merges": merges}, **changes}  # fmt: skip


def load(row):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "config.json").write_text('{"model_type": "gpt2"}')
        if "tokenizer_json" in row:
            (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json(row["tokenizer_json"])))
        else:
            for file in ("vocab.json", "merges.txt"):
                (folder / file).write_bytes((TINY / file).read_bytes())
        for file, value in row["files"].items():
            (folder / file).write_text(json.dumps(value))
        return transformers.AutoTokenizer.from_pretrained(folder)


def described(row):
    tokenizer = load(row)
    ids = [39, 511, 900, *range(512, len(tokenizer)), 68]
    known = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("eos", "bos", "pad")}
    row = {**row, "length": len(tokenizer), **{k: -1 if v is None else v for k, v in known.items()},
            "texts": [{"text": text, "ids": tokenizer(text)["input_ids"],
                       "bare_ids": tokenizer(text, add_special_tokens=False)["input_ids"]} for text in row["texts"]],
            "decoded": {"ids": ids, "text": tokenizer.decode(ids)}}  # fmt: skip
    tokenizer.add_tokens(["<n>", "é½"])
    tokenizer.add_tokens(["<s>"], special_tokens=True)
    return {**row, "added": {"text": ADDED_TEXT, "ids": tokenizer(ADDED_TEXT)["input_ids"]}}


def main():
    assert transformers.__version__ == VERSION, transformers.__version__
    transformers.logging.set_verbosity_error()
    rows = ",\n".join(json.dumps(described(row)) for row in folders())
    head = json.dumps({"made_with": f"transformers {VERSION}"})[:-1]
    (HERE / "folders.json").write_text(f'{head}, "rows": [\n{rows}\n]}}\n')


if __name__ == "__main__":
    main()
