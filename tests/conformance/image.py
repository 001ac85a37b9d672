"""An image as other programs see it: its layers applied in order to a tree of files, and its configuration.

Written from the OCI image specification (layer.md), with Python's own tar reader: nothing of the program under test takes part.
"""

import contextlib
import dataclasses
import gzip
import hashlib
import io
import json
import pathlib
import shutil
import subprocess
import tarfile
import threading

KINDS = {tarfile.REGTYPE: "file", tarfile.AREGTYPE: "file", tarfile.CONTTYPE: "file", tarfile.GNUTYPE_SPARSE: "file", tarfile.DIRTYPE: "dir",
         tarfile.SYMTYPE: "link", tarfile.FIFOTYPE: "fifo", tarfile.CHRTYPE: "char", tarfile.BLKTYPE: "block"}


@dataclasses.dataclass(eq=False)  # two paths with the same node are hard links of each other
class Node:
    kind: str
    mode: int
    owner: str
    mtime: float
    content: str = ""  # files: sha256 and size; links: the target; devices: their number
    text: bytes = b""  # the beginning of a file
    xattrs: dict = dataclasses.field(default_factory=dict)


class BadLayer(Exception):
    """A layer that breaks the specification."""


def entries_of(tar_bytes):
    """[(path, Node | the path it is a hard link to)] of one layer. Raises BadLayer for names that no layer may have."""
    out = []
    seen = set()
    with tarfile.open(fileobj=io.BytesIO(tar_bytes)) as tar:
        for member in tar:
            path = "/" + member.name.strip("/") if member.name.strip("/") not in ("", ".") else "/"
            if path.startswith("/./"):
                path = path[2:]
            if ".." in path.split("/"):
                raise BadLayer(f"{member.name}: leads out")
            if path in seen:
                raise BadLayer(f"{member.name}: twice in one layer")
            seen.add(path)
            if member.islnk():
                out.append((path, "/" + member.linkname.removeprefix("./").strip("/")))
                continue
            node = Node(KINDS[member.type], member.mode & 0o7777, f"{member.uid}:{member.gid}", member.mtime)
            if node.kind == "file":
                data = tar.extractfile(member).read()
                node.content = f"{len(data)} bytes sha256:{hashlib.sha256(data).hexdigest()}"
                node.text = data[:65536]
            elif node.kind == "link":
                node.content = member.linkname
            elif node.kind in ("char", "block"):
                node.content = f"{member.devmajor}:{member.devminor}"
            for key, value in member.pax_headers.items():
                if key.startswith("SCHILY.xattr."):
                    node.xattrs[key.removeprefix("SCHILY.xattr.")] = value
            if "mtime" in member.pax_headers:
                node.mtime = float(member.pax_headers["mtime"])
            out.append((path, node))
    return out


def remove_below(tree, folder):
    for path in [p for p in tree if p.startswith(folder.rstrip("/") + "/") and p != "/"]:
        del tree[path]


def apply_layer(tree, entries):
    # Whiteouts speak of the layers below only, wherever they stand in the tar.
    for path, _ in entries:
        folder, _, name = path.rpartition("/")
        if name == ".wh..wh..opq":
            remove_below(tree, folder or "/")
        elif name.startswith(".wh.") and not name.startswith(".wh..wh."):
            hidden = f"{folder}/{name[4:]}"
            remove_below(tree, hidden)
            tree.pop(hidden, None)
    for path, node in entries:
        if path.rpartition("/")[2].startswith(".wh."):
            continue
        if isinstance(node, str):
            if node not in tree:
                raise BadLayer(f"{path}: a hard link to {node}, which is not there")
            node = tree[node]
        if node.kind != "dir":
            remove_below(tree, path)
        tree[path] = node


class Image:
    def __init__(self, config, layers):
        self.config = config
        self.layers = layers  # entries of each
        self.tree = {}
        for entries in layers:
            apply_layer(self.tree, entries)

    def hard_links(self, path):
        node = self.tree[path]
        return sorted(p for p, other in self.tree.items() if other is node) if node.kind == "file" else [path]


_layers = {}  # by diffID: base layers are read once
_lock = threading.Lock()


def plain(data):
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    if data[:4] == b"\x28\xb5\x2f\xfd":
        return subprocess.run(["zstd", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


def layer(diff_id, read):
    with _lock:
        known = _layers.get(diff_id)
    if known is None:
        data = plain(read())
        if "sha256:" + hashlib.sha256(data).hexdigest() != diff_id:
            raise BadLayer(f"the layer is not what its diffID {diff_id} says")
        known = entries_of(data)
        with _lock:
            _layers[diff_id] = known
    return known


def read_layout(folder):
    """The first image of an OCI layout."""
    folder = pathlib.Path(folder)
    blob = lambda digest: (folder / "blobs" / digest.replace(":", "/")).read_bytes()
    descriptor = json.loads((folder / "index.json").read_text())["manifests"][0]
    manifest = json.loads(blob(descriptor["digest"]))
    config = json.loads(blob(manifest["config"]["digest"]))
    ids = config["rootfs"].get("diff_ids") or []
    if len(ids) != len((manifest["layers"] or [])):
        raise BadLayer(f"{len(ids)} diffIDs for {len(manifest['layers'])} layers")
    filled = [h for h in config.get("history", []) if not h.get("empty_layer")]
    if filled and len(filled) != len(ids):
        raise BadLayer(f"the history speaks of {len(filled)} layers, there are {len(ids)}")
    return Image(config, [layer(i, lambda d=d: blob(d["digest"])) for i, d in zip(ids, (manifest["layers"] or []))])


def read_archive(data):
    """The first image of a docker archive."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        read = lambda name: tar.extractfile(name).read()
        manifest = json.loads(read("manifest.json"))[0]
        config = json.loads(read(manifest["Config"]))
        ids = config["rootfs"].get("diff_ids") or []
        return Image(config, [layer(i, lambda n=n: read(n)) for i, n in zip(ids, manifest["Layers"])])


def write_archive(path, name, config, layer_tar):
    """A docker archive of one layer, which every builder can load."""
    diff_id = hashlib.sha256(layer_tar).hexdigest()
    config = dict(config, architecture="amd64", os="linux", rootfs={"type": "layers", "diff_ids": ["sha256:" + diff_id]},
                  history=[{"created": "2020-01-01T00:00:00Z", "created_by": "base"}], created="2020-01-01T00:00:00Z")
    text = json.dumps(config).encode()
    config_name = hashlib.sha256(text).hexdigest() + ".json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": [f"{diff_id}/layer.tar"]}]).encode()
    with tarfile.open(path, "w") as tar:
        for file, data in ((config_name, text), (f"{diff_id}/layer.tar", layer_tar), ("manifest.json", manifest)):
            info = tarfile.TarInfo(file)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def remove_folder(folder):
    with contextlib.suppress(OSError):
        shutil.rmtree(folder)
