"""Other people's programs take what scangate built: skopeo, umoci, runc, podman, a docker-registry, the OCI schemas.

    SCANGATE=build/dev/bin/scangate /usr/bin/python3 tests/conformance/accept.py [--docker] [-v] [CASE…]

Each chosen case becomes an OCI layout, which every program that is here takes, and gives the same files again. --docker starts a daemon, too.
"""

import argparse
import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request

sys.dont_write_bytecode = True
import bases  # noqa: E402
import case as cases  # noqa: E402
import compare  # noqa: E402
import image  # noqa: E402
import peers  # noqa: E402
from conformance import HERE, work_folder  # noqa: E402

sys.path.insert(0, str(HERE.parent / "e2e"))
SCHEMAS = pathlib.Path(os.environ["SCANGATE_SOURCE"]).parent / "shared/schemas/oci"

# What makes layers hard to read, one or two cases each.
CASES = ["copy-chown-names", "copy-long-path", "copy-name-that-is-no-utf8", "copy-sparse-file", "copy-sub-second-times", "copy-time-before-1970",
         "copy-unicode-and-odd-names", "everything-of-the-base-is-kept", "hard-links-across-layers", "run-changes-one-of-two-hard-links",
         "run-keeps-capabilities-of-the-base", "run-long-and-unicode-names", "run-makes-hard-links", "run-makes-special-files", "run-removes-folder-of-the-base",
         "run-replaces-folder-by-file", "run-replaces-folder-by-new-one", "run-special-bits", "whiteout-then-again-in-later-layer"]
# These take longest: one image with capabilities, hard links and special files will do.
FULL = "everything-of-the-base-is-kept"


def sha256(path):
    return "sha256:" + hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def trees_differ(mine, other):
    out = []
    for path in sorted(set(mine.tree) | set(other.tree)):
        if path == "/":
            continue
        a, b = (compare.describe(each, path, float("inf")) if path in each.tree else None for each in (mine, other))
        if a != b:
            out.append(f"{path}: built {compare.short(a)}, read {compare.short(b)}")
    return out


def read_rootfs(folder):
    """A folder of files as an image: what umoci unpacked."""
    out = image.Image({}, [])
    seen = {}
    for root, folders, files in os.walk(os.fsencode(folder)):
        for name in folders + files:
            full = os.path.join(root, name)
            path = "/" + os.path.relpath(full, os.fsencode(folder)).decode("utf-8", "surrogateescape")
            info = os.lstat(full)
            key = (info.st_dev, info.st_ino)
            if not stat.S_ISDIR(info.st_mode) and key in seen:
                out.tree[path] = seen[key]
                continue
            kind = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "link", stat.S_IFIFO: "fifo", stat.S_IFCHR: "char", stat.S_IFBLK: "block"}[stat.S_IFMT(info.st_mode)]
            node = image.Node(kind, stat.S_IMODE(info.st_mode), f"{info.st_uid}:{info.st_gid}", info.st_mtime)
            if kind == "file":
                with open(full, "rb") as file:
                    data = file.read()
                node.content = f"{len(data)} bytes sha256:{hashlib.sha256(data).hexdigest()}"
            elif kind == "link":
                node.content = os.readlink(full).decode("utf-8", "surrogateescape")
            elif kind in ("char", "block"):
                node.content = f"{os.major(info.st_rdev)}:{os.minor(info.st_rdev)}"
            for name in os.listxattr(full, follow_symlinks=False):
                node.xattrs[name] = os.getxattr(full, name, follow_symlinks=False).decode("utf-8", "surrogateescape")
            seen[key] = out.tree[path] = node
    return out


class Failed(Exception):
    pass


def call(*words, env=None, cwd=None):
    code, out, err = peers.run(words, env, cwd)
    if code != 0:
        raise Failed(f"{' '.join(map(str, words))}: exit {code}: {err.strip()[-800:]}")
    return out


class Layout:
    """One built image on disk."""

    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        self.image = image.read_layout(folder)
        self.descriptor = json.loads((folder / "index.json").read_text())["manifests"][0]
        self.digest = self.descriptor["digest"]
        self.reference = f"oci:{folder}:1"

    def blob(self, digest):
        return (self.folder / "blobs" / digest.replace(":", "/")).read_bytes()


class Schemas:
    """Validates the documents of a layout."""

    def __init__(self):
        import jsonschema

        self.all = {path.name: json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")}
        schemas = self.all

        class ByName(jsonschema.RefResolver):
            """They point at each other by addresses of a site, which are not asked for."""

            def resolve_remote(self, uri):
                return schemas[uri.rpartition("/")[2].partition("#")[0]]

        self.validators = {name: jsonschema.validators.validator_for(schema)(schema, resolver=ByName(schema.get("id", ""), schema)) for name, schema in schemas.items()}

    def check(self, name, text):
        self.validators[name].validate(json.loads(text))

    def accept(self, layout, _):
        self.check("image-layout-schema.json", (layout.folder / "oci-layout").read_text())
        self.check("image-index-schema.json", (layout.folder / "index.json").read_text())
        manifest = layout.blob(layout.digest)
        self.check("image-manifest-schema.json", manifest)
        self.check("config-schema.json", layout.blob(json.loads(manifest)["config"]["digest"]))


class Skopeo:
    def accept(self, layout, out):
        said = json.loads(call("skopeo", "inspect", layout.reference))
        wanted = [each["digest"] for each in json.loads(layout.blob(layout.digest))["layers"]]
        if said["Digest"] != layout.digest or said["Layers"] != wanted:
            raise Failed(f"skopeo inspect tells {said['Digest']} and {said['Layers']}")
        call("skopeo", "copy", "-q", layout.reference, f"docker-archive:{out}/image.tar:app:1")
        found = trees_differ(layout.image, image.read_archive((out / "image.tar").read_bytes()))
        if found:
            raise Failed("skopeo's docker-archive: " + "; ".join(found))
        call("skopeo", "copy", "-q", "--preserve-digests", layout.reference, f"dir:{out}/dir")
        if sha256(out / "dir/manifest.json") != layout.digest:
            raise Failed("skopeo's dir has another manifest")
        if layout.name == FULL:
            name = f"containers-storage:[vfs@{out}/storage+{out}/run]localhost/app:1"
            call("skopeo", "copy", "-q", layout.reference, name)
            if json.loads(call("skopeo", "inspect", name))["Architecture"] != "amd64":
                raise Failed("containers-storage has another image")


class Umoci:
    def accept(self, layout, out):
        call("umoci", "unpack", "--image", f"{layout.folder}:1", out / "bundle")
        found = trees_differ(layout.image, read_rootfs(out / "bundle/rootfs"))
        if found:
            raise Failed("umoci's root file system: " + "; ".join(found[:20]))


class Runc:
    """Runs the bundle that umoci made."""

    def accept(self, layout, out):
        if not (out / "bundle/rootfs/bin/busybox").exists():
            return
        config = json.loads((out / "bundle/config.json").read_text())
        config["process"].update(terminal=False, args=["/bin/busybox", "sh", "-c", "echo hello; ls / | wc -l"], cwd="/", user={"uid": 0, "gid": 0})
        # What a host may lack: limits and groups are no part of an image.
        config["process"].pop("rlimits", None)
        config["mounts"] = [mount for mount in config["mounts"] if mount["type"] != "cgroup"]
        config["linux"].pop("resources", None)
        (out / "bundle/config.json").write_text(json.dumps(config))
        said = call("runc", "--root", out / "runc", "run", "-b", out / "bundle", f"accept-{os.getpid()}")
        if not said.startswith(b"hello\n"):
            raise Failed(f"runc: the program said {said!r}")


class Podman:
    def __init__(self, folder):
        self.words = ["podman", "--root", folder / "podman", "--runroot", folder / "podman-run", "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs",
                      "--runtime", shutil.which("runc", path="/usr/sbin:/usr/bin:/sbin:/bin") or "runc", "--events-backend", "file"]

    def accept(self, layout, out):
        if layout.name != FULL:
            return
        archive = out / "podman.tar"
        call("skopeo", "copy", "-q", layout.reference, f"docker-archive:{archive}:localhost/app:1")
        call(*self.words, "load", "-q", "-i", archive)
        config = json.loads(call(*self.words, "image", "inspect", "localhost/app:1"))[0]
        if [each.removeprefix("sha256:") for each in config["RootFS"]["Layers"]] != [each.removeprefix("sha256:") for each in layout.image.config["rootfs"]["diff_ids"]]:
            raise Failed("podman has other layers")
        mounted = pathlib.Path(call(*self.words, "image", "mount", "localhost/app:1").decode().strip())
        found = trees_differ(layout.image, read_rootfs(mounted))
        call(*self.words, "image", "unmount", "localhost/app:1")
        if found:
            raise Failed("podman's root file system: " + "; ".join(found[:20]))


class Docker:
    def __init__(self, folder):
        self.daemon = peers.Daemon(folder)

    def accept(self, layout, out):
        call("skopeo", "copy", "-q", layout.reference, f"docker-archive:{out}/docker.tar:app:{layout.name}")
        call(self.daemon.client, "load", "-q", "-i", out / "docker.tar", env=self.daemon.env)
        said = json.loads(call(self.daemon.client, "inspect", f"app:{layout.name}", env=self.daemon.env))[0]
        if (said["RootFS"].get("Layers") or []) != layout.image.config["rootfs"]["diff_ids"]:
            raise Failed("docker has other layers")

    def stop(self):
        self.daemon.stop()


class Registry:
    """Debian's docker-registry."""

    def __init__(self, folder):
        os.environ.setdefault("SCANGATE", "scangate")
        import support

        self.server = support.Registry(folder / "registry")

    def accept(self, layout, out):
        name = f"{self.server.host}/group/{layout.name}"
        call("skopeo", "copy", "-q", "--preserve-digests", "--dest-tls-verify=false", layout.reference, f"docker://{name}:1")
        request = urllib.request.Request(f"http://{self.server.host}/v2/group/{layout.name}/manifests/1", headers={"Accept": layout.descriptor["mediaType"]})
        with urllib.request.urlopen(request, timeout=20) as answer:
            if answer.headers["Docker-Content-Digest"] != layout.digest or answer.read() != layout.blob(layout.digest):
                raise Failed("the registry has another manifest")

    def stop(self):
        self.server.stop()


def takers(folder, options):
    """[(name, taker)]: those that can work here. What is missing is said."""
    out = []

    def take(name, program, make):
        if program and peers.missing(program):
            print(f"SKIPPED: {program} is not installed")
            return
        try:
            out.append((name, make()))
        except (RuntimeError, ImportError) as error:
            print(f"SKIPPED: {name}: {error}")

    if SCHEMAS.exists():
        take("schemas", None, Schemas)
    else:
        print(f"SKIPPED: the OCI schemas are not in {SCHEMAS}")
    take("skopeo", "skopeo", Skopeo)
    take("umoci", "umoci", Umoci)
    if any(name == "umoci" for name, _ in out):
        take("runc", "runc", Runc)
    take("podman", "podman", lambda: Podman(folder))
    take("docker-registry", "docker-registry", lambda: Registry(folder))
    if options.docker:
        take("dockerd", "dockerd", lambda: Docker(folder))
    return out


def build(ours, each, folder):
    context = each.make_context(folder / "contexts" / each.name)
    layout = folder / "layouts" / each.name
    for before in each.before:
        call(ours.program, "-q", "build", "-f", context / before["dockerfile"], "-t", before["tag"], context, env=ours.env, cwd=context)
    call(ours.program, "-q", "build", "-f", context / each.dockerfile, *ours.flags(each), "-o", f"oci:{layout}:1", context, env=ours.env, cwd=context)
    return Layout(each.name, layout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cases", nargs="*", default=CASES)
    parser.add_argument("--docker", action="store_true")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    if os.geteuid() != 0 or not bases.BUSYBOX.exists():
        print("SKIPPED: this needs root and busybox-static")
        return 0
    folder = pathlib.Path(tempfile.mkdtemp(prefix="accept-", dir=work_folder()))
    ours, working, failed = None, [], 0
    seconds = {}
    try:
        for name in ("contexts", "layouts", "out"):
            (folder / name).mkdir()
        ours = peers.Scangate(folder, pathlib.Path(os.environ["SCANGATE"]).resolve())
        ours.start(bases.write(folder))
        working = takers(folder, options)
        for name in options.cases or CASES:
            layout = build(ours, cases.Case(HERE / "cases" / name), folder)
            out = folder / "out" / name
            out.mkdir()
            for who, taker in working:
                begun = time.monotonic()
                try:
                    taker.accept(layout, out)
                except Exception as error:  # one that fails leaves the others their turn
                    failed += 1
                    print(f"FAILED {name}: {who}: {error if isinstance(error, Failed) else traceback.format_exc().strip()[-1500:]}")
                seconds[who] = seconds.get(who, 0) + time.monotonic() - begun
            shutil.rmtree(out)
    finally:
        for _, taker in working:
            with contextlib.suppress(AttributeError):
                taker.stop()
        peers.unmount_below(folder)
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{len(options.cases or CASES)} images, {failed} failed; taken by: " + ", ".join(f"{who} ({spent:.1f} s)" for who, spent in seconds.items()))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
