#!/usr/bin/env python3
"""What the executor adds to a stage: each call of a job whose scripts do nothing, beside the same script run by bash alone.

    SCANGATE=build/release/bin/scangate tests/bench/stage.py [--runs 15]

Prints a table of milliseconds (median, lowest, highest) for docs/benchmarks.md. Root is needed.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
os.environ["SCANGATE"] = str(pathlib.Path(os.environ.get("SCANGATE", SOURCE / "build/release/bin/scangate")).resolve())
os.environ["SCANGATE_SOURCE"] = str(SOURCE)
sys.path.insert(0, str(SOURCE / "tests/e2e"))
from executor_test import Job  # noqa: E402
from support import Case  # noqa: E402


class Bench(Case):
    def runTest(self):
        pass


def measure(runs, call):
    times = []
    for _ in range(runs + 1):
        started = time.monotonic()
        call()
        times.append((time.monotonic() - started) * 1000)
    return times[1:]  # the first fills caches


def row(what, times):
    return f"| {what} | {statistics.median(times):.0f} | {min(times):.0f} | {max(times):.0f} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    bench = Bench()
    Bench.setUpClass()
    bench.setUp()
    try:
        tools = Job(bench, ["true"])
        tools.config()
        script = tools.script_file("bare", ["true"])
        rows = [row("the script in bash alone", measure(runs, lambda: subprocess.run(["bash", script], check=True, stdout=subprocess.DEVNULL)))]
        rows.append(row("config", measure(runs, tools.config)))
        rows.append(row("prepare, tool image", measure(runs, tools.prepare)))
        rows.append(row("helper stage", measure(runs, lambda: tools.stage("prepare_script", ["true"]))))
        rows.append(row("build_script, tool image", measure(runs, lambda: tools.stage("build_script", ["true"]))))
        tools.cleanup()
        print(f"{os.cpu_count()} cores, median, lowest and highest of {runs} runs, milliseconds\n\n| call | median | lowest | highest |\n|---|---|---|---|")
        print("\n".join(rows))
    finally:
        bench.doCleanups()


if __name__ == "__main__":
    main()
