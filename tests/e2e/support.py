"""What the end-to-end tests share: a store of their own, a real registry, small base images, and the program under test.

Everything happens below one temporary folder and on loopback. Programs are ended by their own process id.
"""

import contextlib
import io
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest

SCANGATE = pathlib.Path(os.environ["SCANGATE"])
SOURCE = pathlib.Path(os.environ["SCANGATE_SOURCE"])
SHARED = SOURCE.parent / "shared"
BUSYBOX = pathlib.Path("/bin/busybox")


def need(*programs):
    """Skips the test, saying why, when a program it needs is missing."""
    for program in programs:
        if shutil.which(program) is None and shutil.which(program, path="/usr/sbin:/sbin") is None:
            raise unittest.SkipTest(f"{program} is not installed")


def need_root():
    if os.geteuid() != 0:
        raise unittest.SkipTest("this test needs root: it runs containers on overlay mounts")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Registry:
    """Debian's docker-registry on a free loopback port."""

    def __init__(self, folder, htpasswd=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        auth = ""
        if htpasswd:
            auth = f"auth: {{htpasswd: {{realm: test, path: {htpasswd}}}}}\n"
        config = self.folder / "config.yml"
        config.write_text(
            "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
            f"storage: {{filesystem: {{rootdirectory: {self.folder}/data}}, delete: {{enabled: true}}}}\n"
            f"http: {{addr: '{self.host}'}}\n{auth}"
        )
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("docker-registry did not start: " + (self.folder / "log").read_text())
            time.sleep(0.02)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def repositories(self):
        found = []
        root = self.folder / "data/docker/registry/v2/repositories"
        for tags in root.glob("**/_manifests/tags/*"):
            found.append(str(tags.parent.parent.parent.relative_to(root)) + ":" + tags.name)
        return sorted(found)

    def blobs(self):
        return sorted(p.parent.name for p in (self.folder / "data/docker/registry/v2/blobs").glob("sha256/*/*/data"))


def add_file(tar, name, content=b"", mode=0o644, kind=tarfile.REGTYPE, target=""):
    info = tarfile.TarInfo(name)
    info.type = kind
    info.mode = mode
    info.linkname = target
    if isinstance(content, str):
        content = content.encode()
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


OS_RELEASE = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n'

DPKG_STATUS = """Package: base-files
Status: install ok installed
Architecture: amd64
Version: 12.4+deb12u12

Package: libssl3
Status: install ok installed
Source: openssl
Architecture: amd64
Version: {openssl}
"""


# For images that serve over HTTP: a server that says how it was started, and an entrypoint.
SERVER = """#!/bin/sh
echo "serving for $GREETING with [$*]"
mkdir -p /tmp/www; echo "hello from $GREETING" > /tmp/www/index.html
exec /bin/busybox httpd -f -p "$PORT" -h /tmp/www
"""
WRAPPER = """#!/bin/sh
echo "through the entrypoint"
exec "$@"
"""


def rootfs_tar(path, openssl="3.0.99-1~deb12u9", extra=()):
    """A root file system of busybox that calls itself Debian 12. An old `openssl` has known advisories."""
    with tarfile.open(path, "w") as tar:
        for folder in ("bin", "etc", "proc", "sys", "dev", "tmp", "var", "var/lib", "var/lib/dpkg", "root", "usr", "usr/lib"):
            add_file(tar, folder, mode=0o1777 if folder == "tmp" else 0o755, kind=tarfile.DIRTYPE)
        add_file(tar, "bin/busybox", BUSYBOX.read_bytes(), 0o755)
        for name in ("sh", "cat", "ls", "echo", "id", "mkdir", "touch", "rm", "sleep", "true", "false", "env", "wc", "test", "ln", "chmod", "cp", "dd", "printf", "kill"):
            add_file(tar, f"bin/{name}", kind=tarfile.SYMTYPE, target="busybox")
        add_file(tar, "etc/os-release", OS_RELEASE)
        add_file(tar, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n")
        add_file(tar, "etc/group", "root:x:0:\napp:x:1000:\n")
        add_file(tar, "var/lib/dpkg/status", DPKG_STATUS.format(openssl=openssl))
        for name, content, mode in extra:
            add_file(tar, name, content, mode)
    return path


class Done:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __str__(self):
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Case(unittest.TestCase):
    """A test with a folder, a store and a configuration of its own."""

    @classmethod
    def setUpClass(cls):
        need_root()
        if not BUSYBOX.exists():
            raise unittest.SkipTest("busybox-static is not installed")

    def setUp(self):
        # Short: a Unix socket's path below it must fit into 108 bytes.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sg-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.config = self.folder / "config.yaml"
        self.store = self.folder / "s"
        self.write_config()

    def write_config(self, **lines):
        text = f"store: {self.store}\ndatabase: {self.folder}/advisories.db\n"
        for key, value in lines.items():
            text += f"{key}: {json.dumps(value)}\n"
        self.config.write_text(text)

    def environment(self, **more):
        # TERM is left out: the tests read logs, not terminals.
        env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.folder), "SCANGATE_CONFIG": str(self.config)}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                env[name] = os.environ[name]
        env.update(more)
        return env

    def run_scangate(self, *words, env=None, cwd=None, stdin=None, timeout=240):
        done = subprocess.run([str(SCANGATE), *map(str, words)], env=env or self.environment(), cwd=cwd or self.folder, input=stdin,
                              stdin=None if stdin is not None else subprocess.DEVNULL, capture_output=True, timeout=timeout)
        return Done(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def ok(self, *words, **options):
        done = self.run_scangate(*words, **options)
        self.assertEqual(done.code, 0, f"{words}: {done}")
        return done

    def expect(self, code, *words, **options):
        done = self.run_scangate(*words, **options)
        self.assertEqual(done.code, code, f"{words}: {done}")
        return done

    def start_registry(self, **options):
        need("docker-registry")
        registry = Registry(self.folder / "registry", **options)
        self.addCleanup(registry.stop)
        return registry

    def start_mirror(self, **config):
        """A registry that holds debian:bookworm as a mirror of Docker Hub, and advisories; `config`: further lines of the configuration."""
        need("docker-registry")
        mirror = Registry(self.folder / "mirror")
        self.addCleanup(mirror.stop)
        self.write_config(registries={"docker.io": {"mirrors": [mirror.host]}}, **config)
        self.import_advisories()
        name = f"{mirror.host}/library/debian:bookworm"
        self.import_base(name)
        self.ok("-q", "push", name)
        return mirror

    def import_base(self, name, **options):
        self.ok("-q", "image", "import", name, rootfs_tar(self.folder / "rootfs.tar", **options))

    def import_advisories(self):
        self.ok("-q", "db", "import", SOURCE / "examples/advisories")

    def project(self, files):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="project-", dir=self.folder))
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return folder

    def left_over(self):
        """Mounts, processes and job folders that name this test's folder."""
        found = []
        own = str(self.folder)
        for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
            if own in line:
                found.append("mount " + line)
        for proc in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (proc / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if int(proc.name) != os.getpid() and any(own in word for word in words) and "docker-registry" not in words[0]:
                    found.append(f"process {proc.name} {' '.join(words)}")
        found += [f"job folder {path}" for path in (self.store / "jobs").glob("*")] if (self.store / "jobs").exists() else []
        found += [f"work folder {path}" for path in (self.store / "tmp").glob("*")] if (self.store / "tmp").exists() else []
        return found


def main():
    unittest.main(verbosity=2, argv=[sys.argv[0]])
