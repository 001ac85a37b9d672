#!/usr/bin/env python3
"""scangate beside buildah; beside docker's classic builder and its BuildKit where dockerd is installed; beside a current BuildKit and kaniko where they are
on PATH (buildkitd and buildctl; kaniko-executor): the same work, in one run, on one machine.

    tests/bench/bench.py --scangate build/release/bin/scangate [--base ROOTFS.tar] [--runs 3] [--workload NAME]…

Workloads: steps30 (30 small RUN steps), files20k (COPY of 20,000 files, 208 MB), big1g (COPY of one 1 GiB file), apt (an apt-get line of 740 MB; asks the
Debian mirror of the base image). Each is built cold and cached, the image is pushed to an empty registry and pushed again, and scanned. Root is needed.
CPU is that of the process tree; docker's and BuildKit's work happens in a daemon, so theirs is what the whole machine spent meanwhile: keep the machine quiet.
Kaniko and buildctl build and push in one go: kaniko's builds do not push, buildctl's push is a build that finds everything in its cache, and pushes.
Everything lies on a file system of its own, a fresh ext4 in a sparse file: on one where many files were just removed, ext4 passes over their inodes for
minutes, and creating a file costs up to a millisecond. Traffic stays on loopback but for apt.
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


def machine_cpu():
    fields = open("/proc/stat").readline().split()
    return (int(fields[1]) + int(fields[2]) + int(fields[3]) + int(fields[7])) / os.sysconf("SC_CLK_TCK")


def measure(words, env, log, whole_machine=False):
    """Wall seconds, CPU seconds of the whole process tree that was waited for, and the largest process's peak memory."""
    os.sync()  # a run does not pay for the writes of the one before
    busy = machine_cpu()
    started = time.monotonic()
    with open(log, "ab") as out:
        process = subprocess.Popen(words, env=env, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - started
    if process.returncode not in (0, 3):
        sys.exit(f"{' '.join(map(str, words))} ended with {process.returncode}; see {log}\n" + pathlib.Path(log).read_text(errors="replace")[-2000:])
    if whole_machine:
        return Sample(wall, machine_cpu() - busy, float("nan"))
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


class Disk:
    """A fresh ext4 in a sparse file, mounted on the folder; where that cannot be done, the folder as it is, and a word about it."""

    def __init__(self, folder):
        self.folder, self.image = folder, folder.with_suffix(".ext4")
        with open(self.image, "wb") as out:
            out.truncate(40 << 30)
        made = subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image]).returncode == 0
        self.mounted = made and subprocess.run(["mount", "-o", "loop", self.image, folder]).returncode == 0
        if not self.mounted:
            print("no file system of its own (loop mount refused): figures depend on what was removed from this disk before", flush=True)

    def remove(self):
        if self.mounted:
            subprocess.run(["umount", self.folder], check=True)
        self.image.unlink()
        shutil.rmtree(self.folder, ignore_errors=True)


class Registry:
    def __init__(self, folder):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.host = f"127.0.0.1:{s.getsockname()[1]}"
        folder.mkdir()
        config = folder / "config.yml"
        config.write_text(f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\nhttp: {{addr: '{self.host}'}}\n")
        self.folder = folder
        self.process = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as s:
                host, port = self.host.split(":")
                if s.connect_ex((host, int(port))) == 0:
                    return
            time.sleep(0.05)
        sys.exit("docker-registry did not start")

    def keep(self):
        """What is there now is what every first push finds."""
        shutil.copytree(self.folder / "data", self.folder / "kept")

    def reset(self):
        """Without this a second run's push would find the first one's blobs. The registry keeps nothing in memory."""
        shutil.rmtree(self.folder / "data")
        shutil.copytree(self.folder / "kept", self.folder / "data")

    def stop(self):
        self.process.terminate()
        self.process.wait()


# The client that came with the daemon: newer ones want a plug-in for BuildKit that Debian 12 does not have.
DOCKER = "/usr/bin/docker" if os.path.exists("/usr/bin/docker") else "docker"


class Docker:
    """A daemon of our own, below the bench's folder."""

    def __init__(self, folder):
        self.socket = folder / "docker.sock"
        self.env = dict(os.environ, DOCKER_HOST=f"unix://{self.socket}", DOCKER_CONFIG=str(folder / "docker-config"))
        self.process = subprocess.Popen(
            ["dockerd", "--iptables=false", "--bridge=none", "--data-root", folder / "docker", "--exec-root", folder / "docker-run",
             "--pidfile", folder / "docker.pid", "-H", f"unix://{self.socket}"],
            stdout=open(folder / "dockerd.log", "wb"), stderr=subprocess.STDOUT)
        for _ in range(300):
            if subprocess.run([DOCKER, "version"], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        sys.exit(f"dockerd did not start; see {folder / 'dockerd.log'}\n" + (folder / "dockerd.log").read_text(errors="replace")[-1500:])

    def stop(self):
        self.process.terminate()
        self.process.wait()


class BuildKit:
    """A current buildkitd of our own, below the bench's folder, with Debian's runc."""

    def __init__(self, folder, registry):
        self.address = f"unix://{folder / 'buildkitd.sock'}"
        config = folder / "buildkitd.toml"
        config.write_text(f'[registry."{registry}"]\nhttp = true\ninsecure = true\n')
        self.process = subprocess.Popen(
            ["buildkitd", "--config", config, "--addr", self.address, "--root", folder / "buildkit", "--oci-worker-net", "host", "--containerd-worker=false"],
            stdout=open(folder / "buildkitd.log", "wb"), stderr=subprocess.STDOUT)
        for _ in range(300):
            if subprocess.run(["buildctl", "--addr", self.address, "debug", "workers"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        sys.exit("buildkitd did not start\n" + (folder / "buildkitd.log").read_text(errors="replace")[-1500:])

    def words(self, context, output):
        return ["buildctl", "--addr", self.address, "build", "--progress", "plain", "--frontend", "dockerfile.v0", "--local", f"context={context}", "--local", f"dockerfile={context}",
                "--output", output]

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Kaniko:
    """Kaniko unpacks images over the root it finds: it gets an empty one, in a mount namespace of its own that ends with it."""

    def __init__(self, folder):
        self.folder = folder / "kaniko"
        self.program = shutil.which("kaniko-executor")

    def words(self, context, image):
        root = self.folder / "root"
        shutil.rmtree(root, ignore_errors=True)
        for each in ("kaniko", "workspace", "proc", "dev", "sys", "etc", "tmp"):
            (root / each).mkdir(parents=True)
        shutil.copy(self.program, root / "kaniko/executor")
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        script = (f"set -e; mount --bind {context} {root}/workspace; mount -t proc proc {root}/proc; mount --rbind /dev {root}/dev; cd {root}; "
                  f"exec chroot {root} /kaniko/executor --force --context dir:///workspace --no-push --insecure-pull --destination {image} --verbosity warn")
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script]


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.log = folder / "log"
        self.rows = {}
        self.registry = Registry(folder / "registry")
        self.buildkit = BuildKit(folder, self.registry.host) if shutil.which("buildkitd") and shutil.which("buildctl") else None
        self.kaniko = Kaniko(folder) if shutil.which("kaniko-executor") else None
        self.scangate = str(pathlib.Path(options.scangate).resolve())
        self.env = dict(os.environ, SCANGATE_STORE=str(folder / "store"), SCANGATE_DB=str(folder / "advisories.db"))
        self.env.pop("SCANGATE_CONFIG", None)
        self.dockerd = Docker(folder) if options.docker else None
        self.storage = ["--root", str(folder / "buildah"), "--runroot", str(folder / "buildah-run"), "--storage-driver", "overlay"]

    def add(self, workload, what, peer, sample):
        self.rows.setdefault((workload, what), {}).setdefault(peer, []).append(sample)
        print(f"{workload:9} {what:14} {peer:9} {sample.wall:8.2f} s  {sample.cpu:8.2f} s CPU  {sample.peak_mb:7.0f} MB", flush=True)

    def run(self, words):
        return measure(words, self.env, self.log)

    def buildah(self, *words):
        return self.run(["buildah", *self.storage, *words])

    def docker(self, *words, buildkit=False):
        env = dict(self.dockerd.env, DOCKER_BUILDKIT="1" if buildkit else "0")
        return measure([DOCKER, *words], env, self.log, whole_machine=True)

    def peers(self, name, i, context):
        """For each peer: its name and the steps it can do, as functions."""
        tag = f"{self.registry.host}/{name}-{i}"
        ours, theirs = f"{tag}-s:1", f"{tag}-b:1"
        observe = [self.scangate, "-q", "--config", str(self.folder / "observe.yaml"), "push", ours]  # the scan is part of our push
        build = [self.scangate, "-q", "build", "-t", ours]
        yield "scangate", {"build cold": lambda: self.run([*build, "--no-cache", context]), "build cached": lambda: self.run([*build, context]),
                           "scan": lambda: self.run([self.scangate, "-q", "scan", ours]), "push": lambda: self.run(observe), "push again": lambda: self.run(observe)}
        bud = ["bud", "--layers", "--isolation", "chroot", "--tls-verify=false", "-t", theirs]
        push = ["push", "--tls-verify=false", theirs]
        yield "buildah", {"build cold": lambda: self.buildah(*bud, "--no-cache", str(context)), "build cached": lambda: self.buildah(*bud, str(context)),
                          "push": lambda: self.buildah(*push), "push again": lambda: self.buildah(*push)}
        if self.buildkit:
            image = f"{tag}-k:1"
            kept = self.buildkit.words(context, f"type=image,name={image},insecure=true")
            pushed = self.buildkit.words(context, f"type=image,name={image},push=true,registry.insecure=true")
            yield "buildkitd", {"build cold": lambda: measure([*kept, "--no-cache"], self.env, self.log, whole_machine=True),
                                "build cached": lambda: measure(kept, self.env, self.log, whole_machine=True),
                                "push": lambda: measure(pushed, self.env, self.log, whole_machine=True), "push again": lambda: measure(pushed, self.env, self.log, whole_machine=True)}
        if self.kaniko:
            yield "kaniko", {"build cold": lambda: self.run(self.kaniko.words(context, f"{tag}-o:1"))}
        if not self.dockerd:
            return
        for peer, buildkit in (("docker", False), ("BuildKit", True)):
            image = f"{tag}-{peer.lower()}:1"
            words = ["build", "--network", "host", "-t", image]
            steps = {"build cold": lambda words=words, buildkit=buildkit: self.docker(*words, "--no-cache", str(context), buildkit=buildkit),
                     "build cached": lambda words=words, buildkit=buildkit: self.docker(*words, str(context), buildkit=buildkit)}
            if not buildkit:
                steps["push"] = steps["push again"] = lambda image=image: self.docker("push", "-q", image)
            yield peer, steps

    def workload(self, name, context):
        for i in range(self.options.runs):
            peers = list(self.peers(name, i, context))
            for what in ("build cold", "build cached", "scan", "push", "push again"):
                for peer, steps in peers:
                    if what not in steps:
                        continue
                    if what == "build cached" and i == 0:
                        steps[what]()  # fills the cache
                    if what == "push":
                        self.registry.reset()
                    if what == "push again":
                        steps["push"]()  # another peer's push emptied the registry
                    self.add(name, what, peer, steps[what]())

    def table(self):
        names = ["buildah", *(["docker", "BuildKit"] if self.dockerd else []), *(["buildkitd"] if self.buildkit else []), *(["kaniko"] if self.kaniko else [])]

        def cell(samples, field, form):
            value = statistics.median(getattr(s, field) for s in samples) if samples else float("nan")
            return "–" if value != value else form.format(value)

        heads = ["workload", "what", "scangate s", *(f"{n} s" for n in names), "to the best", "scangate CPU s", *(f"{n} CPU s" for n in names), "scangate MB", "buildah MB", *(["kaniko MB"] if self.kaniko else [])]
        out = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
        for (workload, what), peers in self.rows.items():
            ours = peers["scangate"]
            walls = [statistics.median(s.wall for s in peers[n]) for n in names if n in peers]
            ratio = f"{statistics.median(s.wall for s in ours) / min(walls):.2f}" if walls else "–"
            cells = [workload, what, cell(ours, "wall", "{:.2f}"), *(cell(peers.get(n), "wall", "{:.2f}") for n in names), ratio,
                     cell(ours, "cpu", "{:.2f}"), *(cell(peers.get(n), "cpu", "{:.2f}") for n in names),
                     cell(ours, "peak_mb", "{:.0f}"), cell(peers.get("buildah"), "peak_mb", "{:.0f}"),
                     *([cell(peers.get("kaniko"), "peak_mb", "{:.0f}")] if self.kaniko else [])]
            out.append("| " + " | ".join(cells) + " |")
        return "\n".join(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scangate", default="build/release/bin/scangate")
    parser.add_argument("--base", default=".quickstart/debian.tar", help="root file system of Debian as a tar")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workload", action="append", choices=WORKLOADS)
    parser.add_argument("--docker", action=argparse.BooleanOptionalAction, default=shutil.which("dockerd") is not None, help="also drive a docker daemon of our own (default: where dockerd is installed)")
    parser.add_argument("--folder", default=None, help="where the work folder is made")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("root is needed: buildah's and our overlay mounts")
    for program in ("buildah", "docker-registry"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is not installed (./setup test)")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="scangate-bench-", dir=options.folder))
    disk = Disk(folder)
    bench = Bench(options, folder)
    try:
        base = f"{bench.registry.host}/debian:bookworm"
        (folder / "docker-config").mkdir()
        (folder / "observe.yaml").write_text("enforce: observe\n")
        source = pathlib.Path(__file__).resolve().parents[2]
        subprocess.run([bench.scangate, "-q", "db", "import", source / "examples/advisories"], env=bench.env, check=True, stdout=subprocess.DEVNULL)
        subprocess.run([bench.scangate, "-q", "image", "import", base, options.base], env=bench.env, check=True, stdout=subprocess.DEVNULL)
        subprocess.run([bench.scangate, "-q", "--config", folder / "observe.yaml", "push", base], env=bench.env, check=True, stdout=subprocess.DEVNULL)
        bench.registry.keep()
        # Peers unpack a base when they pull it, we when it is first needed.
        (folder / "unpack").write_text(f"FROM {base}\nRUN true\n")
        subprocess.run([bench.scangate, "-q", "build", "-f", folder / "unpack", "-t", "unpack:1", folder / "docker-config"], env=bench.env, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["buildah", *bench.storage, "pull", "-q", "--tls-verify=false", base], check=True, stdout=subprocess.DEVNULL)
        if bench.dockerd:
            subprocess.run([DOCKER, "pull", "-q", base], env=bench.dockerd.env, check=True, stdout=subprocess.DEVNULL)
        for name, context in make_contexts(folder, base):
            if name in (options.workload or WORKLOADS):
                bench.workload(name, context)
        cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
        print(f"\n{os.cpu_count()} x {cpu}, kernel {platform.release()}, median of {options.runs} runs, "
              + subprocess.run(["buildah", "--version"], capture_output=True, text=True).stdout.strip() + "\n")
        print(bench.table())
    finally:
        for daemon in (bench.dockerd, bench.buildkit, bench.registry):
            if daemon:
                daemon.stop()
        subprocess.run(["buildah", *bench.storage, "rmi", "-a", "-f"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        below = [line.split()[1] for line in open("/proc/mounts") if line.split()[1].startswith(f"{folder}/")]
        for mount in sorted(below, reverse=True):
            subprocess.run(["umount", mount], stderr=subprocess.DEVNULL)
        disk.remove()


if __name__ == "__main__":
    main()
