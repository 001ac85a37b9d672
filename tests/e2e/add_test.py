"""ADD of URLs and git repositories, ONBUILD and the flags of COPY, as users type them: on the command line and in a job."""

import base64
import gzip
import hashlib
import http.server
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tarfile
import threading
import time
import unittest

from executor_test import Job
from support import Case, add_file, free_port, main


def packed(files):
    """A tar.gz of files by path."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for path, text in files.items():
            add_file(tar, path, text)
    return out.getvalue()


class Files(http.server.BaseHTTPRequestHandler):
    files = {
        "/tool": b"tool",
        "/context.tar.gz": packed({"Dockerfile": "FROM scratch\nCOPY a /from-tar\n", "other": "FROM scratch\nCOPY a /from-other\n", "a": "A"}),
        "/evil.tar": packed({"Dockerfile": "FROM scratch\n", "../evil": "x"}),
        "/Dockerfile": b"FROM scratch\nENV A=b\n",
    }
    seen = []  # Authorization headers

    def do_GET(self):
        body = self.files.get(self.path, b"")
        self.seen.append(self.headers.get("Authorization"))
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


class Served(Case):
    def setUp(self):
        super().setUp()
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.checksum = "sha256:" + hashlib.sha256(b"tool").hexdigest()

    def build(self, files, *words):
        """The files of the image by path."""
        layout = self.folder / "layout"
        shutil.rmtree(layout, ignore_errors=True)
        self.ok("-q", "build", *words, "-o", f"oci:{layout}", self.project(files))
        blob = lambda digest: (layout / "blobs" / digest.replace(":", "/")).read_bytes()
        manifest = json.loads(blob(json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]))
        found = {}
        for layer in manifest["layers"]:
            path = self.folder / "layer.tar"
            path.write_bytes(gzip.decompress(blob(layer["digest"])))
            with tarfile.open(path) as tar:
                for member in tar:
                    found[member.name.rstrip("/")] = tar.extractfile(member).read().decode(errors="replace") if member.isfile() else None
        return found


    def start_git_daemon(self):
        if not pathlib.Path("/usr/lib/git-core/git-daemon").exists():
            raise unittest.SkipTest("git daemon is not installed")
        work = self.folder / "repositories/app.git"
        work.mkdir(parents=True)
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a",
               "GIT_COMMITTER_EMAIL": "a@b"}
        (work / "docs").mkdir()
        (work / "docs/a.md").write_text("A")
        (work / "Makefile").write_text("all:\n")
        (work / "Dockerfile").write_text("FROM scratch\nCOPY docs /from-main\n")
        (work / "docs/other").write_text("FROM scratch\nCOPY a.md /from-docs\n")
        for words in (["init", "-q", "-b", "main", "."], ["add", "-A"], ["commit", "-q", "-m", "x"], ["tag", "v1"]):
            subprocess.run(["git", *words], cwd=work, env=env, check=True)
        port = free_port()
        daemon = subprocess.Popen(["/usr/lib/git-core/git-daemon", "--export-all", "--listen=127.0.0.1", f"--port={port}", f"--base-path={work.parent}"],
                                  env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        self.addCleanup(daemon.wait)
        self.addCleanup(os.killpg, daemon.pid, signal.SIGTERM)
        address = f"git://127.0.0.1:{port}/app.git"
        for _ in range(100):
            if subprocess.run(["git", "ls-remote", address], env=env, capture_output=True).returncode == 0:
                return address
            time.sleep(0.1)
        raise AssertionError("git daemon does not answer")


class Add(Served):
    def test_a_url(self):
        files = self.build({"Dockerfile": f"FROM scratch\nADD --checksum={self.checksum} --chmod=u=rx,go= {self.url}/tool /bin/\n"})
        self.assertEqual(files, {"bin": None, "bin/tool": "tool"})

    def test_a_wrong_checksum_and_a_missing_file(self):
        wrong = "sha256:" + "0" * 64
        done = self.expect(2, "build", self.project({"Dockerfile": f"FROM scratch\nADD --checksum={wrong} {self.url}/tool /\n"}))
        self.assertIn(f"the checksum of {self.url}/tool is wrong: it is {self.checksum}, not {wrong}", done.err)
        done = self.expect(2, "build", self.project({"Dockerfile": f"FROM scratch\nADD {self.url}/none /\n"}))
        self.assertIn(f"Dockerfile:2:5: {self.url}/none cannot be added: the server answered 404", done.err)
        self.assertEqual(self.left_over(), [])

    def test_a_git_repository(self):
        address = self.start_git_daemon()
        self.assertEqual(self.build({"Dockerfile": f"FROM scratch\nADD {address}#v1:docs /d/\n"}), {"d": None, "d/a.md": "A", "d/other": "FROM scratch\nCOPY a.md /from-docs\n"})
        self.assertIn(".git/HEAD", self.build({"Dockerfile": f"FROM scratch\nADD --keep-git-dir=true {address} /\n"}))
        done = self.expect(2, "build", self.project({"Dockerfile": f"FROM scratch\nADD {address}#nope /\n"}))
        self.assertIn(f"Dockerfile:2:5: {address} has no branch or tag 'nope'", done.err)
        self.assertEqual([each for each in self.left_over() if "git-daemon" not in each], [])  # the server is ours

    def test_a_repository_as_context(self):
        address = self.start_git_daemon()
        for words, file in (([f"{address}#v1"], "from-main/a.md"), (["-f", "other", f"{address}#v1:docs"], "from-docs")):
            self.ok("-q", "build", "-t", "from-git:1", *words)
            self.assertIn(file, self.build({"Dockerfile": "FROM scratch\nCOPY --from=from-git:1 / /\n"}))
        done = self.expect(2, "build", f"{address}#v1:docs")
        self.assertIn("Dockerfile", done.err)
        self.assertEqual([each for each in self.left_over() if "git-daemon" not in each], [])

    def files_of(self, image):
        return self.build({"Dockerfile": f"FROM scratch\nCOPY --from={image} / /\n"})

    def test_a_tar_by_its_url_as_context(self):
        Files.seen.clear()
        self.ok("-q", "build", "-t", "from-url:1", self.url.replace("://", "://me:p%40ss@") + "/context.tar.gz")
        self.assertEqual(Files.seen, ["Basic " + base64.b64encode(b"me:p@ss").decode()])
        self.assertIn("from-tar", self.files_of("from-url:1"))
        self.ok("-q", "build", "-t", "from-url:1", "-f", "other", f"{self.url}/context.tar.gz")
        self.assertIn("from-other", self.files_of("from-url:1"))
        self.ok("-q", "build", f"{self.url}/Dockerfile")
        done = self.expect(2, "build", f"{self.url}/none?token=s3cr3t")
        self.assertIn(f"the build context {self.url}/none", done.err)
        self.assertIn("the server answered 404", done.err)
        done = self.expect(2, "build", f"{self.url}/evil.tar")
        self.assertIn(f"the build context {self.url}/evil.tar: '../evil' leads outside", done.err)
        done = self.expect(2, "build", "-f", "x", f"{self.url}/Dockerfile")
        self.assertIn("the build context is a Dockerfile alone", done.err)
        self.assertEqual(self.left_over(), [])

    def test_named_contexts(self):
        (self.folder / "assets").mkdir()
        (self.folder / "assets/logo").write_text("png")
        self.ok("-q", "build", "-o", f"oci:{self.folder}/base:v1", self.project({"Dockerfile": "FROM scratch\nCOPY in-base /\n", "in-base": "b"}))
        dockerfile = ("FROM debian:bookworm\nCOPY --from=assets logo /a/\nCOPY --from=remote a /r/\n"
                      "COPY --from=base in-base /c/\n")
        named = [f"assets={self.folder}/assets", f"remote={self.url}/context.tar.gz", f"base=oci-layout://{self.folder}/base:v1",
                 f"docker.io/library/debian:bookworm=oci-layout://{self.folder}/base:v1"]
        files = self.build({"Dockerfile": dockerfile}, *(word for each in named for word in ("--build-context", each)))
        self.assertEqual(files, {"in-base": "b", "a": None, "a/logo": "png", "r": None, "r/a": "A", "c": None, "c/in-base": "b"})
        done = self.expect(2, "build", "--build-context", "x=missing", self.project({"Dockerfile": "FROM scratch\n"}))
        self.assertIn("'missing' is no folder", done.err)

    def test_flags_of_copy(self):
        tree = {"src/a/one.txt": "1", "src/a/two.md": "2", "src/b/three.txt": "3"}
        files = self.build({**tree, "Dockerfile": "FROM scratch\nCOPY --link --parents --exclude=**/*.md ./src/./**/ /x/\n"})
        self.assertEqual(files, {"x": None, "x/a": None, "x/a/one.txt": "1", "x/b": None, "x/b/three.txt": "3"})

    def test_triggers_of_a_base(self):
        self.ok("-q", "build", "-t", "base:1", self.project({"Dockerfile": "FROM scratch\nONBUILD COPY app /app\n"}))
        self.assertEqual(self.build({"app": "mine", "Dockerfile": "FROM base:1\n"}), {"app": "mine"})


class AddInAJob(Served):
    def test_docker_build_and_buildah(self):
        self.start_mirror(sandbox={"allow_host_loopback": [int(self.url.rsplit(":", 1)[1])]})
        dockerfile = f"FROM debian:bookworm\nADD --checksum={self.checksum} {self.url}/tool /tool\nCOPY --parents --chmod=+x a/b /\n"
        job = Job(self, ["docker build -t app:1 .", "buildah bud -t app:2 ."], files={"Dockerfile": dockerfile, "a/b": "x"}, image="docker:latest", services=())
        done = job.run()
        self.assertEqual(done.code, 0, job.log)
        self.assertEqual(job.cleanup().code, 0)
        self.assertEqual(self.left_over(), [])

    def test_contexts_of_the_job(self):
        self.start_mirror(sandbox={"allow_host_loopback": [int(self.url.rsplit(":", 1)[1])]})
        script = [f"docker build -t app:1 {self.url}/context.tar.gz",
                  "docker buildx build -t app:2 --build-context assets=assets --build-context stage=docker-image://app:1 .",
                  "buildah bud -t app:3 --build-context assets=assets --build-context stage=container-image://app:1 .",
                  "docker run --rm app:2 cat /logo /from-tar",
                  "! docker build --build-context assets=/etc/hostname .",
                  "ln -s /../../../../etc outside; ! docker build --build-context assets=outside --build-context stage=docker-image://app:1 ."]
        dockerfile = "FROM debian:bookworm\nCOPY --from=assets logo /\nCOPY --from=stage from-tar /\n"
        job = Job(self, script, files={"Dockerfile": dockerfile, "assets/logo": "png\n"}, image="docker:latest", services=())
        done = job.run()
        self.assertEqual(done.code, 0, job.log)
        self.assertIn("png\nA", job.log)
        self.assertIn("the build context '/etc/hostname' is no folder of the job", job.log)
        self.assertIn("'logo' is not in the context 'assets'", job.log)
        self.assertEqual(job.cleanup().code, 0)
        self.assertEqual(self.left_over(), [])

    def test_a_git_repository(self):
        address = self.start_git_daemon()
        self.start_mirror(sandbox={"allow_host_loopback": [int(address.split(":")[2].split("/")[0])]})
        job = Job(self, ["docker build -q -t app:1 ."], files={"Dockerfile": f"FROM debian:bookworm\nADD {address}#v1:docs /d/\n"}, image="docker:latest", services=())
        self.assertEqual(job.run().code, 0, job.log)
        self.assertEqual(job.cleanup().code, 0)

    def test_add_reaches_no_more_than_run_does(self):
        self.start_mirror()
        address = self.start_git_daemon()
        for source in (f"{self.url}/tool", address):
            job = Job(self, ["docker build -q -t app:1 ."], files={"Dockerfile": f"FROM debian:bookworm\nADD {source} /x\n"}, image="docker:latest", services=())
            done = job.run()
            if "Network: own" not in job.log:
                self.skipTest("jobs have no network of their own here")
            self.assertNotEqual(done.code, 0, job.log)
            self.assertRegex(job.log, "(?i)(refused|could ?n.t connect|failed to connect|unable to connect)")
            self.assertEqual(job.cleanup().code, 0)


if __name__ == "__main__":
    main()
