# SPDX-License-Identifier: MIT
"""Solo adapters (SoloConnection, arXiv 2507.14353) on a transformers GPT-2.

    model = solo_torch.load("gpt2", "adapters/hotel")    # a GPT2LMHeadModel: generate(), forward, .to(...) as ever
    with model.transformer.solo.disabled(): ...          # the bare base
    solo_torch.remove(model)                             # the same, for good

    solo_torch.add(model, r=16, stride=1, init="identity", gate_init=1.0)    # a new adapter; only its tensors train
    solo_torch.save(model, "out")

A link (j, t) adds to the output of block t what the adapter makes of the output of block j (0: the embeddings):

    h_t  <-  h_t + scale * gate(g) * v * up(phi(e * down(dropout(norm(h_j)))))

and with taps sum_i e_i * down(...) of the token i places before, i = 0 ... taps - 1, instead of e * down(...).

The adapter is the module `model.transformer.solo`; its parameters are named as in its file. Forward hooks of the blocks
do the work, so it acts in generate() too, with or without a cache and beams. Errors are ValueErrors that name the
field or tensors. Needs torch, transformers and safetensors.
"""
import argparse
import contextlib
import dataclasses
import functools
import json
import math
import os
import sys

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F
from transformers import AutoTokenizer, GPT2LMHeadModel
from transformers.cache_utils import DynamicLayer

PREFIX = "base_model.model.transformer.solo."
CONFIG_FILE, TENSOR_FILE = "adapter_config.json", "adapter_model.safetensors"
IGNORED_KEYS = {"auto_mapping", "base_model_name_or_path", "inference_mode", "peft_type", "peft_version", "revision",
                "task_type"}
CHOICES = {
    "share": ("all", "none"),
    "map": ("low_rank", "diagonal", "scalar", "full"),
    "factors": ("trained", "frozen", "down_frozen"),
    "gate": ("linear", "clamp", "sigmoid", "tanh", "none"),
    "gate_scope": ("link", "global"),
    "init": ("paper", "identity"),
    "norm": ("none", "layer_norm", "rms_norm"),
    "activation": ("identity", "gelu_new"),
    "source": ("corrected", "raw"),
}
EPS = 1e-5


def is_integer(x):
    return isinstance(x, int) and not isinstance(x, bool)


def is_number(x):
    return isinstance(x, (int, float)) and not isinstance(x, bool) and math.isfinite(x)


@dataclasses.dataclass(frozen=True)
class SoloConfig:
    """The fields of adapter_config.json; the defaults are what a field that a file lacks means."""

    r: int = 64
    links: object = "stride"  # "stride", "last", "mirror", "self", or [[src, dst], ...]
    stride: int = 2
    first: int | None = None  # of "stride": the first destination; None means 2 * stride
    share: str = "all"
    map: str = "low_rank"
    factors: str = "trained"
    taps: int = 1
    use_e: bool = True
    use_v: bool = True
    bias: bool = True
    gate: str = "linear"
    gate_scope: str = "link"
    gate_init: float = 0.1
    init: str = "paper"
    norm: str = "none"
    activation: str = "identity"
    source: str = "corrected"
    scale: float = 1.0
    dropout: float = 0.0
    gate_schedule: object = "none"  # or {"kind": "linear" | "cosine", "steps": T}

    def __post_init__(self):
        def expect(field, good, expected):
            if not good:
                raise ValueError(f"{field}: expected {expected}, found {getattr(self, field)!r}")

        for field, choices in CHOICES.items():
            expect(field, getattr(self, field) in choices, "one of " + ", ".join(choices))
        for field in ("use_e", "use_v", "bias"):
            expect(field, isinstance(getattr(self, field), bool), "true or false")
        if self.map == "low_rank":
            expect("r", is_integer(self.r) and self.r >= 1, "an integer of at least 1")
            expect("taps", is_integer(self.taps) and 1 <= self.taps <= 64, "an integer from 1 to 64")
        if self.links == "stride":
            expect("stride", is_integer(self.stride) and self.stride >= 1, "an integer of at least 1")
            expect("first", self.first is None or is_integer(self.first) and self.first >= self.stride,
                   "null or an integer of at least the stride")
        elif self.links not in ("last", "mirror", "self"):
            expect("links", isinstance(self.links, (list, tuple)) and all(
                isinstance(x, (list, tuple)) and len(x) == 2 and all(map(is_integer, x)) for x in self.links),
                   "stride, last, mirror, self or a list of pairs of block numbers")
        for field in ("gate_init", "scale", "dropout"):
            expect(field, is_number(getattr(self, field)), "a finite number")
        expect("scale", self.scale != 0, "a number other than 0")
        expect("dropout", 0 <= self.dropout < 1, "0 <= dropout < 1")
        s = self.gate_schedule
        expect("gate_schedule", s == "none" or isinstance(s, dict) and set(s) == {"kind", "steps"}
               and s["kind"] in ("linear", "cosine") and is_integer(s["steps"]) and s["steps"] >= 1,
               'none or {"kind": linear or cosine, "steps": at least 1}')
        self._check_start()

    has_e = property(lambda self: self.use_e and self.map == "low_rank")
    has_taps = property(lambda self: self.map == "low_rank" and self.taps > 1)
    has_v = property(lambda self: self.use_v and self.map != "scalar")
    has_up = property(lambda self: self.map in ("low_rank", "full"))

    def _check_start(self):
        """A new adapter must change nothing (a factor of the deltas is zero), and something must have a gradient."""
        if self.map == "scalar" and (self.gate not in ("linear", "tanh") or self.gate_init != 0):
            raise ValueError(f"map: scalar needs gate_init 0 and gate linear or tanh, found {self.gate_init} and "
                             f"{self.gate}")
        g = torch.tensor(float(self.gate_init), requires_grad=True)
        value = gate_value(self.gate, g) if self.gate != "none" else torch.ones(())
        gate_moves = self.gate != "none" and torch.autograd.grad(value, g)[0].item() != 0
        # Each factor: is it zero, and would it move if the others are not?
        factors = [(value.item() == 0, gate_moves),
                   (self.has_v and (self.init == "paper" or self.map == "diagonal"), self.has_v),
                   (self.has_up and self.init == "identity", self.has_up and self.factors != "frozen")]
        zeros = sum(zero for zero, _ in factors)
        if zeros == 0:
            raise ValueError(f"init: {self.init} with gate {self.gate} and gate_init {self.gate_init} does not start "
                             "at the base model")
        if not any(moves and zeros == int(zero) for zero, moves in factors):
            field = "gate_init" if value.item() == 0 else "init"
            raise ValueError(f"{field}: no tensor would have a gradient at the start, so nothing would ever train")

    def link_list(self, n_layer):
        """[(src, dst)] sorted by dst, then src."""
        if self.links == "stride":
            first = 2 * self.stride if self.first is None else self.first
            pairs = [(t - self.stride, t) for t in range(first, n_layer + 1, self.stride)]
        elif self.links == "last":
            pairs = [(j, n_layer) for j in range(1, n_layer)]
        elif self.links == "mirror":
            pairs = [(n_layer - t, t) for t in range(1, n_layer) if 2 * t > n_layer]
        elif self.links == "self":
            pairs = [(t, t) for t in range(1, n_layer + 1)]
        else:
            pairs = [tuple(pair) for pair in self.links]
        for j, t in pairs:
            if not (0 <= j <= t <= n_layer and t >= 1):
                raise ValueError(f"links: {j} to {t} is not in a model of {n_layer} blocks")
        if not pairs or len(set(pairs)) != len(pairs):
            raise ValueError(f"links: none, or one twice, on a model of {n_layer} blocks: {pairs}")
        return sorted(pairs, key=lambda pair: pair[::-1])

    @classmethod
    def from_file(cls, path):
        def object_of(pairs):
            if len(dict(pairs)) != len(pairs):
                raise ValueError("a key is there twice")
            return dict(pairs)

        try:
            with open(path, encoding="utf-8") as file:
                values = json.load(file, object_pairs_hook=object_of)
            if not isinstance(values, dict) or values.get("peft_type") != "SOLO":
                raise ValueError("expected an object with peft_type SOLO")
            values = {key: value for key, value in values.items() if key not in IGNORED_KEYS}
            unknown = set(values) - {field.name for field in dataclasses.fields(cls)}
            if unknown:
                raise ValueError(f"unknown keys: {', '.join(sorted(unknown))}")
            return cls(**values)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path}: {error}") from None


def gate_value(kind, g):
    if kind == "clamp":  # the gradient passes on the bounds, unlike torch.clamp's
        return torch.where((g < 0) | (g > 1), g.detach().clamp(0, 1), g)
    return {"linear": lambda x: x, "sigmoid": torch.sigmoid, "tanh": torch.tanh}[kind](g)


class _Past(DynamicLayer):
    """What links with taps know of the tokens in a cache, kept in it as one layer more: beams reorder it with the rest.
    keys: (batch, 1, taps - 1, r * links)."""

    is_croppable = False

    def __init__(self):
        super().__init__()
        self.names = []

    def of(self, name, z):
        i, width = self.names.index(name), z.shape[2]
        return self.keys[:, 0, :, i * width:(i + 1) * width]

    def keep(self, seen):
        if not self.is_initialized:
            first = next(iter(seen.values()))[:, None]
            self.lazy_initialization(first, first)
        self.names = list(seen)
        self.keys = self.values = torch.cat(list(seen.values()), 2)[:, None]

    def crop(self, _tokens):
        raise ValueError("a cache of an adapter with taps cannot be cropped")


def _past_of(cache):
    """The layer with what earlier passes have left in the cache; None at the beginning."""
    if cache is None or cache.get_seq_length() == 0:
        return None
    if not isinstance(cache.layers[-1], _Past):
        raise ValueError("the tokens in the cache were seen without the adapter's taps")
    return cache.layers[-1]


class SoloConnection(nn.Module):
    """The adapter's tensors, and the hooks that add its deltas to the block outputs."""

    def __init__(self, config, base):
        super().__init__()
        self.config, self.width, self.n_layer = config, base.n_embd, base.n_layer
        self.pairs = config.link_list(base.n_layer)
        self.enabled = True
        self.tau = 1.0  # multiplies every gate in training; see set_step
        self.outputs = {}  # in a forward pass: the block outputs that later links read
        self.handles = []
        self.mask = self.cache = self.past = None  # of the pass that runs, for taps
        self.seen = {}
        self.links = nn.ModuleDict({f"{j}-{t}": self._new_link() for j, t in self.pairs})
        if config.gate != "none" and config.gate_scope == "global":
            self.gate = nn.Parameter(torch.full((1,), float(config.gate_init)))
        keys = ["0"] if config.share == "all" else list(self.links)
        self.maps = nn.ModuleDict({key: self._new_map() for key in keys} if config.has_up else {})

    def _new_link(self):
        c, link = self.config, nn.Module()
        if c.has_e:
            link.e = nn.Parameter(torch.ones(c.r))
        if c.has_taps:
            link.taps = nn.Parameter(torch.zeros(c.taps - 1, c.r))
        if c.has_v:
            starts_at_zero = c.init == "paper" or c.map == "diagonal"
            link.v = nn.Parameter(torch.zeros(self.width) if starts_at_zero else torch.ones(self.width))
        if c.gate != "none" and c.gate_scope == "link":
            link.gate = nn.Parameter(torch.full((1,), float(c.gate_init)))
        return link

    def _new_map(self):
        c, parts = self.config, nn.ModuleDict()
        if c.map == "low_rank":
            parts["down"] = nn.Linear(self.width, c.r, bias=c.bias)
        parts["up"] = nn.Linear(c.r if c.map == "low_rank" else self.width, self.width, bias=c.bias)
        for name, linear in parts.items():
            for p in linear.parameters():
                bound = 1 / math.sqrt(linear.in_features)
                nn.init.uniform_(p, -bound, bound)
                if c.init == "identity" and (name == "up" or p is linear.bias):
                    nn.init.zeros_(p)
                p.requires_grad = c.factors == "trained" or c.factors == "down_frozen" and name == "up"
        return parts

    def delta(self, src, dst, h):
        """What the link adds to h_dst; h is h_src."""
        c, link = self.config, self.links[f"{src}-{dst}"]
        if c.norm == "layer_norm":
            h = F.layer_norm(h, (self.width,), eps=EPS)
        elif c.norm == "rms_norm":
            h = h * torch.rsqrt(h.square().mean(-1, keepdim=True) + EPS)
        h = F.dropout(h, c.dropout, self.training)
        if c.has_up:
            parts = self.maps["0" if c.share == "all" else f"{src}-{dst}"]
            if c.map == "low_rank":
                z = parts["down"](h)
                h = link.e * z if c.has_e else z
                if c.has_taps:
                    h = h + self._taps(f"{src}-{dst}", link, z)
            if c.activation == "gelu_new":
                h = F.gelu(h, approximate="tanh")
            h = parts["up"](h)
        if c.has_v:
            h = link.v * h
        if c.gate != "none":
            h = gate_value(c.gate, self.gate if c.gate_scope == "global" else link.gate) * h
        return c.scale * (self.tau if self.training else 1.0) * h

    def _taps(self, key, link, z):
        """sum_i e_i * z of the token i places before, i = 1 ...: of this pass, or what a cache knows of earlier ones."""
        if self.mask is not None:
            z = z * self.mask[:, -z.shape[1]:, None]  # nothing comes before a sequence's first token but padding
        count = len(link.taps)
        before = z.new_zeros(z.shape[0], count, z.shape[2]) if self.past is None else self.past.of(key, z)
        z = torch.cat([before, z], 1)
        self.seen[key] = z[:, -count:]
        return sum(tap * z[:, count - i:z.shape[1] - i] for i, tap in enumerate(link.taps, 1))

    def attach(self, transformer):
        blocks = transformer.h
        self.handles = [transformer.register_forward_pre_hook(self._begin, with_kwargs=True),
                        blocks[0].register_forward_pre_hook(self._enter, with_kwargs=True)]
        for number, block in enumerate(blocks, 1):
            self.handles.append(block.register_forward_hook(functools.partial(self._correct, number)))

    def detach(self):
        for handle in self.handles:
            handle.remove()

    def _begin(self, _transformer, args, kwargs):
        """The transformer's hook: what taps have to know of this pass."""
        if not self.config.has_taps or not self.enabled:
            return
        mask = args[2] if len(args) > 2 else kwargs.get("attention_mask")
        if mask is not None and mask.dim() != 2:
            raise ValueError(f"attention_mask: with taps expected (batch, tokens), found {tuple(mask.shape)}")
        self.mask = None if mask is None or bool(mask.all()) else mask

    def _enter(self, block, args, kwargs):
        if self.training and getattr(block, "gradient_checkpointing", False):
            raise RuntimeError("a Solo adapter cannot be trained with gradient checkpointing")
        self.outputs = {0: args[0] if args else kwargs["hidden_states"]}
        if self.config.has_taps and self.enabled:
            self.cache, self.seen = args[1] if len(args) > 1 else kwargs.get("past_key_values"), {}
            self.past = _past_of(self.cache)

    def _correct(self, number, _block, _args, output):
        """The hook of block `number`: its output, corrected by the links that end there."""
        if not self.enabled:
            return None
        raw = output[0] if isinstance(output, tuple) else output
        h = raw
        for src, dst in self.pairs:
            if dst == number:
                h = h + self.delta(src, dst, raw if src == dst else self.outputs[src])
        self.outputs[number] = raw if self.config.source == "raw" else h
        for src in [s for s in self.outputs if not any(j == s and t > number for j, t in self.pairs)]:
            del self.outputs[src]  # no later link reads it
        if number == self.n_layer and self.config.has_taps and self.cache is not None:
            if not isinstance(self.cache.layers[-1], _Past):
                self.cache.layers.append(_Past())
            self.cache.layers[-1].keep(self.seen)
        return (h, *output[1:]) if isinstance(output, tuple) else h

    @contextlib.contextmanager
    def disabled(self):
        before, self.enabled = self.enabled, False
        try:
            yield
        finally:
            self.enabled = before

    def set_step(self, step):
        """Call before optimizer step 1, 2, ...: how far the gate schedule has come."""
        if self.config.gate_schedule == "none":
            return
        x = min(1.0, step / self.config.gate_schedule["steps"])
        self.tau = x if self.config.gate_schedule["kind"] == "linear" else (1 - math.cos(math.pi * x)) / 2


def read_tensors(path, expected):
    """The tensors of an adapter file, which must be exactly the expected ones: {name in the module: tensor}."""
    try:
        found = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path}: {error}") from None
    names = {PREFIX + name for name in expected}
    for what, wrong in (("missing", names - set(found)), ("unexpected", set(found) - names)):
        if wrong:
            raise ValueError(f"{path}: {what} tensors: {', '.join(sorted(wrong))}")
    for name, value in expected.items():
        tensor = found[PREFIX + name]
        if tensor.shape != value.shape:
            raise ValueError(f"{path}: {PREFIX + name}: expected shape {tuple(value.shape)}, "
                             f"found {tuple(tensor.shape)}")
        if not tensor.isfinite().all():
            raise ValueError(f"{path}: {PREFIX + name}: not all numbers are finite")
    return {name: found[PREFIX + name] for name in expected}


def _plug(model, solo):
    if hasattr(model.transformer, "solo"):
        raise ValueError("the model has a Solo adapter already; remove() it first")
    model.requires_grad_(False)  # the base is frozen from here on
    model.transformer.solo = solo.to(model.device, model.dtype)
    solo.attach(model.transformer)
    return model


def add(model, **fields):
    """Puts a new adapter with these fields of SoloConfig on the model, which begins as the C++ library's do (init
    identity, gate_init 1) unless they say otherwise; dropout and gate schedule act while
    model.transformer.solo.training."""
    return _plug(model, SoloConnection(SoloConfig(**{"init": "identity", "gate_init": 1.0, **fields}), model.config))


def load(base, folder, **options):
    """The model with the adapter of a folder, in evaluation mode. base: a GPT2LMHeadModel, or what its
    from_pretrained takes, with `options`. Nothing has changed when it raises an error."""
    model = base if isinstance(base, nn.Module) else GPT2LMHeadModel.from_pretrained(base, **options)
    solo = SoloConnection(SoloConfig.from_file(os.path.join(folder, CONFIG_FILE)), model.config)
    solo.load_state_dict(read_tensors(os.path.join(folder, TENSOR_FILE), solo.state_dict()))
    return _plug(model, solo).eval()


def remove(model):
    """Takes the adapter off the model; the base stays frozen."""
    model.transformer.solo.detach()
    del model.transformer.solo
    return model


def save(model, folder):
    """Writes the adapter's folder, in float32, as the C++ library reads it. Each file is replaced at once."""
    solo, base = model.transformer.solo, model.config._name_or_path
    tensors = {PREFIX + name: value.float().contiguous().cpu() for name, value in solo.state_dict().items()}
    config = dataclasses.asdict(solo.config)
    if solo.config.taps == 1:
        del config["taps"]  # the published form, which older versions read
    config.update(peft_type="SOLO", task_type="CAUSAL_LM", base_model_name_or_path=base or None)
    os.makedirs(folder, exist_ok=True)
    files = [os.path.join(folder, name) for name in (TENSOR_FILE, CONFIG_FILE)]
    save_file(tensors, files[0] + ".tmp", metadata={"format": "pt"})
    with open(files[1] + ".tmp", "w", encoding="utf-8") as file:
        json.dump(config, file, indent=2, sort_keys=True)
    for path in files:
        os.replace(path + ".tmp", path)


def training_args(folder):
    """How training made texts into ids: what the tensors say, or an older folder's training_args.json; or {}."""
    with safe_open(os.path.join(folder, "adapter_model.safetensors"), framework="pt") as file:
        said = file.metadata() or {}
    if "solo_separator" in said:
        return {
            "separator": said["solo_separator"],
            "eos_token_id": int(said["solo_eos_token_id"]) if "solo_eos_token_id" in said else None,
            "special_tokens": said.get("solo_special_tokens") != "false",
        }
    path = os.path.join(folder, "training_args.json")
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def end_tokens(model, tokenizer, trained):
    """(the token that training writes behind a text and as separator, those that generation waits for)."""
    stop = model.generation_config.eos_token_id
    stop = list(stop) if isinstance(stop, (list, tuple)) else [] if stop is None else [stop]
    written = trained.get("eos_token_id")
    if written is not None:
        return written, stop if written in stop else [written] + stop
    own = tokenizer.eos_token_id
    return own if own is not None else stop[0] if stop else None, stop


def prompt_ids(prompt, tokenizer, trained, separator, written):
    """The prompt's ids as training had them; separator: "eos" or "none"."""
    letters = trained.get("special_tokens", True) is False
    around, bare = (tokenizer("a", add_special_tokens=added)["input_ids"] for added in (True, False))
    before = next(i for i in range(len(around)) if around[i:i + len(bare)] == bare)  # nothing behind a prompt
    ids = around[:before] + tokenizer(prompt, add_special_tokens=False, split_special_tokens=letters)["input_ids"]
    if separator == "eos":
        if written is None:
            raise ValueError("--separator eos: neither the tokenizer nor the model names an end token")
        ids.append(written)
    return ids


def main():
    parser = argparse.ArgumentParser(description="Continues a prompt with a GPT-2 and a Solo adapter.")
    parser.add_argument("--model", required=True, help="Hugging Face folder or name, tokenizer included")
    parser.add_argument("--adapter", required=True, help="folder of the adapter")
    parser.add_argument("--prompt", required=True)
    parser.add_argument("--max-new-tokens", type=int, default=64)
    parser.add_argument("--num-beams", type=int, default=1)
    parser.add_argument("--separator", choices=["eos", "none"], help="what follows the prompt (as trained)")
    args = parser.parse_args()
    model = load(args.model, args.adapter)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    trained = training_args(args.adapter)
    written, stop = end_tokens(model, tokenizer, trained)
    ids = prompt_ids(args.prompt, tokenizer, trained, args.separator or trained.get("separator", "none"), written)
    if not 1 <= len(ids) <= model.config.n_positions:
        raise ValueError(f"the prompt has {len(ids)} tokens; expected 1 to {model.config.n_positions}")
    length = min(args.max_new_tokens, model.config.n_positions + 1 - len(ids))  # the last one is not fed in
    ids = torch.tensor([ids])
    out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=length, do_sample=False,
                         num_beams=args.num_beams, eos_token_id=stop or None, pad_token_id=stop[0] if stop else None)
    print(tokenizer.decode(out[0, ids.shape[1]:], skip_special_tokens=True))


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
