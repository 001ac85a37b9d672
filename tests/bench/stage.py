#!/usr/bin/env python3
"""What the executor adds to a stage: each call of jobs whose scripts do nothing, beside the same script run by bash alone.

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
        script = None
        calls = {}
        for run in range(runs + 1):  # the first fills caches
            tools = Job(bench, ["true"])
            job = {
                "the script in bash alone": lambda: subprocess.run(["bash", script], check=True, stdout=subprocess.DEVNULL),
                "config": tools.config,
                "prepare, tool image": tools.prepare,
                "helper stage": lambda: tools.stage("prepare_script", ["true"]),
                "build_script, tool image": lambda: tools.stage("build_script", ["true"]),
                "cleanup": tools.cleanup,
            }
            script = tools.script_file("bare", ["true"])
            for what, call in job.items():
                started = time.monotonic()
                call()
                if run > 0:
                    calls.setdefault(what, []).append((time.monotonic() - started) * 1000)
        print(f"{os.cpu_count()} cores, median, lowest and highest of {runs} jobs, milliseconds\n\n| call | median | lowest | highest |\n|---|---|---|---|")
        print("\n".join(row(what, times) for what, times in calls.items()))
    finally:
        bench.doCleanups()


if __name__ == "__main__":
    main()
