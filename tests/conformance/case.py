"""One case: a folder with a Dockerfile, the files of its context, and what case.yml says about it.

case.yml, every key optional:
  setup: shell text, run in the context before the build (what a checkout cannot hold: owners, times, links, special bits)
  args, labels: {NAME: VALUE}; a null value passes the name alone       target: a stage       dockerfile: another name
  before: [{dockerfile, tag}]: images built first, by the same builder
  differs: {builder: reason}: the builder is not compared, and why; `peers` stands for those of Debian 12, which know none of the newest language
  ignore: {path or config.Field: reason}: not compared with any builder; a path that ends in /** stands for all below it
  expect: what the Dockerfile reference says, checked against scangate alone:
    files: {path: text of a file | null (absent) | {kind, mode, owner, mtime, content, target, xattrs, links}}
    config: {Field: value}: of the image's configuration, whole fields      env: {NAME: value | null}: some variables
    layers: how many layers lie on those of the base image
    error: all that is said when the build is refused (exit code 2; 1 where a step failed)
    warnings: [texts], all of them
"""

import os
import pathlib
import shutil
import subprocess
import zlib

import yaml

KEYS = {"setup", "args", "labels", "target", "dockerfile", "before", "differs", "ignore", "expect"}
EXPECTED = {"files", "config", "env", "layers", "error", "warnings"}
PEERS = ("buildah", "docker", "buildkit")
CURRENT = ("buildkitd",)  # takes part where somebody put it on PATH
# Files of a context are as old as this where the case does not say otherwise, with a fraction of a second: each case's own, since BuildKit takes a
# file of the same name, size and time for the one that it was sent before.
OLD_SECONDS = 1612325106


class Case:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.name = self.folder.name
        said = {}
        if (self.folder / "case.yml").exists():
            said = yaml.safe_load((self.folder / "case.yml").read_text()) or {}
        unknown = (set(said) - KEYS) | (set(said.get("expect", {})) - EXPECTED)
        if unknown:
            raise ValueError(f"{self.name}/case.yml: unknown keys {sorted(unknown)}")
        self.setup = said.get("setup", "")
        self.args = said.get("args", {})
        self.labels = said.get("labels", {})
        self.target = said.get("target", "")
        self.dockerfile = said.get("dockerfile", "Dockerfile")
        self.before = said.get("before", [])
        self.differs = said.get("differs", {})
        if "peers" in self.differs:
            self.differs = dict.fromkeys(PEERS, self.differs["peers"])
        self.ignore = said.get("ignore", {})
        self.expect = said.get("expect", {})
        if set(self.differs) - {*PEERS, *CURRENT}:
            raise ValueError(f"{self.name}/case.yml: unknown builder in 'differs'")
        if set(self.differs) >= set(PEERS) and not self.expect:
            raise ValueError(f"{self.name}/case.yml: compared with nobody and nothing expected")

    def make_context(self, folder):
        """The same context for every builder, so that times can be compared."""
        old_ns = OLD_SECONDS * 10**9 + 1 + zlib.crc32(self.name.encode()) % (10**9 // 2)  # buildah rounds
        shutil.copytree(self.folder, folder, symlinks=True, ignore=shutil.ignore_patterns("case.yml"))
        paths = [folder]
        for root, folders, files in os.walk(folder):
            paths += [pathlib.Path(root) / name for name in folders + files]
        for path in paths:
            # As git checks them out under umask 022, whatever the umask of this checkout was.
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) and path.stat().st_mode & 0o100 else 0o644)
            os.utime(path, ns=(old_ns, old_ns), follow_symlinks=False)
        if self.setup:
            subprocess.run(["/bin/sh", "-euc", "umask 022\n" + self.setup], cwd=folder, check=True, stdin=subprocess.DEVNULL)
        recent = old_ns + 10**17
        for root, folders, files in os.walk(folder):
            for path in [pathlib.Path(root), *(pathlib.Path(root) / name for name in folders + files)]:
                if path.lstat().st_mtime_ns > recent:
                    os.utime(path, ns=(old_ns, old_ns), follow_symlinks=False)
        return pathlib.Path(folder)


def all_cases(folder):
    return [Case(each.parent) for each in sorted(pathlib.Path(folder).glob("*/Dockerfile"))]
