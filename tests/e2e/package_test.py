"""The Debian package: what is in it, and what it does once dpkg installed it.

It is installed on a copy-on-write view of this machine that vanishes with its mount namespace; the machine itself stays as it is.
"""

import gzip
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from support import SCANGATE, Case, main, need, rootfs_tar

BUILD = SCANGATE.resolve().parent.parent

# The view's root is "$1/root"; the rest of the words run in it. The store gets a tmpfs of its own, since overlayfs cannot be stacked on itself.
INSTALLED = """set -eu
view=$1; shift
mount -t tmpfs tmpfs "$view/upper"
mkdir "$view/upper/files" "$view/upper/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$view/upper/files,workdir=$view/upper/work" "$view/root"
for folder in proc sys dev; do mount --rbind "/$folder" "$view/root/$folder"; done
mkdir -p "$view/root/var/lib/scangate" "$view/root/exchange"
mount -t tmpfs tmpfs "$view/root/var/lib/scangate"
mount --bind "$view/work" "$view/root/exchange"
# Not chroot, in which the kernel lets nobody make user namespaces.
mkdir -p "$view/root/mnt/machine"
cd "$view/root"
pivot_root . mnt/machine
umount -l /mnt/machine
exec /bin/sh -euc "$1"
"""

INSTALL = "dpkg --no-triggers -i /exchange/scangate.deb >/exchange/dpkg.log 2>&1 || { cat /exchange/dpkg.log; exit 90; }\n"


class Package(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need("cpack", "dpkg-deb", "dpkg-shlibdeps")
        if not (BUILD / "CPackConfig.cmake").exists():
            raise unittest.SkipTest("the program under test does not lie in a build folder")
        cls.made = pathlib.Path(tempfile.mkdtemp(prefix="sg-deb-"))
        cls.addClassCleanup(shutil.rmtree, cls.made, ignore_errors=True)
        packed = subprocess.run(["cpack", "-G", "DEB", "--config", BUILD / "CPackConfig.cmake", "-B", cls.made], cwd=cls.made, capture_output=True, text=True,
                                timeout=300, check=False)
        if packed.returncode != 0:
            raise AssertionError(packed.stdout + packed.stderr)
        (cls.deb,) = cls.made.glob("*.deb")

    def dpkg_deb(self, *words):
        return subprocess.run(["dpkg-deb", *map(str, words)], capture_output=True, text=True, check=True).stdout

    def installed(self, script, code=0):
        """Runs a shell script where the package is installed; /exchange of it is the folder `work`, which stays."""
        view = self.folder / "view"
        for name in ("root", "upper", "work"):
            (view / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(self.deb, view / "work/scangate.deb")
        env = self.environment()
        del env["SCANGATE_CONFIG"]
        done = subprocess.run(["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", INSTALLED, "sh", view, INSTALL + script], env=env | {"HOME": "/root"},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def test_what_is_in_it(self):
        files = {}
        for line in self.dpkg_deb("-c", self.deb).splitlines():
            mode, owner, _, _, _, path = line.split(None, 5)
            files[path.removeprefix(".")] = mode
            self.assertEqual(owner, "root/root", line)
            self.assertIn(mode, ("drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x"), line)
        for program in ("/usr/bin/scangate", "/usr/libexec/scangate/scangate-shim"):
            self.assertEqual(files[program], "-rwxr-xr-x")
        for path in ("/etc/scangate/config.yaml", "/etc/scangate/policy.yaml", "/usr/share/man/man1/scangate.1.gz", "/usr/share/doc/scangate/copyright",
                     "/usr/share/doc/scangate/changelog.gz", "/usr/share/doc/scangate/LICENSE", "/usr/share/doc/scangate/install.md",
                     "/usr/share/bash-completion/completions/scangate", "/usr/share/zsh/vendor-completions/_scangate",
                     "/usr/share/fish/vendor_completions.d/scangate.fish", "/usr/share/doc/scangate/examples/flask-app/.gitlab-ci.yml"):
            self.assertEqual(files.get(path), "-rw-r--r--", path)
        strays = [path for path in files if not path.startswith(("/usr/", "/etc/scangate/")) and path not in ("/", "/etc/", "/usr/")]
        self.assertEqual(strays, [])
        fields = dict(line.split(": ", 1) for line in self.dpkg_deb("-f", self.deb).splitlines() if ": " in line and not line.startswith(" "))
        self.assertTrue(fields["Depends"].startswith("crun | runc, git, ca-certificates, "), fields["Depends"])
        self.assertIn("libcurl", fields["Depends"])
        self.assertEqual(fields["Recommends"], "openssh-client, uidmap, passt | slirp4netns, git-lfs")
        version = self.ok("--version").out.split()[1]
        self.assertEqual(fields["Version"], version)
        self.dpkg_deb("-e", self.deb, self.folder / "control")
        self.assertEqual((self.folder / "control/conffiles").read_text(), "/etc/scangate/config.yaml\n/etc/scangate/policy.yaml\n")

    def test_the_manual_is_clean_and_names_every_command(self):
        self.dpkg_deb("-x", self.deb, self.folder / "x")
        page = gzip.decompress((self.folder / "x/usr/share/man/man1/scangate.1.gz").read_bytes()).decode()
        for line in self.ok("--help").out.partition("Subcommands:")[2].splitlines():
            if line.startswith("  ") and line[2:3].isalpha():
                self.assertIn(f".It Ic {line.split()[0]}", page)
        need("mandoc")
        (self.folder / "scangate.1").write_text(page)
        lint = subprocess.run(["mandoc", "-Tlint", "-Wwarning", self.folder / "scangate.1"], capture_output=True, text=True, check=False)
        self.assertEqual((lint.returncode, lint.stdout), (0, ""))

    def test_installed_it_is_healthy_and_gates(self):
        work = self.folder / "view/work"
        (work / "context").mkdir(parents=True)
        rootfs_tar(work / "rootfs.tar")
        (work / "context/Dockerfile").write_text("FROM base:1\nRUN echo built > /built\nEXPOSE 22\n")
        self.installed("""
            scangate --version >/exchange/version
            scangate -q db import /usr/share/doc/scangate/examples/advisories >/dev/null
            scangate register --token glrt-one --url https://gitlab.example --name gate
            cp /etc/gitlab-runner/config.toml /exchange/once
            scangate register --token glrt-one --url https://gitlab.example --name gate
            cmp /exchange/once /etc/gitlab-runner/config.toml
            scangate doctor --format json >/exchange/doctor.json
            scangate -q image import base:1 /exchange/rootfs.tar
            scangate -q build -t app:1 /exchange/context
            code=0; scangate -q scan app:1 >/exchange/scan || code=$?
            [ $code = 3 ] || { cat /exchange/scan; exit 91; }
            bash --norc -c '. /usr/share/bash-completion/completions/scangate; COMP_WORDS=(scangate doc); COMP_CWORD=1; _scangate; [[ ${COMPREPLY[*]} == doctor ]]'
            dpkg -V scangate
        """)
        self.assertEqual((work / "version").read_text(), self.ok("--version").out)
        report = json.loads((work / "doctor.json").read_text())
        self.assertNotEqual(report["result"], "problem", report)
        checks = {check["subject"]: check["text"] for check in report["checks"]}
        self.assertEqual(checks["shim"], "/usr/libexec/scangate/scangate-shim")
        self.assertEqual(checks["config"], "/etc/scangate/config.yaml")
        self.assertEqual(checks["policy"], "'default' from /etc/scangate/policy.yaml")
        self.assertEqual(checks["runner config"], "/etc/gitlab-runner/config.toml:4: runner 'gate'")
        self.assertIn('run_exec = "/usr/bin/scangate"', (work / "once").read_text())
        self.assertIn("22/tcp", (work / "scan").read_text())
        self.assertFalse(os.path.exists("/etc/scangate/config.yaml") and not os.path.exists("/usr/bin/scangate"), "the machine itself was changed")
        self.assertEqual(self.left_over(), [])

    def test_installed_it_serves_a_plain_user(self):
        need("newuidmap", "useradd")
        work = self.folder / "view/work"
        (work / "context").mkdir(parents=True)
        rootfs_tar(work / "rootfs.tar")
        (work / "context/Dockerfile").write_text("FROM base:1\nRUN touch /theirs && chown 1000:1000 /theirs\n")
        (work / "as-ci").write_text("""set -eu
            scangate register --token glrt-one --url https://gitlab.example --name gate
            scangate -q db import /usr/share/doc/scangate/examples/advisories
            scangate doctor --format json >/tmp/doctor.json
            scangate -q image import base:1 /exchange/rootfs.tar
            scangate -q build -t app:1 /exchange/context
            scangate -q scan app:1
        """)
        self.installed("""
            useradd --create-home --shell /bin/bash ci-of-test
            mount -t tmpfs -o mode=0755 tmpfs /home/ci-of-test
            chown ci-of-test: /home/ci-of-test
            su - ci-of-test -c 'sh /exchange/as-ci' >/exchange/log 2>&1 || { cat /exchange/log /tmp/doctor.json; exit 92; }
            cp /tmp/doctor.json /exchange
        """)
        report = json.loads((work / "doctor.json").read_text())
        checks = {check["subject"]: check["text"] for check in report["checks"]}
        self.assertNotEqual(report["result"], "problem", report)
        self.assertEqual(checks["namespaces"], "rootless with subordinate ids")
        self.assertEqual(checks["overlay"], "overlay-rootless")
        self.assertEqual(checks["runner config"], "/home/ci-of-test/.gitlab-runner/config.toml:4: runner 'gate'")

    def test_an_upgrade_keeps_the_configuration_and_a_purge_removes_it(self):
        self.installed("""
            echo 'enforce: observe' >>/etc/scangate/config.yaml
            dpkg --no-triggers -i /exchange/scangate.deb >/dev/null 2>&1
            grep -q 'enforce: observe' /etc/scangate/config.yaml
            scangate doctor | grep '^warning  enforce        observe'
            dpkg --no-triggers -P scangate >/dev/null 2>&1
            [ ! -e /etc/scangate ] && [ ! -e /usr/libexec/scangate ] && [ ! -e /usr/bin/scangate ]
        """)

    def test_installing_below_a_prefix_leaves_etc_alone(self):
        need("cmake")
        prefix = self.folder / "prefix"
        subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix], capture_output=True, check=True)
        self.assertFalse((prefix / "etc").exists())
        self.assertTrue((prefix / "share/doc/scangate/etc/config.yaml").exists())
        shim = json.loads(subprocess.run([prefix / "bin/scangate", "doctor", "--format", "json"], env=self.environment(), capture_output=True, check=False).stdout)
        self.assertIn(str(prefix / "libexec/scangate/scangate-shim"), [check["text"] for check in shim["checks"] if check["subject"] == "shim"])


if __name__ == "__main__":
    main()
