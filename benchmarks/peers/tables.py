# SPDX-License-Identifier: MIT
"""Markdown tables, made of the results alone and put between the markers of the pages."""
import json
import statistics

import growth
import step_profile
from harness import Failed, percent
from rows import ROWS

RESULTS = "benchmarks/results/peers.json"
UNITS = {"rate": "examples/s", "last_epoch_rate": "examples/s, last epoch", "seconds": "s",
         "first_logits_seconds": "s, first logits"}


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def measured(results, row):
    case = results.get(row.case)
    return row.measure(case["rounds"]) if case else None


def goals(results):
    """Every goal, and how far it is reached."""
    rows = []
    for row in ROWS:
        m = measured(results, row)
        rows.append([row.work, m.ours, m.peer, m.result, row.goal, "yes" if m.reached else "**no**", m.memory or "–"]
                    if m else [row.work, "not measured", "–", "–", row.goal, "–", "–"])
    return table(["work", "solo", "peer", "result", "goal", "reached", "peak memory, solo / peer"], rows)


def main_table(results):
    """The README's: what was measured, without goals."""
    rows = []
    for row in ROWS:
        m = measured(results, row)
        if m:
            rows.append([row.work, m.ours, m.peer, m.result, m.memory or "–"])
    return table(["work", "solo", "peer", "result", "peak memory, solo / peer"], rows)


def runs(results):
    """Every run: median, lowest and highest of the rounds, and the largest size."""
    rows = []
    for name, case in results.items():
        for run in case["rounds"][0]:
            of_run = [r[run] for r in case["rounds"]]
            size = f"{max(r['rss'] for r in of_run) / 1e6:.0f}" if "rss" in of_run[0] else "–"
            for key, unit, scale in figures(of_run[0]):
                values = [statistics.median(r[key]) if isinstance(r[key], list) else r[key] for r in of_run]
                low, mid, high = (f"{v / scale:.4g}" for v in (min(values), statistics.median(values), max(values)))
                rows.append([name, run, unit, mid, f"{low} – {high}", str(len(values)), size])
    return table(["case", "run", "unit", "median", "lowest – highest", "rounds", "peak memory MB"], rows)


def figures(result):
    """(key, unit, scale) of what a run's result has to show."""
    for key, value in result.items():
        if key in UNITS and value is not None:
            yield key, UNITS[key], 1
        elif key.startswith("memory_read"):
            yield key, f"GB/s, {key}", 1e9
        elif key.startswith(("float32 ", "bfloat16 ", "peak_")):
            yield key, f"GFLOP/s, {key}", 1e9


def conditions(results):
    """Machine, versions, date and command: a paragraph for each set of cases that share them."""
    groups = {}
    for name, case in results.items():
        m = case["machine"]
        text = (f"{m['processor']} (family/model {m['family_model']}), {m['cores']} cores, {m['memory_gib']} GiB, "
                f"{m['system']}; {case['date']}; {case['threads']} threads where the row names no number; "
                f"{disturbance(case)}; "
                + ", ".join(f"{k} {v}" for k, v in case["versions"].items()))
        groups.setdefault(text, []).append(name)
    return [line for text, names in groups.items()
            for line in (f"{text}. Cases: {', '.join(names)}.", "")][:-1] or ["Not measured yet."]


def disturbance(stamp):
    d = stamp["disturbed"]
    return f"others took {percent(d['others'] + d['stolen'])} of the processor meanwhile"


def stamped(stamp):
    """Where and how the lines above were measured."""
    m = stamp["machine"]
    return ["", f"{m['processor']}, {m['cores']} cores, {m['memory_gib']} GiB; {stamp['date']}; `{stamp['command']}`; "
                f"{disturbance(stamp)}."]


def read(root, name):
    """Results, or None where nothing has been measured yet."""
    path = root / name
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def sections(root):
    """{page: {marker: lines}}."""
    results = read(root, RESULTS) or {}
    grown, steps = read(root, growth.RESULTS), read(root, step_profile.RESULTS)
    nothing = ["Not measured yet."]
    return {
        "README.md": {"main": main_table(results) + [""] + conditions(results)},
        "docs/performance.md": {"goals": goals(results), "conditions": conditions(results), "runs": runs(results),
                                "profile": step_profile.summary(steps, table) + stamped(steps) if steps else nothing,
                                "growth": growth.summary(grown, table) + stamped(grown) if grown else nothing},
    }


def filled(text, page, parts):
    """The page with each part between its markers."""
    for name, lines in parts.items():
        begin, end = (f"<!-- benchmarks/peers: {edge} {name} -->" for edge in ("begin", "end"))
        if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
            raise Failed(f"{page}: expected the lines {begin} and {end}, once each")
        head, rest = text.split(begin)
        tail = rest.split(end)[1]
        text = f"{head}{begin}\n" + "\n".join(lines) + f"\n{end}{tail}"
    return text


def write(root):
    for page, parts in sections(root).items():
        path = root / page
        path.write_text(filled(path.read_text(encoding="utf-8"), page, parts), encoding="utf-8")


def check(root):
    """Raises Failed when a page's table is not what the results give."""
    for page, parts in sections(root).items():
        text = (root / page).read_text(encoding="utf-8")
        for name, lines in parts.items():
            if filled(text, page, {name: lines}) != text:
                raise Failed(f"{page}: the table '{name}' does not follow from the results; "
                             "benchmarks/peers/run.py --tables writes it anew")
