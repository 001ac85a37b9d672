"""Two images compared file by file, and one image against what a case expects."""

import datetime
import json

# What builders leave behind in an image because a RUN had it mounted, or keep of their own; not imitated, so not compared. `RUN true` is an empty layer.
LEAKS = {
    "buildah": {"/run": "the step's mount point and what lies on it", "/etc/hosts": "written by the step", "/etc/resolv.conf": "written by the step", "/etc/hostname": "written by the step",
                "/proc": "mount point", "/sys": "mount point", "/dev": "mount point"},
    "docker": {"/etc/hosts": "mount point", "/etc/resolv.conf": "mount point", "/etc/hostname": "mount point", "/proc": "mount point", "/sys": "mount point",
               "/dev": "mount point", "/.dockerenv": "the daemon's mark"},
    "buildkit": {"/etc/hosts": "mount point", "/etc/resolv.conf": "mount point", "/proc": "mount point", "/sys": "mount point", "/dev": "mount point"},
}
LEAKS["buildkitd"] = LEAKS["buildkit"]
FIELDS = ("Env", "Cmd", "Entrypoint", "WorkingDir", "User", "Labels", "ExposedPorts", "Volumes", "StopSignal", "Healthcheck", "Shell", "OnBuild")
# What the builders write of themselves.
OWN_LABELS = ("io.buildah.version",)


def field(image, name):
    value = (image.config.get("config") or {}).get(name)
    if name == "Labels" and value:
        value = {k: v for k, v in value.items() if k not in OWN_LABELS}
    if name == "Healthcheck" and value:
        value = {k: v for k, v in value.items() if v}
    if name == "WorkingDir" and value == "/":
        value = None  # docker says "/" where nothing was said, others nothing
    if name == "Env" and value:
        value = sorted(value)  # a set: no name stands twice
    return value or None


def covered(path, names):
    return any(path == name.removesuffix("/**") or path.startswith(name.removesuffix("**").rstrip("/") + "/") for name in names)


def describe(image, path, since):
    """What is compared of one file; times only where the file is older than the build."""
    node = image.tree[path]
    out = {"kind": node.kind, "owner": node.owner}
    if node.kind != "link":
        out["mode"] = f"{node.mode:04o}"
    if node.content:
        out["content"] = node.content
    if node.xattrs:
        out["xattrs"] = {k: v.encode("utf-8", "surrogateescape").hex() for k, v in sorted(node.xattrs.items())}
    links = image.hard_links(path)
    if len(links) > 1:
        out["links"] = links
    if node.kind in ("file", "link") and node.mtime < since:
        out["mtime"] = int(node.mtime)
    return out


def differences(ours, theirs, peer, ignore, since):
    out = []
    skipped = list(LEAKS[peer]) + [name for name in ignore if not name.startswith("config.")]
    for path in sorted(set(ours.tree) | set(theirs.tree)):
        if path == "/" or covered(path, skipped):
            continue
        mine = describe(ours, path, since) if path in ours.tree else None
        other = describe(theirs, path, since) if path in theirs.tree else None
        if mine != other:
            out.append(f"{path}: scangate {short(mine)}, {peer} {short(other)}" if not (mine and other) else
                       f"{path}: " + ", ".join(f"{key}: scangate {mine.get(key)}, {peer} {other.get(key)}" for key in sorted(set(mine) | set(other)) if mine.get(key) != other.get(key)))
    for name in FIELDS:
        if f"config.{name}" in ignore:
            continue
        mine, other = field(ours, name), field(theirs, name)
        if mine != other:
            out.append(f"config {name}: scangate {json.dumps(mine)}, {peer} {json.dumps(other)}")
    return out


def short(description):
    return "has no such file" if description is None else "has " + json.dumps(description)


def time_text(seconds):
    return datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def unexpected_file(image, path, wanted):
    node = image.tree.get(path)
    if wanted is None:
        return [] if node is None else [f"{path} is there"]
    if node is None:
        return [f"{path} is missing"]
    if isinstance(wanted, str):
        wanted = {"kind": "file", "content": wanted}
    have = {"kind": node.kind, "mode": f"{node.mode:04o}", "owner": node.owner, "mtime": time_text(node.mtime), "content": node.text.decode(errors="replace"),
            "target": node.content, "links": image.hard_links(path), "xattrs": {k: v.encode("utf-8", "surrogateescape").hex() for k, v in node.xattrs.items()}}
    return [f"{path}: {key} is {have[key]!r}, expected {value!r}" for key, value in wanted.items() if have[key] != value]


def unexpected(image, base_layers, expect):
    out = []
    for path, wanted in expect.get("files", {}).items():
        out += unexpected_file(image, path, wanted)
    for name, wanted in expect.get("config", {}).items():
        have = (image.config.get("config") or {}).get(name)
        if have != wanted:
            out.append(f"config {name} is {json.dumps(have)}, expected {json.dumps(wanted)}")
    env = dict(each.partition("=")[::2] for each in (image.config.get("config") or {}).get("Env") or [])
    for name, wanted in expect.get("env", {}).items():
        if env.get(name) != wanted:
            out.append(f"variable {name} is {env.get(name)!r}, expected {wanted!r}")
    if "layers" in expect and len(image.layers) - base_layers != expect["layers"]:
        out.append(f"{len(image.layers) - base_layers} layers on the base's, expected {expect['layers']}")
    return out
