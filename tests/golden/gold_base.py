# SPDX-License-Identifier: MIT
"""Base models: tiny-gpt2 and the variants of file layout and configuration."""
from gold_common import *

SMALL = dict(n_embd=16, n_layer=2, n_head=2, n_positions=24, vocab_size=64)


def tiny():
    model = random_model(1, n_embd=32, n_layer=4, n_head=4, n_positions=64, vocab_size=512)
    model.save_pretrained(fresh(ROOT / "tiny-gpt2"))
    return load_base(ROOT / "tiny-gpt2", torch.float64)


def make_tiny():
    model = tiny()
    case, tensors = {"kind": "base", "name": "tiny-gpt2", "model": "tiny-gpt2"}, {}
    g = generator(2)
    lengths = (1, 2, 7, 33, 64)
    sequences(model, case, tensors, [random_ids(g, n, 512) for n in lengths],
              rows=[None, None, [0, 3, 6], [0, 16, 31, 32], [0, 1, 31, 62, 63]])
    named = {k: v for k, v in model.named_parameters()}
    losses(model, case, tensors, random_examples(3, (1, 2, 9, 33, 64, 17), 512), named)
    write_case(case, tensors)


def finish_variant(name, model, keep):
    """Logits, losses and gradients in float64 of a variant that is already on disk."""
    case, tensors = {"kind": "base", "name": name, "model": f"variants/{name}"}, {}
    g = generator(5)
    sequences(model, case, tensors, [random_ids(g, n, 64) for n in (5, 24)], rows=[None, [0, 11, 23]])
    named = {k: v for k, v in model.named_parameters()}
    losses(model, case, tensors, random_examples(6, (7, 1, 24, 12), 64), named, gradients_for=(0.1,), keep=keep)
    write_case(case, tensors)


def save_state(folder, config, state):
    """A folder written by hand: any dtype and any names."""
    fresh(folder)
    config.save_pretrained(folder)
    save_file({k: v.contiguous() for k, v in state.items()}, folder / "model.safetensors", metadata={"format": "pt"})


def make_variants():
    fresh(ROOT / "variants")
    where = lambda name: ROOT / "variants" / name
    some = lambda name: name.startswith(("transformer.h.0.", "transformer.ln_f", "lm_head"))
    norms = lambda name: ".ln_" in name  # enough where only the file's layout is new

    # Options of config.json that change the mathematics.
    options = {
        "n-inner": dict(n_inner=40), "gelu": dict(activation_function="gelu"), "relu": dict(activation_function="relu"),
        "silu": dict(activation_function="silu"), "gelu-pytorch-tanh": dict(activation_function="gelu_pytorch_tanh"),
        "epsilon": dict(layer_norm_epsilon=0.03), "inverse-layer": dict(scale_attn_by_inverse_layer_idx=True),
        "inverse-layer-unscaled": dict(scale_attn_by_inverse_layer_idx=True, scale_attn_weights=False),
        "unscaled": dict(scale_attn_weights=False), "upcast": dict(reorder_and_upcast_attn=True),
    }
    for n, (name, fields) in enumerate(options.items()):
        model = random_model(100 + n, **{**SMALL, **fields})
        model.save_pretrained(fresh(where(name)))
        reference_model = load_base(where(name), torch.float64)
        for block in reference_model.transformer.h:  # the upcast goes to float32: not wanted in a float64 oracle
            block.attn.reorder_and_upcast_attn = False
        finish_variant(name, reference_model, some)

    # Layouts of the same numbers.
    model = random_model(200, **SMALL)
    prefix = "transformer."
    state = {k: v.detach() for k, v in model.named_parameters()}
    legacy = {k[len(prefix):]: v for k, v in state.items()}
    for i in range(SMALL["n_layer"]):
        legacy[f"h.{i}.attn.bias"] = torch.ones(24, 24, dtype=torch.uint8).tril()[None, None]
        legacy[f"h.{i}.attn.masked_bias"] = torch.tensor(-1e4)
    save_state(where("legacy-names"), model.config, legacy)
    finish_variant("legacy-names", model.double(), norms)

    model = random_model(201, **SMALL)
    model.save_pretrained(fresh(where("sharded")), max_shard_size="12KB")
    finish_variant("sharded", load_base(where("sharded"), torch.float64), norms)

    for name, dtype in (("float16", torch.float16), ("bfloat16", torch.bfloat16), ("float64", torch.float64)):
        model = random_model(202, **SMALL).double()
        if dtype == torch.float64:
            g = generator(203)
            with torch.no_grad():
                for p in model.parameters():  # digits that float32 cannot hold
                    p.add_(1e-9 * torch.randn(p.shape, generator=g, dtype=torch.float64))
        model.to(dtype)
        model.config.dtype = dtype
        save_state(where(name), model.config, {k: v.detach() for k, v in model.named_parameters()})
        finish_variant(name, model.double(), norms)

    model = random_model(204, **SMALL)
    state = {k: v.detach().bfloat16() if v.ndim == 2 else v.detach() for k, v in model.named_parameters()}
    save_state(where("mixed-dtypes"), model.config, state)
    with torch.no_grad():
        for k, p in model.named_parameters():
            p.copy_(state[k].float())
    finish_variant("mixed-dtypes", model.double(), norms)

    # A head of its own in a file whose config still says "tied": the file wins.
    model = random_model(205, **{**SMALL, "tie_word_embeddings": False})
    model.save_pretrained(fresh(where("untied")))
    config = json.loads((where("untied") / "config.json").read_text())
    config["tie_word_embeddings"] = True
    write_json(where("untied") / "config.json", config)
    finish_variant("untied", model.double(), lambda name: some(name) or "wte" in name)

    # The head present and equal to wte stays tied.
    model = random_model(206, **SMALL)
    state = {k: v.detach() for k, v in model.named_parameters()}
    state["lm_head.weight"] = state["transformer.wte.weight"].clone()
    save_state(where("tied-written"), model.config, state)
    finish_variant("tied-written", model.double(), lambda name: "wte" in name)


def make():
    make_tiny()
    make_variants()
