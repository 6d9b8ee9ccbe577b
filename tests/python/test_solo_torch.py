# SPDX-License-Identifier: MIT
"""python/solo_torch.py against the committed goldens. tests/parity runs it; it also runs by itself."""
import copy
import json
import math
import os
import sys
import tempfile
import unittest
import warnings
from pathlib import Path
from types import SimpleNamespace

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.filterwarnings("ignore")
ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
sys.path[:0] = [str(ROOT / "python"), str(GOLDEN)]

import torch
from safetensors.torch import load_file, save_file
from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer
from transformers.utils import logging

import solo_torch
from gold_common import load_base, summed_loss

logging.set_verbosity_error()
logging.disable_progress_bar()
BASE = GOLDEN / "tiny-gpt2"
IDS = torch.tensor([[3, 501, 77, 12, 12, 300, 44, 9, 0, 511, 250]])
WAYS_TO_START = {
    "paper": dict(r=4, stride=1, init="paper", gate_init=0.1),
    "default": dict(r=4, stride=1),
    "diagonal": dict(links=[[0, 1], [2, 2]], map="diagonal"),
    "scalar": dict(stride=1, map="scalar", gate="tanh", gate_init=0.0),
    "full": dict(stride=1, map="full", init="identity", share="none", gate="none"),
}


def cases(kind):
    entries = json.loads((GOLDEN / "manifest.json").read_text())["cases"]
    found = [json.loads((GOLDEN / e["file"]).read_text()) for e in entries if e["kind"] == kind]
    found = [case for case in found if (case["adapter"] or "").startswith(("solo/", "traces/solo"))]
    assert found
    return found


def base(dtype=torch.float64):
    return load_base(BASE, dtype)


def load(name, dtype=torch.float64):
    return solo_torch.load(base(dtype), GOLDEN / name)


def logits(model, ids=IDS):
    with torch.no_grad():
        return model(input_ids=ids, use_cache=False).logits


class Goldens(unittest.TestCase):
    def test_logits_losses_and_gradients(self):
        for case in cases("solo"):
            with self.subTest(case["name"]):
                model, stored = load(case["adapter"]), load_file(GOLDEN / case["tensors"])
                named = {solo_torch.PREFIX + k: p for k, p in model.transformer.solo.named_parameters()
                         if p.requires_grad}
                self.assertEqual(sum(p.numel() for p in named.values()), case["trainable"])
                self.assertEqual(sum(p.requires_grad for p in model.parameters()), len(named))
                for sequence in case["sequences"]:
                    got = logits(model, torch.tensor([sequence["input_ids"]]))[0][sequence["rows"]]
                    self.assertLess((got - stored[sequence["logits"]]).abs().max(), 1e-9)
                for entry in case["losses"]:
                    total, tokens = summed_loss(model, entry["examples"], entry["label_smoothing"])
                    self.assertEqual(tokens, entry["tokens"])
                    self.assertAlmostEqual(total.item() / tokens, entry["loss"], delta=1e-10)
                    (total / tokens).backward()
                    gradients = {k: p.grad if p.grad is not None else torch.zeros_like(p) for k, p in named.items()}
                    norm = math.sqrt(sum(g.square().sum() for g in gradients.values()))
                    self.assertAlmostEqual(norm / entry["grad_norm"], 1, delta=1e-9)
                    for key, gradient in gradients.items():
                        error = (gradient - stored[entry["gradients"] + key]).norm() / entry["grad_norm"]
                        self.assertLess(error, 1e-9, key)

    def test_fifty_training_steps(self):
        for case in cases("trace"):
            with self.subTest(case["name"]):
                model = load(case["adapter"])
                solo = model.transformer.solo
                solo.train()
                groups = []
                for key, p in solo.named_parameters():
                    factor = [f for kind, f in case["lr_multipliers"].items() if f".{kind}" in key]
                    decay = 0 if key.endswith("bias") else case["weight_decay"]
                    groups.append({"params": [p], "factor": factor[0] if factor else 1, "weight_decay": decay})
                optimizer = torch.optim.AdamW(groups, eps=1e-8)
                for step, batches in enumerate(case["steps"]):
                    solo.set_step(step + 1)
                    parts = [summed_loss(model, [case["examples"][i] for i in batch], case["label_smoothing"])
                             for batch in batches]
                    loss = sum(total for total, _ in parts) / sum(tokens for _, tokens in parts)
                    self.assertAlmostEqual(loss.item(), case["float64"]["loss"][step], delta=1e-8)
                    for group in optimizer.param_groups:
                        group["lr"] = case["float64"]["learning_rate"][step] * group["factor"]
                    optimizer.zero_grad()
                    loss.backward()
                    torch.nn.utils.clip_grad_norm_(solo.parameters(), case["max_grad_norm"] or math.inf)
                    optimizer.step()
                for key, value in load_file(GOLDEN / case["tensors"]).items():
                    got = solo.get_parameter(key.removeprefix("final." + solo_torch.PREFIX))
                    self.assertLess((got - value).norm(), 1e-7 * value.norm() + 1e-9, key)

    def test_greedy_ids(self):
        for case in cases("greedy"):
            model = load(case["adapter"])
            for run in case["runs"]:
                ids = torch.tensor([run["prompt"]])
                for use_cache in (True, False):
                    with self.subTest(case["name"], use_cache=use_cache):
                        out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False,
                                             max_new_tokens=run["max_new_tokens"], eos_token_id=run["eos_token_id"],
                                             pad_token_id=0, use_cache=use_cache)
                        self.assertEqual(out[0, ids.shape[1]:].tolist(), run["output_ids"])

    def test_beams_do_not_depend_on_cache_or_padding(self):
        for name in ("solo/everything", "solo/taps", "solo/taps-many", "solo/taps-no-e"):
            with self.subTest(name):
                self.check_beams(load(name))

    def test_taps_go_on_where_a_cache_ends(self):
        for name in ("solo/taps", "solo/taps-many", "solo/taps-no-e"):
            model, whole = load(name), logits(load(name))
            pad = torch.zeros(1, 3, dtype=torch.long)
            ids, mask = torch.cat([pad, IDS], 1), torch.cat([pad, torch.ones_like(IDS)], 1)
            cache, at = None, 0
            for count in (5, 1, 3, 1, 4):  # the first part is mostly padding
                end = at + count
                positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, at:end]
                with torch.no_grad():
                    out = model(input_ids=ids[:, at:end], attention_mask=mask[:, :end], position_ids=positions,
                                past_key_values=cache, use_cache=True)
                cache = out.past_key_values
                for row in range(max(at, 3), end):
                    with self.subTest(name, row=row):
                        torch.testing.assert_close(out.logits[0, row - at], whole[0, row - 3], atol=1e-10, rtol=0)
                at = end

    def test_a_cache_that_the_taps_have_not_seen_is_refused(self):
        model = load("solo/taps")
        with model.transformer.solo.disabled(), torch.no_grad():
            cache = model(input_ids=IDS, use_cache=True).past_key_values
        with self.assertRaisesRegex(ValueError, "without the adapter's taps"):
            model(input_ids=IDS[:, :1], past_key_values=cache)

    def check_beams(self, model):
        prompt = IDS[:, :5]
        options = dict(do_sample=False, num_beams=4, max_new_tokens=12, pad_token_id=0)
        alone = model.generate(input_ids=prompt, attention_mask=torch.ones_like(prompt), use_cache=False, **options)
        pad = torch.zeros(2, 3, dtype=torch.long)
        both = torch.cat([torch.cat([pad[:1], prompt], 1), torch.full((1, 8), 7)])
        mask = torch.cat([torch.cat([pad[:1], torch.ones_like(prompt)], 1), torch.ones(1, 8, dtype=torch.long)])
        together = model.generate(input_ids=both, attention_mask=mask, use_cache=True, **options)
        self.assertEqual(alone[0, 5:].tolist(), together[0, 8:].tolist()[:alone.shape[1] - 5])
        self.assertFalse(torch.allclose(logits(model), logits(base()), atol=1e-3))


class Adapter(unittest.TestCase):
    def test_disabled_and_removed_it_is_the_base(self):
        model = load("solo/explicit")
        plain, adapted = logits(base()), logits(model)
        self.assertFalse(torch.equal(adapted, plain))
        with model.transformer.solo.disabled():
            self.assertTrue(torch.equal(logits(model), plain))
        self.assertTrue(torch.equal(logits(model), adapted))
        twin = copy.deepcopy(model)
        self.assertTrue(torch.equal(logits(twin), adapted))
        self.assertTrue(torch.equal(logits(solo_torch.remove(twin)), plain))
        self.assertTrue(torch.equal(logits(model), adapted))
        solo_torch.remove(model)
        self.assertTrue(torch.equal(logits(model), plain))
        self.assertEqual(set(model.state_dict()), set(base().state_dict()))

    def test_a_new_one_starts_as_the_base_and_trains(self):
        for name, fields in WAYS_TO_START.items():
            with self.subTest(name):
                model = solo_torch.add(base(), **fields)
                frozen = {k: v.clone() for k, v in model.state_dict().items() if ".solo." not in k}
                self.assertTrue(torch.equal(logits(model), logits(base())))
                optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.02)
                losses = []
                for _ in range(12):
                    loss = model(input_ids=IDS, labels=IDS).loss
                    losses.append(loss.item())
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                self.assertLess(losses[-1], losses[0] - 0.01)
                self.assertTrue(all(torch.equal(v, model.state_dict()[k]) for k, v in frozen.items()))

    def test_frozen_factors_stay(self):
        for name, trained in (("frozen", set()), ("down_frozen", {"up"}), ("trained", {"up", "down"})):
            model = solo_torch.add(base(), r=4, stride=1, factors=name, init="paper", gate_init=0.1)
            self.assertEqual({key.split(".")[2] for key, p in model.transformer.solo.named_parameters()
                              if key.startswith("maps.") and p.requires_grad}, trained)

    def test_dropout_acts_in_training_on_what_enters_the_map(self):
        model = solo_torch.add(base(), links=[[1, 2]], map="diagonal", gate="none", dropout=0.5)
        solo = model.transformer.solo
        with torch.no_grad():
            solo.links["1-2"].v.fill_(1)
        h = torch.ones(1, 50, 32, dtype=torch.float64)
        self.assertTrue(torch.equal(solo.eval().delta(1, 2, h), h))
        delta = solo.train().delta(1, 2, h)
        self.assertEqual(set(delta.unique().tolist()), {0.0, 2.0})
        self.assertAlmostEqual(delta.mean().item(), 1.0, delta=0.15)

    def test_the_gate_schedule_acts_in_training_alone(self):
        model = solo_torch.add(base(), links=[[1, 2]], map="diagonal", gate="none",
                               gate_schedule={"kind": "cosine", "steps": 4})
        solo = model.transformer.solo
        torch.nn.init.ones_(solo.links["1-2"].v)
        h = torch.ones(1, 1, 32, dtype=torch.float64)
        for step, tau in ((1, 0.5 - math.sqrt(0.125)), (2, 0.5), (4, 1.0), (9, 1.0)):
            solo.set_step(step)
            self.assertAlmostEqual(solo.train().delta(1, 2, h)[0, 0, 0].item(), tau)
            self.assertEqual(solo.eval().delta(1, 2, h)[0, 0, 0].item(), 1.0)

    def test_checkpointing_is_refused(self):
        model = solo_torch.add(base(), r=4, stride=1).train()
        model.gradient_checkpointing_enable()
        with self.assertRaisesRegex(RuntimeError, "gradient checkpointing"):
            model(input_ids=IDS, labels=IDS)


class Folder(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    def write(self, config=None, tensors=None, source="stride-1"):
        """A copy of a golden folder with these changes; None as a value removes it."""
        for file, read, changes in ((solo_torch.CONFIG_FILE, lambda p: json.loads(p.read_text()), config),
                                    (solo_torch.TENSOR_FILE, load_file, tensors)):
            changes = changes or {}
            values = {**read(GOLDEN / "solo" / source / file), **changes}
            values = {k: v for k, v in values.items() if k not in changes or v is not None}
            if file == solo_torch.CONFIG_FILE:
                (self.folder / file).write_text(json.dumps(values))
            else:
                save_file(values, self.folder / file)

    def test_what_is_saved_is_what_was_loaded(self):
        for case in cases("solo"):
            with self.subTest(case["name"]):
                solo_torch.save(load(case["adapter"], torch.float32), self.folder)
                source = GOLDEN / case["adapter"]
                before, after = (load_file(f / solo_torch.TENSOR_FILE) for f in (source, self.folder))
                self.assertEqual(set(before), set(after))
                self.assertTrue(all(torch.equal(before[k], after[k]) for k in before))
                saved = json.loads((self.folder / solo_torch.CONFIG_FILE).read_text())
                given = json.loads((source / solo_torch.CONFIG_FILE).read_text())
                given.pop("base_model_name_or_path", None)
                self.assertEqual(given, {k: saved[k] for k in given})
                self.assertEqual(len(saved), 24 if "taps" in given else 23)

    def refuses(self, message, config=None, tensors=None, source="stride-1"):
        self.write(config, tensors, source)
        model = base()
        with self.subTest(message), self.assertRaisesRegex(ValueError, message):
            solo_torch.load(model, self.folder)
        self.assertFalse(hasattr(model.transformer, "solo"))
        self.assertTrue(all(p.requires_grad for p in model.parameters()))

    def test_a_wrong_configuration_is_refused(self):
        for field, value in (("gate", "relu"), ("r", 0), ("r", True), ("r", 4.0), ("stride", 0), ("first", 0),
                             ("use_e", 1), ("scale", 0), ("scale", math.nan), ("dropout", 1), ("links", "all"),
                             ("links", [[1, 2, 3]]), ("links", [[3, 2]]), ("links", [[1, 5]]), ("links", []),
                             ("links", [[1, 2], [1, 2]]), ("gate_schedule", {"kind": "linear"}), ("share", ["all"]),
                             ("gate_schedule", "linear"), ("gate_init", 0)):
            self.refuses(field, {field: value})
        self.refuses("unknown keys: rank", {"rank": 4})
        self.refuses("peft_type SOLO", {"peft_type": "LORA"})
        self.refuses("peft_type SOLO", {"peft_type": None})
        self.refuses("init: .*does not start at the base", {"use_v": False})
        self.refuses("init: no tensor would have a gradient", {"init": "identity", "factors": "frozen"})
        self.refuses("map: scalar", {"map": "scalar"})

    def test_wrong_tensors_are_refused(self):
        e, down = (solo_torch.PREFIX + name for name in ("links.1-2.e", "maps.0.down.weight"))
        self.refuses(f"missing tensors: {e}", tensors={e: None})
        self.refuses(f"unexpected tensors: {e}x", tensors={e + "x": torch.ones(4)})
        self.refuses(r"down.weight: expected shape \(4, 32\), found \(32, 4\)", tensors={down: torch.ones(32, 4)})
        self.refuses("links.1-2.e: not all numbers are finite", tensors={e: torch.tensor([1.0, math.inf, 1.0, 1.0])})
        self.write()
        (self.folder / solo_torch.TENSOR_FILE).write_bytes(b"\x08\0\0\0\0\0\0\0{}")
        with self.assertRaisesRegex(ValueError, solo_torch.TENSOR_FILE):
            solo_torch.load(base(), self.folder)
        with self.assertRaisesRegex(ValueError, "already"):
            solo_torch.load(load("solo/raw"), GOLDEN / "solo" / "raw")


class EndTokens(unittest.TestCase):
    """The end that training wrote, the tokenizer's and the model's."""

    def ends(self, stop, own, trained):
        model = SimpleNamespace(generation_config=SimpleNamespace(eos_token_id=stop))
        return solo_torch.end_tokens(model, SimpleNamespace(eos_token_id=own), trained)

    def test_what_was_written_is_waited_for(self):
        self.assertEqual(self.ends(511, 511, {}), (511, [511]))
        self.assertEqual(self.ends(511, 511, {"eos_token_id": 0}), (0, [0, 511]))
        self.assertEqual(self.ends([511, 0], 511, {"eos_token_id": 0}), (0, [511, 0]))
        self.assertEqual(self.ends(511, 0, {"eos_token_id": None}), (0, [511]))
        self.assertEqual(self.ends([5, 6], None, {}), (5, [5, 6]))
        self.assertEqual(self.ends(None, None, {}), (None, []))

    def test_prompts_are_read_as_in_training(self):
        tokenizer = AutoTokenizer.from_pretrained(GOLDEN / "text" / "tiny-bpe", tokenizer_type="gpt2")
        text = "a<|endoftext|>"
        self.assertEqual(solo_torch.prompt_ids(text, tokenizer, {}, "eos", 7), [64, 511, 7])
        letters = solo_torch.prompt_ids(text, tokenizer, {"special_tokens": False}, "none", 7)
        self.assertNotIn(511, letters)
        tokenizer._tokenizer.post_processor = TemplateProcessing(
            single="<|endoftext|> $A <|endoftext|>", special_tokens=[("<|endoftext|>", 511)])
        self.assertEqual(solo_torch.prompt_ids("a", tokenizer, {}, "eos", 511), [511, 64, 511])
        self.assertEqual(solo_torch.prompt_ids("a", tokenizer, {}, "none", 511), [511, 64])
        with self.assertRaisesRegex(ValueError, "end token"):
            solo_torch.prompt_ids(text, tokenizer, {}, "eos", None)


if __name__ == "__main__":
    unittest.main()
