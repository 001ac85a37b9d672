"""Builds every case with scangate and with the builders that are here, and compares what came out.

    SCANGATE=build/dev/bin/scangate /usr/bin/python3 tests/conformance/conformance.py [--docker] [--buildkitd] [CASE…]

buildah takes part wherever it is installed. --docker starts a daemon and compares with its classic builder and its BuildKit, too; --buildkitd does so with
a current BuildKit (buildkitd and buildctl on PATH), which knows the whole language. --shard I/N takes every N-th case. Everything happens below one
temporary folder.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True
import bases  # noqa: E402
import case as cases  # noqa: E402
import compare  # noqa: E402
import peers  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent


class Suite:
    def __init__(self, folder, ours, others):
        self.folder, self.ours, self.others = folder, ours, others
        self.since = time.time() - 5

    def base_layers(self, case, image):
        return 0 if re.search(r"^FROM scratch", (case.folder / case.dockerfile).read_text().split("\nFROM")[-1], re.I | re.M) else 1

    def check_expectation(self, case, built):
        expect = case.expect
        if "error" in expect:
            if built.code == 0:
                return ["the build was to be refused, but was done"]
            said = built.said[built.said.find("scangate: "):]  # the log of steps before it is not compared
            return [] if said.strip() == expect["error"].strip() else [f"it said\n{said.strip()}\nexpected\n{expect['error'].strip()}"]
        if built.code != 0:
            return [f"exit {built.code}: {built.said.strip()[-600:]}"]
        found = compare.unexpected(built.image, self.base_layers(case, built.image), expect)
        if "warnings" in expect:
            said = [line.removeprefix("warning: ") for line in built.said.splitlines() if line.startswith("warning: ")]
            if said != expect["warnings"]:
                found.append(f"the warnings are {said}, expected {expect['warnings']}")
        return found

    def run(self, case):
        """[(builder, [differences])] of one case."""
        context = case.make_context(self.folder / "contexts" / case.name)
        built = self.ours.build(case, context)
        out = [("reference", self.check_expectation(case, built))]
        for other in self.others:
            if other.name in case.differs:
                continue
            theirs = other.build(case, context)
            if built.code != 0 or theirs.code != 0:
                same = (built.code == 0) == (theirs.code == 0)
                out.append((other.name, [] if same else [f"scangate {outcome(built)}, {other.name} {outcome(theirs)}"]))
                continue
            out.append((other.name, compare.differences(built.image, theirs.image, other.name, case.ignore, self.since)))
        shutil.rmtree(context)
        return out


def outcome(built):
    return "builds it" if built.code == 0 else "refuses it: " + built.said.strip()[-600:]


def guarded(suite, case):
    try:
        return suite.run(case)
    except Exception:  # a case that breaks the suite fails alone
        return [("suite", [traceback.format_exc().strip()])]


def work_folder():
    """Memory where there is some: builders sync what they write, and hundreds of small images wait for the disk alone."""
    memory = pathlib.Path("/dev/shm")
    if "TMPDIR" in os.environ or not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < 1 << 30:
        return None
    return memory


def open_builders(folder, options, archives):
    """scangate, the others, and the daemon when there is one."""
    ours = peers.Scangate(folder, pathlib.Path(os.environ["SCANGATE"]).resolve())
    others, daemon = [], None
    if peers.missing("buildah"):
        print("SKIPPED: buildah is not installed; nothing is compared with it")
    else:
        others.append(peers.Buildah(folder))
    if options.docker:
        if peers.missing("dockerd"):
            print("SKIPPED: dockerd is not installed; nothing is compared with docker")
        else:
            try:
                daemon = peers.Daemon(folder)
                daemon.load(archives)
                others += [peers.Docker(folder, daemon, False), peers.Docker(folder, daemon, True)]
            except RuntimeError as error:
                print(f"SKIPPED: {error}")
    if options.buildkitd:
        if peers.missing("buildkitd") or peers.missing("buildctl") or peers.missing("skopeo"):
            print("SKIPPED: buildkitd, buildctl or skopeo is not on PATH; nothing is compared with a current BuildKit")
        else:
            try:
                others.append(peers.CurrentBuildKit(folder))
            except RuntimeError as error:
                print(f"SKIPPED: {error}")
    if options.only:
        others = [each for each in others if each.name in options.only]
    return ours, others, daemon


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cases", nargs="*")
    parser.add_argument("--docker", action="store_true")
    parser.add_argument("--buildkitd", action="store_true")
    parser.add_argument("--only", action="append", help="compare with this builder only")
    parser.add_argument("--shard", default="0/1")
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("SKIPPED: this needs root: builders mount overlays")
        return 0
    if not bases.BUSYBOX.exists():
        print("SKIPPED: busybox-static is not installed")
        return 0
    index, count = map(int, options.shard.split("/"))
    chosen = [each for i, each in enumerate(cases.all_cases(HERE / "cases")) if i % count == index]
    if options.cases:
        chosen = [each for each in chosen if each.name in options.cases]
        if len(chosen) != len(options.cases):
            sys.exit("no such case: " + ", ".join(sorted(set(options.cases) - {each.name for each in chosen})))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="conf-", dir=work_folder()))
    builders = []
    daemon = None
    failed, compared = 0, {}
    try:
        (folder / "contexts").mkdir()
        archives = bases.write(folder)
        ours, others, daemon = open_builders(folder, options, archives)
        builders = [ours, *others]
        for builder in builders:
            builder.start(archives)
        suite = Suite(folder, ours, others)
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for case, results in zip(chosen, pool.map(lambda each: guarded(suite, each), chosen)):
                bad = [(who, each) for who, found in results for each in found]
                for who, _ in results:
                    compared[who] = compared.get(who, 0) + 1
                failed += bool(bad)
                if bad or options.verbose:
                    print(f"{'FAILED' if bad else 'ok    '} {case.name} ({', '.join(who for who, _ in results)})")
                for who, each in bad:
                    print(f"    {who}: {each}")
    finally:
        for builder in builders:
            builder.stop()
        if daemon:
            daemon.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{len(chosen)} cases, {failed} failed; compared: " + ", ".join(f"{who} {n}" for who, n in sorted(compared.items())))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
