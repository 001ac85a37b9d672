"""The builders that the suite compares: the program under test, buildah, a docker daemon of its own with both of its builders, and a current buildkitd.

Each has `start(bases)`, `build(case, context) -> Built` and `stop()`; `build` is called from several threads.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import image

TIMEOUT = 120


class Built:
    """An image, or what the builder said when it refused."""

    def __init__(self, code, said, read=None):
        self.code, self.said = code, said
        self.image = read() if code == 0 else None


def run(words, env=None, cwd=None):
    done = subprocess.run([str(w) for w in words], env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT)
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def unmount_below(folder):
    for line in reversed(pathlib.Path("/proc/self/mountinfo").read_text().splitlines()):
        mounted = line.split()[4]
        if mounted.startswith(f"{folder}/"):
            subprocess.run(["umount", "-l", mounted], check=False)


class Builder:
    name = ""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder) / self.name
        self.folder.mkdir()

    def flags(self, case):
        """Those that all builders share."""
        out = []
        for key, value in case.args.items():
            out += ["--build-arg", f"{key}={value}" if value is not None else key]
        for key, value in case.labels.items():
            out += ["--label", f"{key}={value}"]
        if case.target:
            out += ["--target", case.target]
        return out

    def build(self, case, context):
        for before in case.before:
            built = self.build_one(context, before["dockerfile"], before["tag"], [], keep=True)
            if built.code != 0:
                return built
        return self.build_one(context, case.dockerfile, None, self.flags(case), keep=False)

    def stop(self):
        pass


class Scangate(Builder):
    name = "scangate"

    def __init__(self, folder, program):
        super().__init__(folder)
        self.program = program
        config = self.folder / "config.yaml"
        config.write_text(f"store: {self.folder}/store\ndatabase: {self.folder}/advisories.db\n")
        self.env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.folder), "SCANGATE_CONFIG": str(config)}

    def start(self, bases):
        for name, archive in bases.items():
            code, _, said = run([self.program, "image", "import", name, f"docker-archive:{archive}"], self.env)
            if code != 0:
                raise RuntimeError(said)

    def build_one(self, context, dockerfile, tag, flags, keep):
        with tempfile.TemporaryDirectory(dir=self.folder) as out:
            words = [self.program, "build", "--no-cache", "-f", context / dockerfile, *flags, *(["-t", tag] if tag else []), "-o", f"oci:{out}/image", context]
            code, _, said = run(words, self.env, cwd=context)
            return Built(code, said.replace(str(context) + "/", "").replace(str(context), "."), lambda: image.read_layout(out + "/image"))


class Buildah(Builder):
    name = "buildah"

    def start(self, bases):
        self.words = ["buildah", "--root", self.folder / "root", "--runroot", self.folder / "run", "--storage-driver", os.environ.get("CONFORMANCE_DRIVER", "overlay")]
        for name, archive in bases.items():
            code, _, said = run([*self.words, "pull", "-q", f"docker-archive:{archive}"])
            if code != 0:
                raise RuntimeError(said)

    def build_one(self, context, dockerfile, tag, flags, keep):
        ids = tempfile.NamedTemporaryFile(dir=self.folder)
        words = [*self.words, "bud", "-q", "--isolation", "chroot", "--layers=false", "--pull-never", "--format", "docker", "--iidfile", ids.name,
                 "-f", context / dockerfile, *flags, *(["-t", tag] if tag else []), context]
        code, _, said = run(words, cwd=context)
        if code != 0 or keep:
            return Built(code, said, lambda: None)
        with ids, tempfile.TemporaryDirectory(dir=self.folder) as out:
            # The docker format, so that HEALTHCHECK, SHELL and ONBUILD are there; as a layout it would lose them.
            name = f"{out}/image.tar"
            code, _, said = run([*self.words, "push", "-q", "--disable-compression", pathlib.Path(ids.name).read_text().strip(), f"docker-archive:{name}"])
            return Built(code, said, lambda: image.read_archive(pathlib.Path(name).read_bytes()))

    def stop(self):
        # Its storage folder stays mounted on itself; rmi -f takes minutes for hundreds of images that a removed folder takes along.
        unmount_below(self.folder)


class Daemon:
    """dockerd below the suite's folder. Raises RuntimeError where it cannot run."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder) / "dockerd"
        self.folder.mkdir()
        self.socket = self.folder / "s"
        # The client that came with the daemon: newer ones want a plug-in for BuildKit that Debian 12 does not have.
        self.client = "/usr/bin/docker" if os.path.exists("/usr/bin/docker") else "docker"
        self.env = dict(os.environ, DOCKER_HOST=f"unix://{self.socket}", DOCKER_CONFIG=str(self.folder / "config"))
        log = self.folder / "log"
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        self.process = subprocess.Popen(
            ["dockerd", "--iptables=false", "--bridge=none", "--data-root", self.folder / "data", "--exec-root", self.folder / "run", "--pidfile", self.folder / "pid",
             "-H", f"unix://{self.socket}"], stdout=open(log, "wb"), stderr=subprocess.STDOUT, env=dict(os.environ, PATH=path))
        deadline = time.monotonic() + 30
        while run([self.client, "version"], self.env)[0] != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError("dockerd does not run here: " + log.read_text(errors="replace").strip().splitlines()[-1])
            time.sleep(0.05)

    def load(self, bases):
        for archive in bases.values():
            code, _, said = run([self.client, "load", "-q", "-i", archive], self.env)
            if code != 0:
                raise RuntimeError(said)

    def stop(self):
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=30)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        unmount_below(self.folder)  # the network namespace of its containers


class Docker(Builder):
    """The classic builder, or BuildKit, of a daemon."""

    def __init__(self, folder, daemon, buildkit):
        self.name = "buildkit" if buildkit else "docker"
        super().__init__(folder)
        self.daemon = daemon
        self.env = dict(daemon.env, DOCKER_BUILDKIT="1" if buildkit else "0")

    def start(self, bases):
        pass

    def build_one(self, context, dockerfile, tag, flags, keep):
        with tempfile.TemporaryDirectory(dir=self.folder) as out:
            ids = pathlib.Path(out) / "id"
            words = [self.daemon.client, "build", "-q", "--no-cache", "--network=host", "--iidfile", ids, "-f", context / dockerfile, *flags, *(["-t", tag] if tag else []), context]
            code, _, said = run(words, self.env, cwd=context)
            if code != 0 or keep:
                return Built(code, said, lambda: None)
            code, data, said = run([self.daemon.client, "save", ids.read_text().strip()], self.env)
            return Built(code, said, lambda: image.read_archive(data))


class CurrentBuildKit(Builder):
    """A buildkitd of its own, newer than the one in Debian's docker: `buildkitd` and `buildctl` on PATH. Raises RuntimeError where it cannot run."""

    name = "buildkitd"

    def __init__(self, folder):
        super().__init__(folder)
        self.address = f"unix://{self.folder}/s"
        self.layouts = {}  # {reference: (folder of an OCI layout, digest)}
        log = self.folder / "log"
        self.process = subprocess.Popen(["buildkitd", "--addr", self.address, "--root", self.folder / "root", "--oci-worker-net", "host", "--containerd-worker=false"],
                                        stdout=open(log, "wb"), stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 30
        while run(["buildctl", "--addr", self.address, "debug", "workers"])[0] != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError("buildkitd does not run here: " + log.read_text(errors="replace").strip().splitlines()[-1])
            time.sleep(0.05)

    def start(self, bases):
        for name, archive in bases.items():
            layout = self.folder / re.sub("[/:]", "-", name)
            code, _, said = run(["skopeo", "copy", "-q", f"docker-archive:{archive}", f"oci:{layout}:x"])
            if code != 0:
                raise RuntimeError(said)
            self.keep(name, layout)

    def keep(self, name, layout):
        self.layouts[name] = (layout, json.loads((layout / "index.json").read_text())["manifests"][0]["digest"])

    def flags(self, case):
        out = []
        for key, value in case.args.items():
            value = os.environ.get(key) if value is None else value
            out += ["--opt", f"build-arg:{key}={value}"] if value is not None else []
        for key, value in case.labels.items():
            out += ["--opt", f"label:{key}={value}"]
        return out + (["--opt", f"target={case.target}"] if case.target else [])

    def build_one(self, context, dockerfile, tag, flags, keep):
        with tempfile.TemporaryDirectory(dir=self.folder) as out:
            words = ["buildctl", "--addr", self.address, "build", "--no-cache", "--frontend", "dockerfile.v0", "--local", f"context={context}", "--local", f"dockerfile={context}",
                     "--opt", f"filename={dockerfile}", "--output", f"type=oci,dest={out}/image.tar", *flags]
            # Images that exist on this machine only are named contexts, which stand in for what FROM and --from name.
            for i, (name, (layout, digest)) in enumerate(list(self.layouts.items())):
                words += ["--oci-layout", f"layout{i}={layout}", "--opt", f"context:{name.removesuffix(':latest')}=oci-layout://layout{i}@{digest}"]
            code, _, said = run(words, cwd=context)
            if code != 0:
                return Built(code, said)
            layout = pathlib.Path(out) / "layout"
            layout.mkdir()
            subprocess.run(["tar", "-xf", f"{out}/image.tar", "-C", layout], check=True)
            if keep:
                kept = self.folder / re.sub("[/:]", "-", tag)
                shutil.copytree(layout, kept)
                self.keep(tag, kept)
                return Built(code, said, lambda: None)
            return Built(code, said, lambda: image.read_layout(str(layout)))

    def stop(self):
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=30)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        unmount_below(self.folder)


def missing(program):
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None
