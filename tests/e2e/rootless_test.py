"""The executor's calls as a plain user with subordinate ids, as a runner without root makes them.

The user exists in a mount namespace of the test's own alone: its passwd, subuid and subgid are bind-mounted over the machine's.
"""

import base64
import io
import os
import pathlib
import subprocess
import tarfile
import unittest

import support
from executor_test import BUILD_FAILURE, Executor
from support import Done, main, need

UID = 64321

# The words after the folder run as the user. A tun device is every user's on a machine with udev.
AS_USER = f"""set -eu
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/subuid" /etc/subuid
mount --bind "$1/subuid" /etc/subgid
if [ -e /dev/net/tun ]; then
  [ -e "$1/tun" ] || mknod -m 666 "$1/tun" c 10 200
  mount --bind "$1/tun" /dev/net/tun
fi
if [ -e "$1/no-pasta" ]; then mount --bind /dev/null /usr/bin/pasta; fi
shift
exec setpriv --reuid {UID} --regid {UID} --clear-groups "$@"
"""


class Rootless(Executor):
    def setUp(self):
        need("newuidmap", "setpriv")
        self.plain = False
        super().setUp()
        identity = self.folder / "identity"
        identity.mkdir()
        (identity / "passwd").write_text(pathlib.Path("/etc/passwd").read_text() + f"ci-of-test:x:{UID}:{UID}::{self.folder}:/bin/sh\n")
        (identity / "subuid").write_text(f"ci-of-test:{UID * 100000 % 2**31}:65536\n")
        # What setUp imported as root is made anew as the user: a store has one owner.
        subprocess.run(["rm", "-rf", str(self.store)], check=True)
        for root, folders, files in os.walk(self.folder):
            for name in (".", *folders, *files):
                os.chown(os.path.join(root, name), UID, UID, follow_symlinks=False)
        self.plain = True

    def run_scangate(self, *words, env=None, cwd=None, stdin=None, timeout=240):
        if not self.plain:
            return super().run_scangate(*words, env=env, cwd=cwd, stdin=stdin, timeout=timeout)
        # What the test writes in between, as the runner would.
        for root, folders, files in os.walk(self.folder, onerror=None):
            if pathlib.Path(root) == self.store:
                folders.clear()
                continue
            for name in (*folders, *files):
                if os.lstat(os.path.join(root, name)).st_uid == 0:
                    os.chown(os.path.join(root, name), UID, UID, follow_symlinks=False)
        done = subprocess.run(["unshare", "-m", "sh", "-c", AS_USER, "as-user", str(self.folder / "identity"), str(support.SCANGATE), *map(str, words)],
                              env=env or self.environment(), cwd=cwd or self.folder, input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                              capture_output=True, timeout=timeout)
        return Done(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def test_a_good_image_is_built_scanned_and_pushed(self):
        job = self.job("FROM debian:bookworm\nRUN echo hello > /hello && chown 1000:1000 /hello\nCOPY app.txt /\n")
        done = job.run()
        self.assertEqual(done.code, 0, job.log)
        self.assertIn("Login Succeeded", job.log)
        self.assertIn("scanning", job.log)
        self.assertEqual(self.pushed(), ["group/app:main"])
        self.finish(job)

    def test_a_stopped_push_ends_the_job_with_3(self):
        job = self.job("FROM debian:bookworm\nEXPOSE 22\n")
        self.assertEqual(job.run().code, BUILD_FAILURE, job.log)
        self.assertEqual(job.exit_code(), 3)
        self.assertEqual(self.pushed(), [])
        self.finish(job)

    def test_a_device_of_a_build_fails_it_or_cannot_be_opened(self):
        job = self.job("FROM debian:bookworm\nRUN /bin/busybox mknod /dev0 c 1 3\n", ["docker build -t made . || echo code $?", "docker images -q made | wc -l"])
        self.assertEqual(job.run().code, 0, job.log)
        self.assertIn("Operation not permitted", job.log)
        self.assertIn("  2 | >>> RUN /bin/busybox mknod /dev0 c 1 3\n", job.log)
        self.assertIn("\ncode 1\n", job.log)
        self.assertIn("wc -l\x1b[0;m\n0\n", job.log)
        self.finish(job)
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            info = tarfile.TarInfo("null")
            info.type, info.devmajor, info.devminor = tarfile.CHRTYPE, 1, 3
            tar.addfile(info)
        text = base64.b64encode(packed.getvalue()).decode()
        job = self.job("FROM debian:bookworm\nADD dev.tar.gz /dev.d/\nRUN ls -l /dev.d; cat /dev.d/null > /out\n",
                       [f"echo {text} | base64 -d > dev.tar.gz", "docker build -t made . || echo code $?"])
        self.assertEqual(job.run().code, 0, job.log)
        self.assertIn("warning: device node 'dev.d/null' is left out: this user may not create devices\n", job.log)
        self.assertIn("\ncode 1\n", job.log)
        self.finish(job)

    def test_each_stage_has_a_network_of_its_own(self):
        if not os.path.exists("/dev/net/tun"):
            self.skipTest("this machine has no /dev/net/tun")
        for program in ("pasta", "slirp4netns"):
            with self.subTest(program):
                need(program)
                if program != "pasta":
                    (self.folder / "identity/no-pasta").touch()
                job = self.job("FROM scratch\n", ["cut -f2 /proc/net/route; ls /sys/class/net"])
                self.assertEqual(job.run().code, 0, job.log)
                self.assertIn(f"Network: own, through {program}", job.log)
                self.assertIn("00000000", job.log)
                self.finish(job)


def load_tests(loader, standard, pattern):
    # The inherited tests have run as root.
    return unittest.TestSuite(Rootless(name) for name in vars(Rootless) if name.startswith("test_"))


class WithoutMounts(support.Case):
    """Root of a container with docker's usual capabilities: CAP_SYS_ADMIN is not among them."""

    def setUp(self):
        need("setpriv")
        super().setUp()

    def confined(self, *words):
        return subprocess.run(["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", str(support.SCANGATE), *map(str, words)],
                              env=self.environment(), cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240)

    def test_what_only_copies_is_built_and_run_is_refused(self):
        self.import_base("docker.io/library/debian:bookworm")
        dockerfile = "FROM debian:bookworm AS one\nCOPY --chown=app a /made/\nFROM debian:bookworm\nCOPY --from=one /made /etc/passwd /x/\n"
        project = self.project({"Dockerfile": dockerfile, "a": "text", "with-run/Dockerfile": "FROM debian:bookworm\nRUN true\n"})
        fixed = ("--no-cache", "--build-arg", "SOURCE_DATE_EPOCH=1700000000")
        done = self.confined("build", "-t", "copied:1", *fixed, project)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("root file systems are copied, and RUN is refused: cannot mount an overlay filesystem: ", done.stderr)
        mounted = self.ok("build", "-t", "mounted:1", *fixed, project)
        self.assertEqual(done.stdout, mounted.out)  # the same image, to the byte
        done = self.confined("build", "-t", "run:1", project / "with-run")
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("Dockerfile:2:1: RUN needs mounts: cannot mount an overlay filesystem: ", done.stderr)
        self.expect(2, "image", "inspect", "run:1")


if __name__ == "__main__":
    main()
