#!/usr/bin/env python3
"""scangate beside buildah (and docker where its daemon answers): the same work, in one run, on one machine.

    tests/bench/bench.py --scangate build/release/bin/scangate [--base ROOTFS.tar] [--runs 3] [--workload NAME]… [--output docs/benchmarks.md]

Workloads: steps30 (30 small RUN steps), files20k (COPY of 20,000 files, 208 MB), big1g (COPY of one 1 GiB file), apt (an apt-get line of 740 MB; asks the
Debian mirror of the base image). Each is built cold and cached, the image is pushed to an empty registry and pushed again, and scanned. Root is needed.
Everything lies below one temporary folder; traffic stays on loopback but for apt.
"""

import argparse
import os
import pathlib
import platform
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

WORKLOADS = ("steps30", "files20k", "big1g", "apt")


class Sample:
    def __init__(self, wall, cpu, peak_mb):
        self.wall, self.cpu, self.peak_mb = wall, cpu, peak_mb


def measure(words, env, log):
    """Wall seconds, CPU seconds of the whole process tree that was waited for, and the largest process's peak memory."""
    started = time.monotonic()
    with open(log, "ab") as out:
        process = subprocess.Popen(words, env=env, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - started
    if process.returncode not in (0, 3):
        sys.exit(f"{' '.join(map(str, words))} ended with {process.returncode}; see {log}\n" + pathlib.Path(log).read_text(errors="replace")[-2000:])
    return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def make_contexts(folder, base):
    rng = random.Random(7)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz_(){};=\n ", k=rng.randint(3, 12))).encode() for _ in range(4000)]
    steps = folder / "steps30"
    steps.mkdir()
    lines = [f"FROM {base}"]
    lines += [f"RUN mkdir -p /d{i} && for k in 1 2 3 4 5 6 7 8 9 10; do echo \"step {i} file $k\" > /d{i}/f$k; done" for i in range(30)]
    (steps / "Dockerfile").write_text("\n".join(lines) + "\n")
    yield "steps30", steps

    files = folder / "files20k"
    for d in range(200):
        sub = files / "src" / f"d{d:03}"
        sub.mkdir(parents=True)
        for f in range(100):
            (sub / f"f{f:03}.txt").write_bytes(b" ".join(rng.choices(words, k=1230)))
    (files / "Dockerfile").write_text(f"FROM {base}\nCOPY src /src\n")
    yield "files20k", files

    big = folder / "big1g"
    big.mkdir()
    text = (b"The same words again and again, as in many files of an image. " * 20000)[: 1 << 20]
    with open(big / "blob", "wb") as out:
        for _ in range(512):
            out.write(rng.randbytes(1 << 20))
            out.write(text)
    (big / "Dockerfile").write_text("FROM scratch\nCOPY blob /blob\n")
    yield "big1g", big

    apt = folder / "apt"
    apt.mkdir()
    (apt / "Dockerfile").write_text(f"FROM {base}\nRUN apt-get update && apt-get install -y python3-pip python3-numpy openssh-server && rm -rf /var/lib/apt/lists/*\n")
    yield "apt", apt


class Registry:
    def __init__(self, folder):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.host = f"127.0.0.1:{s.getsockname()[1]}"
        folder.mkdir()
        config = folder / "config.yml"
        config.write_text(f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\nhttp: {{addr: '{self.host}'}}\n")
        self.process = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as s:
                host, port = self.host.split(":")
                if s.connect_ex((host, int(port))) == 0:
                    return
            time.sleep(0.05)
        sys.exit("docker-registry did not start")

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.log = folder / "log"
        self.rows = {}
        self.registry = Registry(folder / "registry")
        self.scangate = str(pathlib.Path(options.scangate).resolve())
        self.env = dict(os.environ, SCANGATE_STORE=str(folder / "store"), SCANGATE_DB=str(folder / "advisories.db"))
        self.env.pop("SCANGATE_CONFIG", None)
        self.storage = ["--root", str(folder / "buildah"), "--runroot", str(folder / "buildah-run"), "--storage-driver", "overlay"]

    def add(self, workload, what, peer, sample):
        self.rows.setdefault((workload, what), {}).setdefault(peer, []).append(sample)
        print(f"{workload:9} {what:14} {peer:9} {sample.wall:8.2f} s  {sample.cpu:8.2f} s CPU  {sample.peak_mb:7.0f} MB", flush=True)

    def run(self, words):
        return measure(words, self.env, self.log)

    def buildah(self, *words):
        return self.run(["buildah", *self.storage, *words])

    def workload(self, name, context):
        for i in range(self.options.runs):
            tag = f"{self.registry.host}/{name}-{i}"
            ours, theirs = f"{tag}-s:1", f"{tag}-b:1"
            self.add(name, "build cold", "scangate", self.run([self.scangate, "-q", "build", "--no-cache", "-t", ours, context]))
            self.add(name, "build cold", "buildah", self.buildah("bud", "--layers", "--no-cache", "--isolation", "chroot", "--tls-verify=false", "-t", theirs, str(context)))
            if i == 0:  # fills both caches
                self.run([self.scangate, "-q", "build", "-t", ours, context])
                self.buildah("bud", "--layers", "--isolation", "chroot", "--tls-verify=false", "-t", theirs, str(context))
            self.add(name, "build cached", "scangate", self.run([self.scangate, "-q", "build", "-t", ours, context]))
            self.add(name, "build cached", "buildah", self.buildah("bud", "--layers", "--isolation", "chroot", "--tls-verify=false", "-t", theirs, str(context)))
            self.add(name, "scan", "scangate", self.run([self.scangate, "-q", "scan", ours]))
            # The scan is part of our push.
            self.add(name, "push", "scangate", self.run([self.scangate, "-q", "--config", str(self.folder / "observe.yaml"), "push", ours]))
            self.add(name, "push", "buildah", self.buildah("push", "--tls-verify=false", theirs))
            self.add(name, "push again", "scangate", self.run([self.scangate, "-q", "--config", str(self.folder / "observe.yaml"), "push", ours]))
            self.add(name, "push again", "buildah", self.buildah("push", "--tls-verify=false", theirs))

    def table(self):
        def median(samples, field):
            return statistics.median(getattr(s, field) for s in samples)

        out = ["| workload | what | scangate s | buildah s | ratio | scangate CPU s | buildah CPU s | scangate MB | buildah MB |", "|---|---|---|---|---|---|---|---|---|"]
        for (workload, what), peers in self.rows.items():
            ours, theirs = peers.get("scangate"), peers.get("buildah")
            wall = median(ours, "wall")
            if theirs:
                other = median(theirs, "wall")
                out.append(f"| {workload} | {what} | {wall:.2f} | {other:.2f} | {wall / other:.2f} | {median(ours, 'cpu'):.2f} | {median(theirs, 'cpu'):.2f} | {median(ours, 'peak_mb'):.0f} | {median(theirs, 'peak_mb'):.0f} |")
            else:
                out.append(f"| {workload} | {what} | {wall:.2f} | – | – | {median(ours, 'cpu'):.2f} | – | {median(ours, 'peak_mb'):.0f} | – |")
        return "\n".join(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scangate", default="build/release/bin/scangate")
    parser.add_argument("--base", default=".quickstart/debian.tar", help="root file system of Debian as a tar")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workload", action="append", choices=WORKLOADS)
    parser.add_argument("--folder", default=None, help="where the work folder is made")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("root is needed: buildah's and our overlay mounts")
    for program in ("buildah", "docker-registry"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is not installed (./setup test)")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="scangate-bench-", dir=options.folder))
    bench = Bench(options, folder)
    try:
        base = f"{bench.registry.host}/debian:bookworm"
        (folder / "observe.yaml").write_text("enforce: observe\n")
        source = pathlib.Path(__file__).resolve().parents[2]
        subprocess.run([bench.scangate, "-q", "db", "import", source / "examples/advisories"], env=bench.env, check=True, stdout=subprocess.DEVNULL)
        subprocess.run([bench.scangate, "-q", "image", "import", base, options.base], env=bench.env, check=True, stdout=subprocess.DEVNULL)
        subprocess.run([bench.scangate, "-q", "--config", folder / "observe.yaml", "push", base], env=bench.env, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["buildah", *bench.storage, "pull", "-q", "--tls-verify=false", base], check=True, stdout=subprocess.DEVNULL)
        for name, context in make_contexts(folder, base):
            if name in (options.workload or WORKLOADS):
                bench.workload(name, context)
            shutil.rmtree(context)
        cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
        print(f"\n{os.cpu_count()} x {cpu}, kernel {platform.release()}, median of {options.runs} runs, "
              + subprocess.run(["buildah", "--version"], capture_output=True, text=True).stdout.strip() + "\n")
        print(bench.table())
    finally:
        bench.registry.stop()
        subprocess.run(["buildah", *bench.storage, "rmi", "-a", "-f"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run(["umount", folder / "buildah/overlay"], stderr=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
