"""A stand-in for a GitLab server: the job API, git over HTTP, and the token service of a container registry.

It is strict where GitLab is (tokens, states, artifact types and formats, one artifact of a type) and notes every refusal in `refusals`, so that a test
can demand that there were none. Loopback only. GitLab's sources: lib/api/ci/runner.rb, app/services/ci/job_artifacts/create_service.rb,
app/services/auth/container_registry_authentication_service.rb.

    with GitLab(folder, files={"Dockerfile": "FROM scratch\n"}) as gitlab:
        job = gitlab.add_job(["docker build ."])
"""

import base64
import collections
import contextlib
import gzip
import hashlib
import io
import json
import os
import pathlib
import re
import secrets
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse
import zipfile
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# app/models/concerns/enums/ci/job_artifact.rb; what clients may send.
FORMATS = {
    "zip": ("archive", "lsif"),
    "gzip": ("metadata", "junit", "metrics", "metrics_referee", "network_referee", "dotenv", "cobertura", "jacoco", "cluster_applications", "cyclonedx", "annotations",
             "repository_xray"),
    "raw": ("trace", "sast", "secret_detection", "dependency_scanning", "container_scanning", "cluster_image_scanning", "dast", "license_scanning", "accessibility",
            "codequality", "performance", "browser_performance", "load_performance", "terraform", "requirements", "requirements_v2", "coverage_fuzzing", "api_fuzzing"),
}
FORMAT_OF = {name: form for form, names in FORMATS.items() for name in names}

RUNNING = ("running", "canceling")
# What a job needs of a runner, by the feature's name; app/models/ci/build.rb, RUNNER_FEATURES.
NEEDED_FEATURES = {
    "upload_multiple_artifacts": lambda job: any(a.get("artifact_type") not in (None, "archive") for a in job.response["artifacts"]),
    "artifacts_exclude": lambda job: any(a.get("exclude") for a in job.response["artifacts"]),
    "return_exit_code": lambda job: bool(job.allow_failure_exit_codes),
}
RUNNER_FAILURES = ("script_failure", "runner_system_failure", "job_execution_timeout", "unknown_failure", "job_canceled", "runner_unsupported", "stuck_or_timeout_failure")
TRACE_UPDATE_SECONDS = "1"
MAX_BODY = 256 << 20
MAX_ARTIFACT = 100 << 20  # GitLab's default
MAX_ANNOTATIONS_BYTES = 80 << 10
MAX_ANNOTATION_LISTS = 20


class Artifact:
    def __init__(self, kind, form, name, data, expire_in):
        self.kind, self.format, self.name, self.data, self.expire_in = kind, form, name, data, expire_in
        self.digest = hashlib.sha256(data).hexdigest()

    @property
    def content(self):
        return gzip.decompress(self.data) if self.format == "gzip" else self.data

    @property
    def text(self):
        return self.content.decode()

    @property
    def json(self):
        return json.loads(self.content)

    @property
    def files(self):
        with zipfile.ZipFile(io.BytesIO(self.data)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


class Job:
    """A job in the queue, running, or done; `trace`, `artifacts`, `state`, `failure_reason`, `exit_code` are what GitLab would know of it."""

    def __init__(self, gitlab, number, script, after_script, image, services, variables, artifacts, allow_failure, allow_failure_exit_codes, name, timeout, dependencies,
                 cache):
        self.id, self.name, self.token = number, name, f"glcbt-64_{secrets.token_urlsafe(24)}"
        self.state, self.failure_reason, self.exit_code = "pending", None, None
        self.trace, self.artifacts = b"", {}
        self.allow_failure, self.allow_failure_exit_codes = allow_failure, tuple(allow_failure_exit_codes)
        self.finished = threading.Event()
        self.started = threading.Event()
        self.features, self.runner = {}, {}  # what the runner said of itself when it took the job
        self.late = 0  # so many results are answered with 202 first, as while GitLab still stores the log
        repository = gitlab.clone_url(self.token)
        own = {
            "CI": "true", "GITLAB_CI": "true", "CI_JOB_ID": str(number), "CI_JOB_NAME": name, "CI_JOB_STAGE": "build", "CI_JOB_TOKEN": self.token,
            "CI_PROJECT_ID": "7", "CI_PROJECT_PATH": gitlab.project, "CI_PROJECT_NAME": gitlab.project.rsplit("/")[-1], "CI_PROJECT_NAMESPACE": gitlab.project.rsplit("/", 1)[0],
            "CI_PROJECT_URL": f"{gitlab.url}/{gitlab.project}", "CI_JOB_URL": f"{gitlab.url}/{gitlab.project}/-/jobs/{number}", "CI_PIPELINE_ID": "21",
            "CI_COMMIT_SHA": gitlab.sha, "CI_COMMIT_SHORT_SHA": gitlab.sha[:8], "CI_COMMIT_REF_NAME": "main", "CI_COMMIT_REF_SLUG": "main", "CI_COMMIT_BRANCH": "main",
            "CI_DEFAULT_BRANCH": "main", "CI_SERVER_URL": gitlab.url, "CI_SERVER_HOST": gitlab.host.split(":")[0], "CI_SERVER_SHELL_SSH_PORT": "22",
            "CI_SERVER_SHELL_SSH_HOST": gitlab.host.split(":")[0], "CI_API_V4_URL": f"{gitlab.url}/api/v4",
            "CI_REPOSITORY_URL": repository, "CI_DEPENDENCY_PROXY_USER": "gitlab-ci-token", "CI_DEPENDENCY_PROXY_PASSWORD": self.token,
        }
        secret = {"CI_JOB_TOKEN", "CI_REPOSITORY_URL", "CI_DEPENDENCY_PROXY_PASSWORD", "CI_REGISTRY_PASSWORD"}
        credentials = []
        if gitlab.registry_host:
            own |= {"CI_REGISTRY": gitlab.registry_host, "CI_REGISTRY_IMAGE": f"{gitlab.registry_host}/{gitlab.project}", "CI_REGISTRY_USER": "gitlab-ci-token",
                    "CI_REGISTRY_PASSWORD": self.token}
            credentials.append({"type": "registry", "url": gitlab.registry_host, "username": "gitlab-ci-token", "password": self.token})
        listed = [{"key": k, "value": v, "public": k not in secret, "masked": k in secret, "file": False} for k, v in own.items()]
        listed += [v if isinstance(v, dict) else {"key": k, "value": v, "public": True, "masked": False, "file": False} for k, v in (variables or {}).items()]
        steps = [{"name": "script", "script": list(script), "timeout": timeout, "when": "on_success", "allow_failure": False}]
        if after_script:
            steps.append({"name": "after_script", "script": list(after_script), "timeout": timeout, "when": "always", "allow_failure": True})
        self.response = {
            "id": number, "token": self.token, "allow_git_fetch": True,
            "job_info": {"id": number, "name": name, "stage": "build", "project_id": 7, "project_name": gitlab.project.rsplit("/")[-1], "project_full_path": gitlab.project,
                         "pipeline_id": 21, "time_in_queue_seconds": 0, "namespace_id": 3, "root_namespace_id": 3},
            "git_info": {"repo_url": repository, "ref": "main", "ref_type": "branch", "sha": gitlab.sha, "before_sha": "0" * 40, "depth": 20,
                         "refspecs": ["+refs/heads/main:refs/remotes/origin/main"], "repo_object_format": "sha1", "protected": True},
            "runner_info": {"timeout": timeout, "runner_session_url": None},
            "variables": listed, "steps": steps,
            "image": ({"name": image} if isinstance(image, str) else image) if image else None,
            "services": [{"name": s, "alias": None} if isinstance(s, str) else s for s in services],
            "artifacts": list(artifacts), "cache": list(cache), "credentials": credentials, "dependencies": dependencies, "hooks": [],
            "features": {"trace_sections": True, "failure_reasons": ["unknown_failure", "script_failure", "runner_system_failure", "job_execution_timeout"]},
        }

    @property
    def log(self):
        return self.trace.decode(errors="replace")

    @property
    def text(self):
        """The log without the time and stream that newer runners put before each line; a "+" line goes on where the one before it ended."""
        out = ""
        for line in self.log.split("\n"):
            found = re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z [0-9a-f]{2}[OE]([+ ])", line)
            line, joined = (line[found.end():], found.group(1) == "+") if found else (line, False)
            out += line if joined or not out else "\n" + line
        return out

    def cancel(self):
        """A click on "Cancel": runners that can are asked to end the script and do the rest, with others the job is over at once."""
        self.state = "canceling" if self.features.get("cancel_gracefully") else "canceled"
        if self.state == "canceled":
            self.finished.set()

    def result(self):
        """What the pipeline makes of the job: success, failed, canceled, or "failed but allowed"."""
        if self.state == "failed" and (self.allow_failure or self.exit_code in self.allow_failure_exit_codes):
            return "failed but allowed"
        return self.state

    def wait(self, seconds=120):
        if not self.finished.wait(seconds):
            raise AssertionError(f"job {self.id} is still {self.state} after {seconds} s; its log so far:\n{self.log}")
        return self


class GitLab:
    """`registry_host`: where jobs find "their" registry (see TokenRegistry). `files`: the project's one commit. `modules`: other projects, path -> (URL in .gitmodules,
    files), which the commit holds as submodules under the last part of their path. `tls`: over https, with a certificate of its own: `ca_file`."""

    def __init__(self, folder, files=None, project="group/app", registry_host="", modules=None, tls=False):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.project, self.registry_host = project, registry_host
        self.runner_token = "glrt-" + secrets.token_urlsafe(16)
        self.jobs, self.requests, self.refusals = {}, [], []
        self.plans = {}  # (method, path suffix) -> replies to give first: (status, headers) or "hang up"
        self.lock = threading.RLock()
        self.signing_key = None
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.url, self.ca_file = f"http://{self.host}", None
        if tls:
            key = make_key(self.folder / "tls", "/CN=gitlab", "-addext", "subjectAltName=IP:127.0.0.1")
            self.url, self.ca_file = f"https://{self.host}", key.certificate
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(key.certificate, key.key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.repositories = {f"{path}.git" for path in (project, *(modules or {}))}
        self._make_repositories(files or {"README.md": "a project\n"}, modules or {})
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def clone_url(self, token):
        return f"{self.url.split('//')[0]}//gitlab-ci-token:{token}@{self.host}/{self.project}.git"

    def add_job(self, script, after_script=(), image="docker:latest", services=("docker:dind",), variables=None, artifacts=(), allow_failure=False,
                allow_failure_exit_codes=(), name="build-image", timeout=3600, state="pending", dependencies=(), cache=()):
        with self.lock:
            number = 4711 + len(self.jobs)
            sources = [{"id": d.id, "token": d.token, "name": d.name, "artifacts_file": {"filename": "artifacts.zip", "size": len(d.artifacts["archive"].data)}}
                       for d in dependencies]
            job = Job(self, number, script, after_script, image, services, variables, artifacts, allow_failure, allow_failure_exit_codes, name, timeout, sources, cache)
            job.state = state
            self.jobs[number] = job
            return job

    def plan(self, method, suffix, *replies):
        """The next requests to a path that ends so are answered with these: (status, headers), or "hang up"."""
        self.plans.setdefault((method, suffix), []).extend(replies)

    def seen(self, method, suffix):
        return [r for r in self.requests if r[0] == method and r[1].endswith(suffix)]

    def _make_repositories(self, files, modules):
        links = {}
        for path, (url, content) in modules.items():
            name = path.rsplit("/", 1)[-1]
            links[name] = self._make_repository(path, content, {})
            files = files | {".gitmodules": f'{files.get(".gitmodules", "")}[submodule "{name}"]\n\tpath = {name}\n\turl = {url}\n'}
        self.sha = self._make_repository(self.project, files, links)

    def _make_repository(self, path, files, links):
        """A project with one commit, whose id it returns; `links`: submodules' commits by folder."""
        bare = self.folder / "git" / f"{path}.git"
        work = self.folder / "commit" / path
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org",
               "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org"}

        def git(*words, cwd):
            return subprocess.run(["git", *words], cwd=cwd, env=env, check=True, capture_output=True, text=True).stdout.strip()

        bare.mkdir(parents=True)
        work.mkdir(parents=True)
        git("init", "-q", "--bare", "-b", "main", ".", cwd=bare)
        git("init", "-q", "-b", "main", ".", cwd=work)
        for name, content in files.items():
            file = work / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        git("add", "-A", cwd=work)
        for name, commit in links.items():
            git("update-index", "--add", "--cacheinfo", f"160000,{commit},{name}", cwd=work)
        git("commit", "-q", "-m", "Files", cwd=work)
        git("push", "-q", str(bare), "main", cwd=work)
        # As on GitLab: a job may ask for the commit itself, also when its branch moved on.
        git("config", "uploadpack.allowReachableSHA1InWant", "true", cwd=bare)
        return git("rev-parse", "HEAD", cwd=work)

    # Who a token belongs to.
    def job_of_token(self, token):
        for job in self.jobs.values():
            if token and secrets.compare_digest(job.token.encode(), token.encode()):
                return job
        return None

    def running_job_of_basic(self, header):
        """The running job that a "gitlab-ci-token:TOKEN" login stands for."""
        kind, _, value = (header or "").partition(" ")
        if kind.lower() != "basic":
            return None
        with contextlib.suppress(ValueError, UnicodeDecodeError):
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
            job = self.job_of_token(password)
            if user == "gitlab-ci-token" and job and job.state in RUNNING:
                return job
        return None


class Refused(Exception):
    def __init__(self, status, message, headers=()):
        super().__init__(message)
        self.status, self.message, self.headers = status, message, tuple(headers)


def parse_multipart(content_type, body):
    """Parts of a multipart/form-data body: name -> (file name or None, bytes). RFC 7578; anything not so is refused."""
    found = re.fullmatch(r'multipart/form-data;\s*boundary="?([0-9A-Za-z\'()+_,./:=? -]{1,70})"?', content_type or "")
    if not found:
        raise Refused(400, f"no multipart/form-data with a boundary: {content_type!r}")
    mark = b"--" + found.group(1).encode()
    pieces = (b"\r\n" + body).split(b"\r\n" + mark)
    if len(pieces) < 3 or pieces[0] != b"" or pieces[-1] not in (b"--", b"--\r\n"):
        raise Refused(400, "the multipart body is not framed by its boundary")
    parts = {}
    for piece in pieces[1:-1]:
        if not piece.startswith(b"\r\n") or b"\r\n\r\n" not in piece:
            raise Refused(400, "a part has no headers")
        head, content = piece[2:].split(b"\r\n\r\n", 1)
        headers = {}
        for line in head.decode().split("\r\n"):
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        words = re.fullmatch(r'form-data; name="([^"]+)"(?:; filename="([^"]*)")?', headers.get("content-disposition", ""))
        if not words:
            raise Refused(400, f"a part's Content-Disposition is wrong: {headers.get('content-disposition')!r}")
        if words.group(1) in parts:
            raise Refused(400, f"the part {words.group(1)!r} comes twice")
        parts[words.group(1)] = (words.group(2), content)
    return parts


def check_annotations(artifact):
    """app/services/ci/parse_annotations_artifact_service.rb and its JSON schemas."""
    if len(artifact.content) > MAX_ANNOTATIONS_BYTES:
        raise Refused(400, "Annotations Artifact Too Big")
    try:
        lists = artifact.json
    except ValueError:
        raise Refused(400, "Invalid format") from None
    good = isinstance(lists, dict) and len(lists) <= MAX_ANNOTATION_LISTS
    for name, entries in lists.items() if good else ():
        good = good and 0 < len(name) <= 255 and isinstance(entries, list) and len(entries) <= 1000
        for entry in entries if good else ():
            link = entry.get("external_link") if isinstance(entry, dict) and set(entry) == {"external_link"} else None
            good = good and isinstance(link, dict) and set(link) == {"label", "url"} and all(isinstance(v, str) and 0 < len(v) <= 255 for v in link.values())
            good = good and re.match(r"https?://[^\s/]+", link["url"]) is not None
    if not good:
        raise Refused(400, "Validation failed: Data must be a valid json schema")


def _handler(gitlab):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version, sys_version = "GitLabStandIn", ""
        timeout = 120
        # Every reply leaves at once; without it each waits for the client's delayed acknowledgement (40 ms).
        wbufsize = -1
        disable_nagle_algorithm = True

        def log_message(self, *_):
            pass

        def handle_expect_100(self):
            more = super().handle_expect_100()
            self.wfile.flush()
            return more

        def body(self):
            if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                out = b""
                while True:
                    size = int(self.rfile.readline(64).split(b";")[0], 16)
                    out += self.rfile.read(size)
                    if self.rfile.readline(4) != b"\r\n":
                        raise Refused(400, "broken chunk")
                    if size == 0:
                        return out
                    if len(out) > MAX_BODY:
                        raise Refused(413, "too large")
            length = int(self.headers.get("Content-Length") or 0)
            if length > MAX_BODY:
                raise Refused(413, "too large")
            data = self.rfile.read(length)
            if len(data) != length:
                raise Refused(400, "the body ended early")
            return data

        def reply(self, status, content=None, headers=(), content_type="application/json"):
            data = b"" if content is None else content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            if data and not any(name.lower() == "content-type" for name, _ in headers):
                self.send_header("Content-Type", content_type)
            if status != 204:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def serve(self):
            parsed = urllib.parse.urlsplit(self.path)
            path, self.query = parsed.path, dict(urllib.parse.parse_qsl(parsed.query, keep_blank_values=True))
            self.raw_query = parsed.query
            try:
                data = self.body()
                with gitlab.lock:
                    gitlab.requests.append((self.command, path, dict(self.headers), data))
                    planned = next((replies for (method, suffix), replies in gitlab.plans.items() if replies and method == self.command and path.endswith(suffix)), None)
                    answer = planned.pop(0) if planned else None
                if answer == "hang up":
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                if answer:
                    self.reply(answer[0], {"message": f"{answer[0]} as planned"}, tuple(answer[1].items()))
                    return
                self.route(path, data)
            except Refused as refusal:
                # The first request of a git or registry client carries no login; the 401 is how it learns to send one.
                if refusal.status != 401 or self.headers.get("Authorization") or self.headers.get("JOB-TOKEN"):
                    with gitlab.lock:
                        gitlab.refusals.append(f"{self.command} {path}: {refusal.status} {refusal.message}")
                self.reply(refusal.status, {"message": refusal.message}, refusal.headers)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_PATCH = do_HEAD = do_DELETE = serve

        def route(self, path, data):
            for method, pattern, action in (
                ("POST", r"/api/v4/runners/verify", self.verify),
                ("POST", r"/api/v4/jobs/request", self.request_job),
                ("PATCH", r"/api/v4/jobs/(\d+)/trace", self.patch_trace),
                ("PUT", r"/api/v4/jobs/(\d+)", self.put_job),
                ("POST", r"/api/v4/jobs/(\d+)/artifacts", self.post_artifact),
                ("GET", r"/api/v4/jobs/(\d+)/artifacts", self.get_artifact),
                ("GET", r"/api/v4/job", self.get_own_job),
                ("GET", r"/jwt/auth", self.jwt),
                ("GET|POST", r"/(.+\.git)/(info/refs|git-upload-pack|git-receive-pack)", self.git),
            ):
                found = re.fullmatch(pattern, path)
                if found and self.command in method.split("|"):
                    action(*found.groups(), data=data)
                    return
            if path == "/api/v4/runners/router/discovery":
                self.reply(404, {"message": "404 Not Found"})  # as a server without a job router says; runners ask for it
                return
            raise Refused(404, "404 Not Found")

        # --- what runners call

        def runner(self, data):
            sent = self.json(data)
            tokens = {t for t in (self.headers.get("Runner-Token"), sent.get("token")) if t}
            if tokens != {gitlab.runner_token}:
                raise Refused(403, "403 Forbidden")
            return sent

        def json(self, data):
            if not (self.headers.get("Content-Type") or "").startswith("application/json"):
                raise Refused(415, f"the Content-Type {self.headers.get('Content-Type')!r} is not application/json")
            try:
                sent = json.loads(data)
            except ValueError as error:
                raise Refused(400, f"no JSON: {error}") from None
            if not isinstance(sent, dict):
                raise Refused(400, "no JSON object")
            return sent

        def verify(self, data):
            self.runner(data)
            self.reply(200, {"id": 1, "token": gitlab.runner_token, "token_expires_at": None})

        def request_job(self, data):
            info = self.runner(data).get("info")
            if not isinstance(info, dict) or not isinstance(info.get("features"), dict) or not info.get("executor"):
                raise Refused(400, "info is missing, or its features or executor")
            with gitlab.lock:
                while job := next((j for j in gitlab.jobs.values() if j.state == "pending"), None):
                    missing = sorted(name for name, needed in NEEDED_FEATURES.items() if needed(job) and not info["features"].get(name))
                    if not missing:
                        break
                    job.state, job.failure_reason = "failed", "runner_unsupported"
                    job.finished.set()
                    gitlab.refusals.append(f"job {job.id} needs a runner with {missing}")
                if job:
                    job.state, job.features, job.runner = "running", info["features"], info
                    job.started.set()
            if not job:
                self.reply(204, headers=[("X-GitLab-Last-Update", "1")])
                return
            self.reply(201, job.response, headers=[("X-GitLab-Last-Update", "2")])

        def job(self, number, token, states=RUNNING):
            job = gitlab.jobs.get(int(number))
            if not job:
                raise Refused(404, "404 Not found")
            if token is None or not secrets.compare_digest(token.encode(), job.token.encode()):
                raise Refused(403, "403 Forbidden - Invalid job token")
            if states and job.state not in states:
                raise Refused(403, "403 Forbidden - Job is not running", [("Job-Status", job.state)])
            return job

        def patch_trace(self, number, data):
            job = self.job(number, self.headers.get("JOB-TOKEN"))
            found = re.fullmatch(r"(\d+)-(\d+)", self.headers.get("Content-Range", ""))
            if not found:
                raise Refused(400, "Missing header Content-Range")
            if not (self.headers.get("Content-Type") or "").startswith("text/plain"):
                raise Refused(415, f"a log is text/plain, not {self.headers.get('Content-Type')!r}")
            first, last = int(found.group(1)), int(found.group(2))
            with gitlab.lock:
                state = [("Job-Status", job.state), ("X-GitLab-Trace-Update-Interval", TRACE_UPDATE_SECONDS)]
                if first != len(job.trace) or last - first + 1 != len(data):
                    self.reply(416, None, [*state, ("Range", f"0-{len(job.trace)}")])
                    return
                job.trace += data
                self.reply(202, None, [*state, ("Range", f"0-{len(job.trace)}")])

        def put_job(self, number, data):
            sent = self.json(data)
            tokens = {t for t in (self.headers.get("JOB-TOKEN"), sent.get("token")) if t}
            job = self.job(number, tokens.pop() if len(tokens) == 1 else None)
            with gitlab.lock:
                state = [("Job-Status", job.state), ("X-GitLab-Trace-Update-Interval", TRACE_UPDATE_SECONDS)]
                if sent.get("state") in ("success", "failed"):
                    output = sent.get("output") or {}
                    size, checksum = output.get("bytesize"), output.get("checksum")
                    if size not in (None, len(job.trace)) or checksum not in (None, "", f"crc32:{zlib.crc32(job.trace):08x}"):
                        self.reply(412, {"message": "412 Precondition failed"}, state)
                        return
                    if sent["state"] == "failed" and sent.get("failure_reason") not in RUNNER_FAILURES:
                        raise Refused(400, f"failure_reason {sent.get('failure_reason')!r} does not have a valid value")
                    if sent["state"] == "success" and (sent.get("failure_reason") or sent.get("exit_code")):
                        raise Refused(400, "a job that succeeded has no failure reason or exit code")
                    if job.late > 0:
                        job.late -= 1
                        self.reply(202, {"message": "202 Accepted"}, state)
                        return
                    job.failure_reason, job.exit_code = sent.get("failure_reason") or None, sent.get("exit_code", 0)
                    job.state = "canceled" if job.state == "canceling" else sent["state"]
                    job.finished.set()
                elif sent.get("state") != "running":
                    raise Refused(400, f"state {sent.get('state')!r} does not have a valid value")
                self.reply(200, "200", [("Job-Status", job.state), *state[1:]])

        def post_artifact(self, number, data):
            job = self.job(number, self.headers.get("JOB-TOKEN"))
            parts = parse_multipart(self.headers.get("Content-Type"), data)
            fields = {k: v[1].decode() for k, v in parts.items() if v[0] is None} | self.query
            if "file" not in parts or not parts["file"][0]:
                raise Refused(400, "file is missing")
            unknown = set(fields) - {"artifact_type", "artifact_format", "expire_in", "accessibility", "token"}
            if unknown or set(parts) - set(fields) - {"file", "metadata"}:
                raise Refused(400, f"unknown fields {sorted(unknown | set(parts))}")
            kind, form = fields.get("artifact_type", "archive"), fields.get("artifact_format", "zip")
            if kind not in FORMAT_OF or kind in ("metadata", "trace"):
                raise Refused(400, "artifact_type does not have a valid value")
            if form not in FORMATS:
                raise Refused(400, "artifact_format does not have a valid value")
            if FORMAT_OF[kind] != form:
                raise Refused(400, "Validation failed: File format Invalid file format with specified file type")
            name, content = parts["file"]
            if len(content) > MAX_ARTIFACT:
                raise Refused(413, "413 Request Entity Too Large - file size has reached maximum size limit")
            artifact = Artifact(kind, form, name, content, fields.get("expire_in"))
            if artifact.expire_in and artifact.expire_in != "never" and not re.fullmatch(r"(\d+ ?(sec\w*|min\w*|h\w*|d|days?|weeks?|w|mos?|months?|years?|y)( |,|and)*)+|\d+", artifact.expire_in):
                raise Refused(400, f"expire_in {artifact.expire_in!r} is no duration")
            try:
                if form == "gzip":
                    artifact.content
                elif form == "zip":
                    artifact.files
            except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
                raise Refused(400, f"the file is no {form}: {error}") from None
            if kind == "annotations":
                check_annotations(artifact)
            with gitlab.lock:
                there = job.artifacts.get(kind)
                if there and there.digest != artifact.digest:
                    raise Refused(400, "another artifact of the same type already exists")
                job.artifacts.setdefault(kind, artifact)
            self.reply(201, {"message": "201 Created"})

        def get_artifact(self, number, data):
            reader = gitlab.job_of_token(self.headers.get("JOB-TOKEN"))
            wanted = gitlab.jobs.get(int(number))
            # The token of the job itself (what runners send for a dependency) or of a running job of the project.
            if not reader or not wanted or (reader is not wanted and reader.state not in RUNNING):
                raise Refused(403, "403 Forbidden")
            if "archive" not in wanted.artifacts:
                raise Refused(404, "404 Not Found")
            self.reply(200, wanted.artifacts["archive"].data, content_type="application/octet-stream")

        def get_own_job(self, data):
            job = gitlab.job_of_token(self.headers.get("JOB-TOKEN"))
            if not job or job.state not in RUNNING:
                raise Refused(401, "401 Unauthorized")
            self.reply(200, {"id": job.id, "name": job.name, "status": job.state, "ref": "main"})

        # --- the registry's token service: docker.com/registry/spec/auth/token, GitLab's ContainerRegistryAuthenticationService

        def jwt(self, data):
            if gitlab.signing_key is None:
                raise Refused(404, "no registry")
            job = gitlab.running_job_of_basic(self.headers.get("Authorization"))
            if not job:
                raise Refused(401, "HTTP Basic: Access denied", [("WWW-Authenticate", 'Basic realm="GitLab"')])
            if self.query.get("service") != gitlab.signing_key.service:
                raise Refused(400, "service missing or unknown")
            access = []
            for scope in urllib.parse.parse_qs(self.raw_query).get("scope", []):
                kind, _, rest = scope.partition(":")
                name, _, actions = rest.rpartition(":")
                # A job's token reaches its own project's images only.
                if kind == "repository" and (name == gitlab.project or name.startswith(gitlab.project + "/")):
                    access.append({"type": kind, "name": name, "actions": [a for a in actions.split(",") if a in ("pull", "push")]})
            token = gitlab.signing_key.sign(job, access)
            self.reply(200, {"token": token, "expires_in": 300})

        # --- git over HTTP: git-http-backend behind the token check

        def git(self, repository, action, data):
            job = gitlab.running_job_of_basic(self.headers.get("Authorization"))
            if not job:
                raise Refused(401, "HTTP Basic: Access denied", [("WWW-Authenticate", 'Basic realm="GitLab"')])
            if repository not in gitlab.repositories:
                raise Refused(404, "The project you were looking for could not be found")
            if "receive-pack" in action or "receive-pack" in self.raw_query:
                raise Refused(403, "You are not allowed to upload code.")
            env = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(gitlab.folder / "git"), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": f"/{repository}/{action}",
                   "REQUEST_METHOD": self.command, "QUERY_STRING": self.raw_query, "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(data)),
                   "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""), "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "REMOTE_USER": "ci",
                   "REMOTE_ADDR": "127.0.0.1", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
            done = subprocess.run(["git", "http-backend"], env=env, input=data, capture_output=True, check=False)
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n") if ": " in line]
            status = next((int(v.split()[0]) for k, v in headers if k.lower() == "status"), 200 if done.returncode == 0 and headers else 500)
            self.reply(status, content, [(k, v) for k, v in headers if k.lower() not in ("status", "content-length")])

    return Handler


KeyPair = collections.namedtuple("KeyPair", "key certificate")


def make_key(folder, subject, *more):
    """An RSA key and its own certificate, made by the openssl program."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    pair = KeyPair(folder / "key.pem", folder / "certificate.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", pair.key, "-out", pair.certificate, "-days", "2", "-subj", subject, *more], check=True,
                   capture_output=True)
    return pair


class SigningKey:
    """Signs tokens as docker-registry's `auth: token` checks them."""

    issuer, service = "gitlab-issuer", "container_registry"

    def __init__(self, folder):
        self.key, self.certificate = make_key(folder, "/CN=gitlab-issuer")
        public = subprocess.run(["openssl", "pkey", "-in", self.key, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
        # The key's id as the registry computes it: 30 bytes of the digest in base 32, in groups of four.
        text = base64.b32encode(hashlib.sha256(public).digest()[:30]).decode()
        self.identity = ":".join(text[i:i + 4] for i in range(0, len(text), 4))

    def sign(self, job, access):
        def encode(data):
            return base64.urlsafe_b64encode(data if isinstance(data, bytes) else json.dumps(data).encode()).rstrip(b"=").decode()

        now = int(time.time())
        claims = {"iss": self.issuer, "aud": self.service, "sub": "gitlab-ci-token", "iat": now, "nbf": now - 5, "exp": now + 300, "jti": secrets.token_hex(8), "access": access}
        signed = f"{encode({'alg': 'RS256', 'typ': 'JWT', 'kid': self.identity})}.{encode(claims)}"
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=signed.encode(), check=True, capture_output=True).stdout
        return f"{signed}.{encode(signature)}"


class TokenRegistry:
    """Debian's docker-registry that only takes tokens of the stand-in's /jwt/auth. Sets the server's `registry_host`: make it before jobs."""

    def __init__(self, folder, gitlab):
        self.folder = pathlib.Path(folder)
        gitlab.signing_key = SigningKey(self.folder / "key")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.host = gitlab.registry_host = f"127.0.0.1:{self.port}"
        config = self.folder / "config.yml"
        config.write_text(json.dumps({
            "version": 0.1, "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(self.folder / "data")}, "delete": {"enabled": True}}, "http": {"addr": self.host},
            "auth": {"token": {"realm": f"{gitlab.url}/jwt/auth", "service": SigningKey.service, "issuer": SigningKey.issuer,
                               "rootcertbundle": str(gitlab.signing_key.certificate)}},
        }))
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

    def images(self):
        root = self.folder / "data/docker/registry/v2/repositories"
        return sorted(f"{p.parent.parent.parent.relative_to(root)}:{p.name}" for p in root.glob("**/_manifests/tags/*"))
