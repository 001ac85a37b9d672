"""The base images of the suite: busybox and a few files of each kind, without a network."""

import io
import pathlib
import platform
import tarfile

import image

BUSYBOX = pathlib.Path("/bin/busybox")
OLD = 1577836800  # 2020-01-01
APPLETS = ("sh cat ls echo id mkdir rmdir touch rm mv cp ln chmod chown sleep true false env wc test [ printf dd mknod mkfifo stat find head tail sort "
           "readlink pwd grep sed tr cut sha256sum tar basename dirname hostname uname kill expr mktemp adduser").split()
# A version 2 capability: cap_net_raw, permitted and effective. linux/capability.h, struct vfs_cap_data.
NET_RAW = b"\x01\x00\x00\x02" + (1 << 13).to_bytes(4, "little") + bytes(12)


def add(tar, name, content=b"", mode=0o644, kind=tarfile.REGTYPE, target="", owner=(0, 0), xattrs=None):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname, info.mtime = kind, mode, target, OLD
    info.uid, info.gid = owner
    info.size = len(content)
    if xattrs:
        info.pax_headers = {"SCHILY.xattr." + key: value.decode("utf-8", "surrogateescape") for key, value in xattrs.items()}
    tar.addfile(info, io.BytesIO(content))


def base_layer():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        folder = lambda name, mode=0o755, owner=(0, 0): add(tar, name, mode=mode, kind=tarfile.DIRTYPE, owner=owner)
        for name in ("bin", "dev", "etc", "home", "opt", "proc", "root", "run", "srv", "sys", "tmp", "usr", "usr/bin", "var", "var/lib"):
            folder(name, {"tmp": 0o1777, "root": 0o700}.get(name, 0o755))
        add(tar, "bin/busybox", BUSYBOX.read_bytes(), 0o755)
        for name in APPLETS:
            add(tar, f"bin/{name}", kind=tarfile.SYMTYPE, target="busybox", mode=0o777)
        add(tar, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/home/app:/bin/sh\nweb:x:33:33::/srv:/bin/sh\n")
        add(tar, "etc/group", b"root:x:0:\napp:x:1001:\nweb:x:33:app\nstaff:x:50:app\n")
        add(tar, "etc/hosts", b"")
        add(tar, "etc/resolv.conf", b"")
        folder("home/app", 0o750, (1000, 1001))
        folder("srv/real")
        add(tar, "srv/real/file", b"real\n")
        folder("srv/owned", 0o2770, (33, 50))
        add(tar, "srv/owned/inner", b"inner\n", 0o640, owner=(33, 50))
        add(tar, "srv/absolute", kind=tarfile.SYMTYPE, target="/srv/real", mode=0o777)
        add(tar, "srv/relative", kind=tarfile.SYMTYPE, target="real", mode=0o777)
        add(tar, "srv/dangling", kind=tarfile.SYMTYPE, target="/srv/nowhere", mode=0o777)
        add(tar, "srv/tofile", kind=tarfile.SYMTYPE, target="real/file", mode=0o777)
        add(tar, "srv/loop", kind=tarfile.SYMTYPE, target="loop", mode=0o777)
        folder("srv/tree")
        folder("srv/tree/a")
        folder("srv/tree/a/deep")
        for name in ("one", "two", "a/three", "a/deep/four"):
            add(tar, f"srv/tree/{name}", name.encode() + b"\n")
        add(tar, "srv/hard1", b"hard\n")
        add(tar, "srv/hard2", kind=tarfile.LNKTYPE, target="srv/hard1")
        add(tar, "srv/suid", b"suid\n", 0o4755)
        add(tar, "srv/capable", b"capable\n", 0o755, xattrs={"security.capability": NET_RAW})
        add(tar, "srv/pipe", kind=tarfile.FIFOTYPE)
    return out.getvalue()


PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PLAIN = {"config": {"Env": [PATH], "Cmd": ["/bin/sh"]}}
# Every field that a Dockerfile can set, already set.
RICH = {"config": {"Env": [PATH, "RICH=from-base", "EMPTY="], "Cmd": ["base-command"], "Entrypoint": ["/bin/echo", "base"], "User": "app",
                   "WorkingDir": "/home/app", "Labels": {"base.label": "one", "shared": "base"}, "ExposedPorts": {"8080/tcp": {}},
                   "Volumes": {"/srv/real": {}}, "StopSignal": "SIGQUIT"}}


def write(folder):
    """{reference: docker archive} in `folder`."""
    if platform.machine() != "x86_64":
        raise RuntimeError("the base images are written for x86_64")
    layer = base_layer()
    out = {}
    for name, config in (("localhost/base:latest", PLAIN), ("localhost/rich:latest", RICH)):
        path = pathlib.Path(folder) / (name.partition("/")[2].partition(":")[0] + ".tar")
        image.write_archive(path, name, config, layer)
        out[name] = path
    return out
