# SPDX-License-Identifier: MIT
"""Continuations by transformers' generate in every deterministic mode, and the probabilities that sampling draws from.

transformers computes scores in float32 whatever the model's type. A case is kept only if the float64 model, the float32
model and models whose weights are off by a millionth all give the same ids: then rounding cannot change them.
"""
import copy

from transformers import GenerationConfig, GPT2Tokenizer

from gold_common import *

NOISES = 3
POSITIONS = 64


def perturbed(model, seed):
    g, other = generator(seed), copy.deepcopy(model)
    with torch.no_grad():
        for p in other.parameters():
            p.mul_(1 + 1e-6 * torch.randn(p.shape, generator=g, dtype=p.dtype))
    return other


def models():
    base = load_base(ROOT / "tiny-gpt2", torch.float64)
    out = [base, load_base(ROOT / "tiny-gpt2", torch.float32)] + [perturbed(base, 900 + i) for i in range(NOISES)]
    for model in out:  # nothing but what a run asks for
        model.generation_config = GenerationConfig(pad_token_id=0)
        model.config.eos_token_id = model.config.bos_token_id = None
    return out


def config(options):
    fields = {k: v for k, v in options.items() if k != "max_new_tokens"}
    fields["eos_token_id"] = fields.pop("eos_token_ids", None) or None
    return GenerationConfig(pad_token_id=0, **fields)


def new_ids(row, options):
    """The new ids up to the first eos: what follows is padding."""
    ends = [i for i, token in enumerate(row) if token in options.get("eos_token_ids", [])]
    return row[:ends[0] + 1] if ends else row


def run(model, prompt, options, **more):
    ids, settings = torch.tensor([prompt]), config(options)
    # One token may lie beyond the positions: it is never run.
    settings.max_new_tokens = min(options["max_new_tokens"], POSITIONS + 1 - len(prompt))
    out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=settings, **more)
    return [new_ids(row[len(prompt):].tolist(), options) for row in out]


class Runs:
    def __init__(self):
        self.models, self.runs, self.seed, self.dropped = models(), [], 5000, 0
        self.tokenizer = GPT2Tokenizer.from_pretrained(ROOT / "text" / "tiny-bpe")

    def prompt(self, shortest, longest):
        self.seed += 1
        g = generator(self.seed)
        return random_ids(g, int(torch.randint(shortest, longest + 1, (1,), generator=g)), 511)

    def add(self, count, lengths=(1, 20), choose_end=None, **options):
        """`count` prompts that give the same ids in every model. `choose_end(free ids)` picks the end from a run without."""
        options = {"max_new_tokens": 20, **options}
        while count > 0:
            prompt, chosen = self.prompt(*lengths), dict(options)
            if choose_end:
                chosen.update(choose_end(run(self.models[0], prompt, options)[0]))
            more = {"tokenizer": self.tokenizer} if "stop_strings" in chosen else {}
            outputs = [run(model, prompt, chosen, **more) for model in self.models]
            if any(o != outputs[0] for o in outputs[1:]):
                self.dropped += 1
                continue
            self.runs.append({"prompt": prompt, "options": chosen, "output_ids": outputs[0]})
            count -= 1


def an_end(position):
    return lambda ids: {"eos_token_ids": [ids[position]]}


def two_ends(ids):
    return {"eos_token_ids": sorted({ids[3], ids[9]})}


def make_runs():
    r = Runs()

    def stop_string(ids):
        return {"stop_strings": [r.tokenizer.decode(ids[4:6]), "no such text"]}

    r.add(10, max_new_tokens=32)
    r.add(4, choose_end=an_end(6))
    r.add(6, repetition_penalty=1.3)
    r.add(4, repetition_penalty=0.8)
    r.add(6, no_repeat_ngram_size=2)
    r.add(3, no_repeat_ngram_size=1)
    r.add(6, repetition_penalty=1.2, no_repeat_ngram_size=3)
    r.add(4, lengths=(50, 64), max_new_tokens=40)
    for beams in (2, 4, 10):
        r.add(3, num_beams=beams)
        for penalty in (1.0, 0.0, -1.0, 0.7, 2.5):
            r.add(2, choose_end=an_end(5), num_beams=beams, length_penalty=penalty)
        r.add(2, choose_end=two_ends, num_beams=beams)
        r.add(2, choose_end=an_end(4), num_beams=beams, num_return_sequences=beams)
        r.add(2, num_beams=beams, repetition_penalty=1.4, no_repeat_ngram_size=2)
        r.add(2, choose_end=an_end(7), num_beams=beams, no_repeat_ngram_size=4, length_penalty=0.8)
        r.add(2, lengths=(50, 64), choose_end=lambda ids: {"eos_token_ids": [ids[0]]}, max_new_tokens=40, num_beams=beams)
    r.add(2, num_beams=4, num_return_sequences=2, max_new_tokens=1)
    r.add(3, choose_end=stop_string)
    r.add(3, choose_end=stop_string, num_beams=4)
    print(f"  {len(r.runs)} runs kept, {r.dropped} dropped", flush=True)
    write_case({"kind": "decode", "name": "tiny-gpt2", "model": "tiny-gpt2", "runs": r.runs})


def first_scores(model, prompt, options):
    """What the first token is drawn from: softmax of the scores after every processor and warper."""
    ids, settings = torch.tensor([prompt]), config(options)
    settings.max_new_tokens, settings.do_sample = 1, True
    torch.manual_seed(0)
    out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=settings,
                         output_scores=True, return_dict_in_generate=True)
    return out.scores[0][0].double().softmax(0)


def make_warped():
    prepared, out, g = models(), [], generator(6000)
    for options in ({}, {"top_k": 3}, {"top_k": 1}, {"temperature": 0.5, "top_k": 5}, {"temperature": 2.0, "top_k": 40},
                    {"top_k": 0, "top_p": 0.3}, {"top_p": 0.9}, {"top_k": 0, "top_p": 0.01}, {"top_k": 0, "min_p": 0.05},
                    {"min_p": 0.3, "temperature": 1.5}, {"top_k": 20, "top_p": 0.8, "min_p": 0.1, "temperature": 0.8},
                    {"repetition_penalty": 2.0, "top_k": 10}, {"no_repeat_ngram_size": 2, "top_k": 4, "temperature": 0.7},
                    {"num_beams": 3, "top_k": 1}, {"num_beams": 3, "top_k": 0, "top_p": 0.01},
                    {"num_beams": 3, "top_k": 0, "min_p": 1.0}, {"num_beams": 2, "eos_token_ids": [7, 9], "top_k": 1},
                    {"typical_p": 0.3}, {"top_k": 0, "typical_p": 0.9, "temperature": 0.7}, {"num_beams": 3, "typical_p": 0.05},
                    {"epsilon_cutoff": 0.02}, {"num_beams": 3, "top_k": 0, "epsilon_cutoff": 0.9}, {"top_k": 0, "eta_cutoff": 0.01},
                    {"eta_cutoff": 0.3, "temperature": 2.0}, {"top_k": 0, "top_h": 0.4}, {"top_h": 0.8, "temperature": 0.6}):
        while True:
            prompt = random_ids(g, 8, 511)
            rows = [first_scores(model, prompt, options) for model in prepared]
            kept = [row.nonzero().flatten().tolist() for row in rows]
            if all(k == kept[0] for k in kept):
                break
        out.append({"prompt": prompt, "options": options, "tokens": kept[0],
                    "probabilities": [round(float(rows[0][t]), 9) for t in kept[0]]})
    write_case({"kind": "warped", "name": "tiny-gpt2", "model": "tiny-gpt2", "runs": out})


def make_settings():
    """Continuations where generation_config.json says everything."""
    prepared, runs, g = models(), [], generator(7000)

    def all_of(prompt, fields):
        ids, out = torch.tensor([prompt]), []
        for model in prepared:
            model.generation_config = GenerationConfig(pad_token_id=0, **fields)
            rows = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids))
            ends = {"eos_token_ids": fields.get("eos_token_id", [])}
            out.append([new_ids(row[len(prompt):].tolist(), ends) for row in rows])
        return out

    def add(prompt, fields):
        outputs = all_of(prompt, fields)
        if all(o == outputs[0] for o in outputs):
            runs.append({"prompt": prompt, "config": fields, "output_ids": outputs[0]})

    for length in (1, 4, 7):
        prompt = random_ids(g, length, 511)
        free = all_of(prompt, {"max_new_tokens": 12})[0][0]
        end = [free[2]]
        for beams in ({}, {"num_beams": 3}):
            for fields in (
                    {"min_new_tokens": 5}, {"min_length": length + 7}, {"min_length": length + 7, "min_new_tokens": 3},
                    {"bad_words_ids": [[free[0]], [free[1], free[2]], end]},
                    {"bad_words_ids": [[prompt[-1], free[0]], [3, 4, 5]]},
                    {"suppress_tokens": [free[0], free[1], 9999, -1]}, {"begin_suppress_tokens": [free[0]]},
                    {"begin_suppress_tokens": [free[1]], "forced_bos_token_id": 17},
                    {"forced_eos_token_id": 7, "min_new_tokens": 12},
                    {"exponential_decay_length_penalty": [2, 1.5], "min_new_tokens": 2},
                    {"sequence_bias": [[[free[0]], -3.0], [[free[0], free[1]], -2.5], [[100], 4.0], [[100, 101], 9.0]]},
                    {"renormalize_logits": True, "repetition_penalty": 1.6, "no_repeat_ngram_size": 2},
                    {"sequence_bias": [[[100], 1.5]], "repetition_penalty": 1.4, "suppress_tokens": [5]}):
                add(prompt, {"max_new_tokens": 12, "eos_token_id": end, **beams, **fields})
            add(prompt, {"max_length": length + 6, **beams})
        for early_stopping in (True, False, "never"):
            for penalty in (1.0, -1.0, 2.5, 0.0):
                add(prompt, {"max_new_tokens": 20, "num_beams": 4, "num_return_sequences": 2,
                             "eos_token_id": [free[2], free[5]], "early_stopping": early_stopping, "length_penalty": penalty})
    write_case({"kind": "settings", "name": "tiny-gpt2", "model": "tiny-gpt2", "runs": runs})


def make():
    make_runs()
    make_warped()
    make_settings()
