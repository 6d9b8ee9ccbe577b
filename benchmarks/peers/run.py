#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Solo beside its peers on the same work, in turn, in one run; fills the tables of README.md and docs/performance.md.

    benchmarks/peers/run.py --setup VENV                    makes a virtual environment with the peers, pinned
    benchmarks/peers/run.py --python VENV/bin/python        runs every case; --case NAME (repeatable) only some
    benchmarks/peers/run.py --python VENV/bin/python --growth    time and memory against size, and the plots
    benchmarks/peers/run.py --python VENV/bin/python --profile   where time and memory of our steps go, by perf
    benchmarks/peers/run.py --tables                        writes tables (and plots) anew from the results
    benchmarks/peers/run.py --check                         fails if a table does not follow from the results

Each round calls the runs of a case one after the other (A B A B …), each a process of its own; figures are
medians over the rounds, memory is the largest resident size of the process. What must be equal is compared, and a
case whose runs did not do the same work fails. Close everything else: the ratios stand, the rest depends on it.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import growth
import step_profile
import tables
from cases import CASES
from harness import HERE, Bench, Failed, Meter, in_turn, machine, percent

ROOT = HERE.parents[1]


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    does = p.add_mutually_exclusive_group()
    does.add_argument("--setup", type=Path, metavar="VENV", help="install the peers there, and stop")
    does.add_argument("--growth", action="store_true", help="the study of growth, instead of the cases")
    does.add_argument("--profile", action="store_true", help="where time and memory of our steps go, instead")
    does.add_argument("--tables", action="store_true", help="write tables and plots from the results, and stop")
    does.add_argument("--check", action="store_true", help="compare tables and results, and stop")
    p.add_argument("--case", action="append", choices=list(CASES), help="default: all of them")
    p.add_argument("--rounds", type=int, help="default: 3, of long and beam 2, of growth 1")
    p.add_argument("--threads", type=int, default=min(2, os.cpu_count()))
    p.add_argument("--python", default=sys.executable, help="a Python with the peers' packages")
    p.add_argument("--bin", type=Path, default=ROOT / "build/release/bin", help="our programs")
    p.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="folder with data/e2e and data/gpt2")
    p.add_argument("--work", type=Path, help="for models and other large files; default: a temporary folder")
    p.add_argument("--no-plots", action="store_true", help="--tables without the pictures (no gnuplot needed)")
    p.add_argument("--root", type=Path, default=ROOT, help="tree whose results and pages are read and written")
    a = p.parse_args()
    if a.rounds is not None and a.rounds < 1:
        p.error("--rounds: expected 1 or more")
    if a.case and (a.growth or a.profile):
        p.error("--case is not for --growth and --profile")
    return a


def setup(folder):
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", "-r", str(HERE / "requirements.txt")], check=True)
    print(f"ready: --python {folder / 'bin' / 'python'}")
    for package, there in (("libdnnl-dev", Path("/usr/include/dnnl.hpp").exists()),
                           ("gnuplot-nox", shutil.which("gnuplot")), ("linux-perf", shutil.which("perf"))):
        if not there:
            print(f"missing, for some of it: {package} (Debian)")


def say(text):
    print(text, file=sys.stderr, flush=True)


def stamp(bench, command, meter):
    """When, where, how and how undisturbed something was measured."""
    disturbed = meter.share()
    if sum(disturbed.values()) > 0.05:
        say(f"warning: others took {percent(sum(disturbed.values()))} of the processor: these figures mean little")
    return {"date": time.strftime("%Y-%m-%d"), "command": f"benchmarks/peers/run.py {command} --rounds {bench.rounds}",
            "threads": bench.threads, "machine": machine(), "disturbed": disturbed, "versions": bench.versions()}


def save(path, value):
    """In one go, so that a stop leaves the old file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def run_cases(a, bench):
    """The names of the cases that failed."""
    path = a.root / tables.RESULTS
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    failed = []
    for name in a.case or CASES:
        bench.rounds = a.rounds or (2 if name in ("long", "beam") else 3)
        say(f"== {name}: {CASES[name].__doc__}")
        begin, meter = time.monotonic(), Meter()
        try:
            rounds = in_turn(bench, CASES[name](bench), say)
        except (Failed, OSError, ValueError, KeyError) as error:
            say(f"error: {name}: {error!r}" if isinstance(error, KeyError) else f"error: {name}: {error}")
            failed.append(name)
            continue
        results[name] = {**stamp(bench, f"--case {name}", meter), "rounds": rounds}
        save(path, {n: results[n] for n in CASES if n in results})
        say(f"   {time.monotonic() - begin:.0f} s")
    return failed


def measure(a):
    with tempfile.TemporaryDirectory(prefix="solo-peers-", dir=a.work) as work:
        bench = Bench(bin=a.bin, shared=a.shared, python=a.python, work=Path(work), threads=a.threads, rounds=1)
        failed = []
        if a.growth:
            bench.rounds, meter = a.rounds or 1, Meter()
            points = growth.study(bench, say)
            save(a.root / growth.RESULTS, {**stamp(bench, "--growth", meter), "points": points})
            growth.plot(a.root)
        elif a.profile:
            meter = Meter()
            columns = step_profile.study(bench, say)
            save(a.root / step_profile.RESULTS, {**stamp(bench, "--profile", meter), "columns": columns})
        else:
            failed = run_cases(a, bench)
    tables.write(a.root)
    if failed:
        raise Failed(f"not measured: {', '.join(failed)}")


def main():
    a = arguments()
    try:
        if a.setup:
            setup(a.setup)
        elif a.check:
            tables.check(a.root)
        elif a.tables:
            tables.write(a.root)
            if not a.no_plots and (a.root / growth.RESULTS).exists():
                growth.plot(a.root)
        else:
            measure(a)
    except (Failed, OSError, ValueError, subprocess.CalledProcessError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
