"""Bad input and a bad world: each a one-line error with place and remedy and the right exit code; store and registry unharmed."""

import hashlib
import http.server
import io
import json
import os
import subprocess
import tarfile
import threading

from support import SCANGATE, Case, main, need, rootfs_tar


class BadWorld(Case):
    def one_line(self, done, *words):
        errors = [line for line in done.err.splitlines() if line.startswith("scangate: ")]
        self.assertEqual(len(errors), 1, done)
        for word in words:
            self.assertIn(word, errors[0])

    def store_is_whole(self):
        self.import_base("whole:1")
        project = self.project({"Dockerfile": "FROM whole:1\nRUN true\n"})
        self.ok("build", "--no-cache", "-t", "whole:2", project)
        self.assertEqual(self.left_over(), [])

    def stand_in(self, answer):
        """A registry stand-in that answers every request by `answer(handler)`."""

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                answer(self)

            do_HEAD = do_POST = do_PUT = do_PATCH = do_GET

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"127.0.0.1:{server.server_port}"


class BadInput(BadWorld):
    def test_a_broken_pipeline_file(self):
        project = self.project({".gitlab-ci.yml": "build:\n  script:\n    - echo\n  stage: [\n"})
        self.one_line(self.expect(2, "plan", "-C", project), ".gitlab-ci.yml:")
        project = self.project({".gitlab-ci.yml": "stages: [build]\njob:\n  stage: biuld\n  script: [true]\n"})
        self.one_line(self.expect(2, "run", "-C", project), ".gitlab-ci.yml:3:", "biuld", "build")
        self.one_line(self.expect(2, "plan", "-C", self.folder / "nowhere"), "nowhere")

    def test_a_broken_dockerfile(self):
        for text, words in (("FROM scratch\nCOPPY a /a\n", ("Dockerfile:2:1", "COPPY", "COPY")),
                            ("FROM scratch\nADD --checksum=sha256:12 http://127.0.0.1:1/x /x\n", ("Dockerfile:2:26", "not a digest")),
                            ("FROM scratch\nCOPY missing /x\n", ("Dockerfile:2", "missing")),
                            ("RUN true\n", ("Dockerfile:1",)),
                            ("", ("Dockerfile",))):
            self.one_line(self.expect(2, "build", self.project({"Dockerfile": text})), *words)
        self.one_line(self.expect(2, "build", self.project({"other": ""})), "Dockerfile")
        self.store_is_whole()

    def test_a_missing_base(self):
        registry = self.start_registry()
        done = self.expect(2, "build", self.project({"Dockerfile": f"FROM {registry.host}/none:1\n"}))
        self.one_line(done, "Dockerfile:1", "none:1")
        self.store_is_whole()

    def test_wrong_usage(self):
        for words in ((), ("frobnicate",), ("scan",), ("scan", "--format", "pdf", "x"), ("push", "UPPER/case:1")):
            self.expect(2, *words)

    def test_a_truncated_and_an_altered_layer(self):
        registry = self.start_registry()
        self.import_advisories()
        name = f"{registry.host}/app:1"
        self.import_base(name)
        self.ok("push", name)
        blobs = registry.folder / "data/docker/registry/v2/blobs/sha256"
        layer = max(blobs.glob("*/*/data"), key=lambda p: p.stat().st_size)
        whole = layer.read_bytes()
        self.store = self.folder / "other"
        self.write_config()
        for content, words in ((whole[: len(whole) // 2], ("sha256:",)), (whole[:1000] + b"X" + whole[1001:], ("sha256:",))):
            layer.write_bytes(content)
            self.one_line(self.expect(5, "pull", name), *words)
            self.assertEqual(self.ok("-q", "image", "ls", "-q").out, "", "a damaged image got a name")
        layer.write_bytes(whole)
        self.ok("pull", name)
        # Damage in the store itself is found when the layer is read, and is no pass.
        stored = max((self.store / "blobs/sha256").iterdir(), key=lambda p: p.stat().st_size)
        stored.write_bytes(whole[:-100])
        self.expect(4, "scan", name)
        self.expect(4, "push", name)

    def test_a_full_disk(self):
        need("unshare", "mount")
        tar = rootfs_tar(self.folder / "rootfs.tar")
        big = self.folder / "big.tar"
        rootfs_tar(big, extra=[("big", bytes(range(256)) * 40000, 0o644), ("random", os.urandom(24_000_000), 0o644)])
        mount = self.folder / "full"
        mount.mkdir()
        self.store = mount / "s"
        self.write_config()
        script = f"""
            mount -t tmpfs -o size=16m tmpfs {mount} || exit 99
            {SCANGATE} -q image import small:1 {tar} || exit 98
            {SCANGATE} -q image import big:1 {big}; code=$?
            {SCANGATE} -q image ls
            ls {self.store}/tmp
            exit $code"""
        done = subprocess.run(["unshare", "-m", "sh", "-c", script], env=self.environment(), capture_output=True, text=True)
        self.assertEqual(done.returncode, 5, done)
        self.assertIn("is full (free space", done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn("small:1", done.stdout)
        self.assertNotIn("big:1", done.stdout)

    def test_a_registry_that_answers_500(self):
        def answer(handler):
            body = b'{"errors":[{"code":"UNKNOWN","message":"out of cheese"}]}'
            handler.send_response(500)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            if handler.command != "HEAD":
                handler.wfile.write(body)

        self.write_config(transfer={"attempts": 2})
        host = self.stand_in(answer)
        self.import_advisories()
        self.import_base(f"{host}/app:1")
        self.one_line(self.expect(5, "pull", f"{host}/other:1"), host, "500")
        self.one_line(self.expect(5, "push", f"{host}/app:1"), host, "500")
        self.store_is_whole()

    def test_a_registry_that_closes_half_way(self):
        def answer(handler):
            handler.send_response(200)
            handler.send_header("Content-Type", "application/vnd.oci.image.manifest.v1+json")
            handler.send_header("Content-Length", "5000")
            handler.end_headers()
            handler.wfile.write(b'{"schemaVersion": 2')
            handler.close_connection = True

        self.write_config(transfer={"attempts": 2})
        host = self.stand_in(answer)
        self.one_line(self.expect(5, "pull", f"{host}/app:1"), host)
        self.store_is_whole()

    def test_a_registry_that_is_not_there(self):
        self.write_config(transfer={"attempts": 2})
        self.one_line(self.expect(5, "pull", "127.0.0.1:1/app:1"), "127.0.0.1:1")

    def test_a_corrupt_database(self):
        registry = self.start_registry()
        name = f"{registry.host}/app:1"
        self.import_base(name)
        for content in (b"", b"not a database" * 1000):
            (self.folder / "advisories.db").write_bytes(content)
            done = self.expect(4, "scan", name)
            self.assertIn("scangate db import", done.out + done.err)
            self.expect(4, "push", name)
            self.one_line(self.run_scangate("db", "status"), "advisories.db")
        self.import_advisories()
        whole = (self.folder / "advisories.db").read_bytes()
        (self.folder / "advisories.db").write_bytes(whole[: len(whole) // 2])
        self.expect(4, "push", name)
        self.assertEqual(registry.blobs(), [])
        self.import_advisories()
        self.ok("push", name)

    def test_an_import_that_fails_keeps_the_old_database(self):
        self.import_advisories()
        before = (self.folder / "advisories.db").read_bytes()
        bad = self.folder / "bad"
        bad.mkdir()
        (bad / "x.json").write_text("{}")
        self.one_line(self.expect(2, "db", "import", bad), "bad")
        self.one_line(self.expect(2, "db", "import", self.folder / "missing"), "missing")
        self.assertEqual((self.folder / "advisories.db").read_bytes(), before)

    def test_a_broken_policy_and_configuration(self):
        policy = self.folder / "policy.yaml"
        policy.write_text("name: p\nrulez: []\n")
        self.import_base("app:1")
        self.one_line(self.expect(2, "--policy", policy, "scan", "app:1"), "policy.yaml:2:1", "rulez", "rules")
        self.config.write_text("stroe: /x\n")
        self.one_line(self.expect(2, "image", "ls"), "config.yaml:1:1", "store")


def packed(*members):
    """A tar in memory: (name, type, link, claimed size)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind, link, size in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            if size > 1 << 20:  # only says so
                info.size = size
                out.write(info.tobuf(tarfile.GNU_FORMAT) + bytes(10240))
                return out.getvalue()
            info.size = size
            tar.addfile(info, io.BytesIO(b"x" * size))
    return out.getvalue()


class BadBuilds(BadWorld):
    """Builds that cannot end well: no half image is left, and the store goes on working."""

    def build(self, dockerfile, files=(), code=2, **options):
        project = self.project({"Dockerfile": dockerfile})
        for name, content in files:
            (project / name).write_bytes(content)
        done = self.expect(code, "build", "-t", "bad:1", project, **options)
        self.assertNotIn("bad:1", self.ok("image", "ls").out)
        self.assertEqual(self.left_over(), [])
        return done

    def test_a_full_disk(self):
        need("unshare", "mount")
        tar = rootfs_tar(self.folder / "rootfs.tar")
        mount = self.folder / "full"
        mount.mkdir()
        self.store = mount / "s"
        self.write_config()
        project = self.project({"copy": "FROM base:1\nCOPY big /big\n", "run": "FROM base:1\nRUN dd if=/dev/urandom of=/big bs=1000000 count=40\n", "good": "FROM base:1\nRUN echo good\n"})
        (project / "big").write_bytes(os.urandom(30_000_000))
        script = f"""
            mount -t tmpfs -o size=16m tmpfs {mount} || exit 99
            {SCANGATE} -q image import base:1 {tar} || exit 98
            for kind in copy run; do {SCANGATE} build -f {project}/$kind -t bad:$kind {project}; echo "$kind $?"; done
            {SCANGATE} -q build -f {project}/good -t good:1 {project} || exit 97
            {SCANGATE} image ls; ls {self.store}/tmp; {SCANGATE} image prune --help > /dev/null"""
        done = subprocess.run(["unshare", "-m", "sh", "-c", script], env=self.environment(), capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("copy 5\n", done.stdout)
        self.assertIn("run 1\n", done.stdout)
        self.assertIn("is full (free space", done.stderr)
        self.assertIn("No space left on device", done.stderr)
        self.assertIn("Dockerfile:2", done.stderr.replace(f"{project}/copy:2", "Dockerfile:2"))
        self.assertIn("good:1", done.stdout)
        self.assertNotIn("bad:", done.stdout)

    def test_a_base_that_vanishes_half_way(self):
        tar = rootfs_tar(self.folder / "rootfs.tar").read_bytes()
        blob = lambda data: {"digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": len(data)}
        config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [blob(tar)["digest"]]}}).encode()
        manifest = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **blob(config)},
                               "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **blob(tar)}]}).encode()
        whole = []

        def answer(handler):
            if handler.path == "/v2/":
                data, kind = b"{}", "application/json"
            elif "/manifests/" in handler.path:
                data, kind = manifest, "application/vnd.oci.image.manifest.v1+json"
            else:
                data, kind = (config if blob(config)["digest"] in handler.path else tar), "application/octet-stream"
            handler.send_response(200)
            handler.send_header("Content-Type", kind)
            handler.send_header("Docker-Content-Digest", blob(data)["digest"])
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            if handler.command == "HEAD":
                return
            if data is tar and not whole:
                handler.wfile.write(tar[: len(tar) // 2])
                handler.close_connection = True
                return
            handler.wfile.write(data)

        self.write_config(transfer={"attempts": 2})
        host = self.stand_in(answer)
        dockerfile = f"FROM {host}/base:1\nRUN echo built\n"
        self.one_line(self.build(dockerfile, code=5), "Dockerfile:1:6", host)
        self.assertEqual(self.ok("-q", "image", "ls", "-q").out, "", "half a base got a name")
        whole.append(True)
        self.ok("build", "-t", "good:1", self.project({"Dockerfile": dockerfile}))

    def test_archives_stay_inside_the_image(self):
        canary = self.folder / "canary"
        evil = packed(("../" * 20 + str(canary)[1:], tarfile.REGTYPE, "", 1), (str(canary), tarfile.REGTYPE, "", 1), ("way", tarfile.SYMTYPE, str(self.folder), 0), ("way/canary", tarfile.REGTYPE, "", 1))
        project = self.project({"Dockerfile": "FROM base:1\nADD evil.tar /\nRUN cat " + str(canary) + "\n"})
        (project / "evil.tar").write_bytes(evil)
        self.import_base("base:1")
        self.ok("build", project)
        self.assertFalse(canary.exists())

    def test_an_archive_that_unpacks_to_more_than_a_layer_may_hold(self):
        done = self.build("FROM scratch\nADD bomb.tar /\n", [("bomb.tar", packed(("bomb", tarfile.REGTYPE, "", 70 << 30)))])
        self.one_line(done, "Dockerfile:2", "'bomb'", "larger than")
        self.assertIn("  2 | ADD bomb.tar /\n", done.err)

    def test_a_context_that_leads_out(self):
        (self.folder / "outside").write_text("outside")
        for source in ("../outside", str(self.folder / "outside"), "link"):
            project = self.project({"Dockerfile": f"FROM scratch\nCOPY {source} /x\n"})
            (project / "link").symlink_to(self.folder / "outside")
            self.one_line(self.expect(2, "build", "-t", "bad:1", project), "Dockerfile:2:6", "is not in the context")


if __name__ == "__main__":
    main()
