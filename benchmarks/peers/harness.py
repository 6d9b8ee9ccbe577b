# SPDX-License-Identifier: MIT
"""Processes that are timed and weighed, what machine this is, and the files that the cases share."""
import csv
import json
import os
import random
import re
import statistics
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = ("torch", "transformers", "peft", "ctranslate2", "tokenizers", "safetensors", "numpy")


class Failed(Exception):
    """What stops a case, in one line."""


def run(command, threads):
    """(stdout, largest resident size in bytes) of a process."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads),
                   "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    command = [str(c) for c in command]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if child.returncode != 0:
            text = err.read().decode(errors="replace").strip().splitlines() or ["(nothing on stderr)"]
            raise Failed(f"{' '.join(command[:3])} … ended with {child.returncode}: {text[-1][:500]}")
        return out.read().decode(), usage.ru_maxrss * 1024


def run_json(command, threads):
    """The last line of a process's stdout as JSON, with its largest resident size as `rss`."""
    text, rss = run(command, threads)
    return {**json.loads(text.strip().splitlines()[-1]), "rss": rss}


def first_match(pattern, text, otherwise):
    found = re.search(pattern, text, re.MULTILINE)
    return found.group(1).strip() if found else otherwise


def machine():
    cpu = Path("/proc/cpuinfo").read_text()
    memory = int(first_match(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text(), "0"))
    family, model = (first_match(rf"^{key}\s*: (\d+)$", cpu, "?") for key in ("cpu family", "model"))
    return {"processor": first_match(r"^model name\s*: (.*)$", cpu, os.uname().machine),
            "family_model": f"{family}/{model}", "cores": os.cpu_count(),
            "memory_gib": round(memory / 2**20, 1),
            "system": first_match(r'^PRETTY_NAME="(.*)"$', Path("/etc/os-release").read_text(), os.uname().sysname)}


class Meter:
    """How much of the processor others took since it was made: what disturbs a measurement."""

    def __init__(self):
        self.start = self.now()

    @staticmethod
    def now():
        ticks = [int(n) for n in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        user, nice, system, idle, wait, interrupt, soft, stolen = ticks
        mine = os.times()
        scale = os.sysconf("SC_CLK_TCK")
        return {"all": sum(ticks) / scale, "busy": (user + nice + system + interrupt + soft) / scale,
                "stolen": stolen / scale, "mine": sum(mine[:4])}

    def share(self):
        """Of all processor time: other processes, and other machines on the same hardware."""
        gone = {k: v - self.start[k] for k, v in self.now().items()}
        return {"others": max(0.0, gone["busy"] - gone["mine"]) / gone["all"], "stolen": gone["stolen"] / gone["all"]}


@dataclass
class Bench:
    """Where things are, and what a case needs from there."""
    bin: Path
    shared: Path
    python: str
    work: Path
    threads: int
    rounds: int
    models: dict = field(default_factory=dict)

    def program(self, name):
        path = self.bin / name
        if not path.is_file():
            raise Failed(f"{path}: no such program; build it first")
        return path

    def worker(self, name, *arguments, threads=None):
        """A peer's process: workers/NAME.py, run by the Python that has the packages."""
        threads = threads or self.threads
        return run_json([self.python, HERE / "workers" / f"{name}.py", "--threads", threads, *arguments], threads)

    def data(self, *parts):
        path = self.shared.joinpath("data", *parts)
        if not path.is_file():
            raise Failed(f"--shared: no {path}")
        return path

    def model(self, size="gpt2"):
        """A folder of random weights with GPT-2's tokenizer files, made once."""
        if size not in self.models:
            folder = self.work / size
            run([self.program("benchmark_make_model"), size, 0, folder], self.threads)
            for name in ("vocab.json", "merges.txt"):
                (folder / name).write_bytes(self.data("gpt2", name).read_bytes())
            self.models[size] = folder
        return self.models[size]

    def drop_model(self, size):
        folder = self.models.pop(size, None)
        for path in folder.iterdir() if folder else ():
            path.unlink()

    def e2e_rows(self, name, pick):
        """A CSV file of rows of E2E's development set; `pick` gets all of them."""
        path = self.work / name
        with open(self.data("e2e", "devset.csv"), encoding="utf-8", newline="") as f:
            rows = pick(list(csv.DictReader(f)))
        with open(path, "w", encoding="utf-8", newline="") as f:
            writer = csv.DictWriter(f, ["mr", "ref"])
            writer.writeheader()
            writer.writerows(rows)
        return path

    def id_rows(self, name, count, length):
        """JSON lines of pseudo-random ids, all of them scored."""
        draw = random.Random(1)
        path = self.work / name
        with open(path, "w", encoding="ascii") as f:
            for _ in range(count):
                f.write(json.dumps({"input_ids": [draw.randrange(50256) for _ in range(length)]}) + "\n")
        return path

    def prompts(self, count, length):
        draw = random.Random(2)
        path = self.work / f"prompts-{count}-{length}.json"
        path.write_text(json.dumps([[draw.randrange(50256) for _ in range(length)] for _ in range(count)]))
        return path

    def versions(self):
        return {k: v for k, v in self.worker("versions", *PACKAGES).items() if k != "rss"}


def percent(share):
    return f"{100 * share:.0f} %"


def in_turn(bench, runs, log):
    """The results of `runs` (name: function), each once a round, one after the other."""
    rounds = []
    for number in range(bench.rounds):
        rounds.append({})
        for name, function in runs.items():
            rounds[-1][name] = function()
            log(f"round {number + 1}: {name}: {brief(rounds[-1][name])}")
    return rounds


def brief(result):
    """The numbers of a result in one line; of a list its median."""
    numbers = {k: statistics.median(v) if isinstance(v, list) else v for k, v in result.items()}
    return ", ".join(f"{k} {v:.4g}" for k, v in numbers.items() if isinstance(v, (int, float)))


def middle(rounds, name, key):
    """The median over the rounds, where a list counts as its own median."""
    values = [r[name][key] for r in rounds]
    return statistics.median(statistics.median(v) if isinstance(v, list) else v for v in values)


def largest(rounds, name, key="rss"):
    return max(r[name][key] for r in rounds)


def require_near(what, a, b, tolerance):
    """The same work gives the same number."""
    gap = abs(a / b - 1)
    if not gap <= tolerance:
        raise Failed(f"{what} differ by {gap:.1e} ({a} and {b}; allowed {tolerance:.0e}): not the same work")
