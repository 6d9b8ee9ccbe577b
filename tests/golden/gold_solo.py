# SPDX-License-Identifier: MIT
"""Solo adapters on tiny-gpt2 (n_embd 32, 4 blocks), computed and written by the oracle: every knob of solo.md."""
from gold_common import *

FIVE = [[0, 1], [0, 2], [1, 3], [2, 4], [3, 4]]
# A configuration must start at the identity and be alive, so knobs come with the `init` that allows them.
SOLO = {
    "stride-1": dict(r=4, stride=1),
    "stride-2": dict(r=6, stride=2),
    "stride-2-first-2": dict(r=4, stride=2, first=2),
    "last": dict(r=3, links="last"),
    "mirror": dict(r=5, links="mirror"),
    "self": dict(r=3, links="self", share="none"),
    "explicit": dict(r=4, links=FIVE),
    "explicit-unsorted-self": dict(r=4, links=[[4, 4], [2, 2], [0, 2], [1, 4], [0, 4], [1, 2]]),
    "self-raw": dict(r=4, links=[[1, 2], [2, 2], [2, 3], [3, 4]], source="raw"),
    "raw": dict(r=4, stride=1, source="raw"),
    "share-none": dict(r=3, stride=1, share="none"),
    "diagonal": dict(r=4, links=FIVE, map="diagonal", init="identity"),
    "diagonal-norm": dict(r=4, stride=1, map="diagonal", norm="layer_norm", gate="none"),
    "scalar": dict(r=4, links=FIVE, map="scalar", gate_init=0.0),
    "scalar-tanh-norm": dict(r=4, stride=1, map="scalar", gate="tanh", gate_init=0.0, norm="rms_norm"),
    "scalar-global": dict(r=4, stride=1, map="scalar", gate_scope="global", gate_init=0.0),
    "full": dict(r=4, stride=2, map="full"),
    "full-gelu-share-none": dict(r=4, stride=1, map="full", activation="gelu_new", share="none", init="identity",
                                 links=[[1, 3], [2, 4]]),
    "full-no-bias-norm": dict(r=4, links="mirror", map="full", bias=False, norm="layer_norm", use_v=False,
                              init="identity"),
    "factors-frozen": dict(r=5, stride=1, factors="frozen"),
    "factors-down-frozen": dict(r=5, stride=1, factors="down_frozen", init="identity"),
    "full-frozen": dict(r=4, stride=2, map="full", factors="frozen"),
    "no-e": dict(r=4, stride=1, use_e=False),
    "no-v": dict(r=4, stride=1, use_v=False, init="identity"),
    "no-bias": dict(r=4, stride=1, bias=False),
    "bare": dict(r=4, stride=1, bias=False, use_e=False, use_v=False, gate="none", init="identity"),
    "clamp": dict(r=4, links=FIVE, gate="clamp"),
    "sigmoid": dict(r=4, links=FIVE, gate="sigmoid"),
    "tanh": dict(r=4, links=FIVE, gate="tanh"),
    "gate-none": dict(r=4, stride=1, gate="none"),
    "gate-global": dict(r=4, stride=1, gate_scope="global"),
    "gate-global-sigmoid": dict(r=4, links="last", gate_scope="global", gate="sigmoid"),
    "clamp-global-boundary": dict(r=4, stride=1, gate_scope="global", gate="clamp"),
    "identity": dict(r=4, stride=1, init="identity", gate_init=1.0),
    "layer-norm": dict(r=4, stride=1, norm="layer_norm"),
    "rms-norm": dict(r=4, stride=1, norm="rms_norm"),
    "gelu": dict(r=4, stride=1, activation="gelu_new"),
    "scale": dict(r=4, stride=1, scale=-1.75),
    "everything": dict(r=5, links=FIVE, share="none", gate="tanh", norm="rms_norm", activation="gelu_new",
                       source="raw", scale=0.5),
    "training-only": dict(r=4, stride=2, dropout=0.3, gate_schedule={"kind": "cosine", "steps": 10}),
    "wide": dict(r=40, links="mirror"),
    "sparse-config": dict(r=4, stride=1),
    "taps": dict(r=4, stride=2, taps=2),
    "taps-many": dict(r=3, links=[[0, 1], [4, 4], [1, 3]], taps=6, activation="gelu_new"),
    "taps-no-e": dict(r=4, stride=1, first=1, share="none", taps=3, use_e=False, source="raw", norm="layer_norm"),
}
GATES = [0.5, 1.0, 1.7, 0.0, -0.4]  # of clamp: inside, on both bounds, outside on both sides


def randomise(solo, seed, boundary):
    """Every tensor away from its start, frozen ones too."""
    g = generator(seed)
    with torch.no_grad():
        for name, p in solo.named_parameters():
            noise = torch.randn(p.shape, generator=g)
            if name.endswith("gate"):
                p.copy_(0.6 + 0.4 * noise)
            elif name.endswith(".e"):
                p.copy_(1 + 0.4 * noise)
            elif name.endswith(".v"):
                p.copy_(0.5 + 0.5 * noise)
            else:
                p.copy_(0.2 * noise)
        if solo.cfg["gate"] == "clamp":
            gates = [p for name, p in solo.named_parameters() if name.endswith("gate")]
            for p, value in zip(gates, boundary):
                p.fill_(value)


def clamp_with_boundary(g):
    """clamp(g, 0, 1) whose gradient passes on the boundary too, as the method's page says; torch 2.15's is 0 there."""
    return torch.where((g >= 0) & (g <= 1), g, g.clamp(0, 1).detach())


def with_taps(plain):
    """The oracle's adapter with links that see the tokens before: sum_i e_i * down(h[p - i]) in place of
    e * down(h[p]), e_0 = e."""

    class Down(torch.nn.Module):
        """down, and what follows it up to the multiplication with e."""

        def __init__(self, down, e, taps):
            super().__init__()
            self.down, self.e, self.taps = down, e, taps

        def forward(self, x):
            z = self.down(x)
            total = z if self.e is None else self.e * z
            for i, tap in enumerate(self.taps, 1):
                total = total + tap * torch.nn.functional.pad(z, (0, 0, i, 0))[..., :z.shape[-2], :]
            return total

    class Solo(plain):
        def __init__(self, cfg, d, n_layer, generator=None):
            super().__init__(cfg, d, n_layer, generator)
            if self.cfg.get("taps", 1) > 1:
                for link in self.links.values():
                    link.taps = torch.nn.Parameter(torch.zeros(self.cfg["taps"] - 1, self.cfg["r"]))

        def delta(self, j, t, h):
            link = self.links[f"{j}-{t}"]
            if not hasattr(link, "taps"):
                return super().delta(j, t, h)
            maps = self.maps["0" if self.cfg["share"] == "all" else f"{j}-{t}"]
            down, e = maps.down, link._parameters.pop("e", None)  # the tapped map multiplies by e itself
            maps.down = Down(down, e, link.taps)
            try:
                return super().delta(j, t, h)
            finally:
                maps.down = down
                if e is not None:
                    link.e = e

    return Solo


def make():
    oracle = reference()
    oracle.Solo = with_taps(oracle.Solo)
    plain_gate = oracle.gate_value
    oracle.gate_value = lambda kind, g: clamp_with_boundary(g) if kind == "clamp" else plain_gate(kind, g)
    fresh(ROOT / "solo")
    for n, (name, fields) in enumerate(SOLO.items()):
        base = load_base(ROOT / "tiny-gpt2", torch.float32)
        model = oracle.SoloGPT2(base, fields, generator(400 + n))
        randomise(model.solo, 400 + n, [1.0] if "boundary" in name else GATES)
        folder = ROOT / "solo" / name
        model.save(folder)
        if name == "sparse-config":  # every other field means its default
            write_json(folder / "adapter_config.json", {"peft_type": "SOLO", **fields})

        oracle.DEFAULTS["taps"] = 1  # a field to read; written where there are any
        model = oracle.SoloGPT2.load(ROOT / "tiny-gpt2", folder, torch.float64)
        del oracle.DEFAULTS["taps"]
        named = {oracle.SoloGPT2.PREFIX + k: p for k, p in model.solo.named_parameters() if p.requires_grad}
        trainable = sum(p.numel() for p in named.values())
        total = sum(p.numel() for p in model.base.parameters()) + sum(p.numel() for p in model.solo.parameters())
        case = {"kind": "solo", "name": name, "model": "tiny-gpt2", "adapter": f"solo/{name}", "trainable": trainable,
                "total": total}
        tensors = {}
        sequences(model, case, tensors, [random_ids(generator(13), 12, 512)], rows=[[11]])
        losses(model, case, tensors, random_examples(14, (9, 1, 13, 4), 512), named, smoothings=(0.0,))
        write_case(case, tensors)
