"""GitLab Runner's side of a custom executor, for tests on machines without it: takes a job from a (stand-in) GitLab server and makes the calls that the
runner makes, with its environment, script form, stage order, uploads of declared artifacts, log, reaction to "Cancel" and result. Compared with the real
one, version 19.4: runner_test.py has either run the same jobs.

gitlab-org/gitlab-runner: docs/executors/custom.md, common/build.go, shells/bash.go, shells/abstract.go, network/trace.go, commands/helpers/artifacts_uploader.go.
"""

import glob
import gzip
import io
import json
import os
import pathlib
import re
import signal
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib

BUILD_FAILURE, SYSTEM_FAILURE = 61, 62  # unlike the runner's defaults, so that a hard-coded 1 or 2 shows


FEATURES = ("variables", "artifacts", "cache", "fallback_cache_keys", "shared", "upload_multiple_artifacts", "upload_raw_artifacts", "refspecs", "masking", "raw_variables",
            "artifacts_exclude", "multi_build_steps", "trace_reset", "trace_checksum", "trace_size", "cancelable", "return_exit_code", "service_variables", "cancel_gracefully")
INFO = {"name": "gitlab-runner", "version": "19.4.0", "revision": "HEAD", "platform": "linux", "architecture": "amd64", "executor": "custom", "shell": "bash",
        "features": dict.fromkeys(FEATURES, True)}


def ansi_quote(text):
    return "$'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


class RunnerJob:
    """`scangate`: the program; `environment`: what the runner process itself has; `folder`: for temporary files."""

    def __init__(self, gitlab, scangate, environment, folder):
        self.gitlab, self.scangate, self.host_environment = gitlab, str(scangate), environment
        self.canceled = None  # or what the server said: "canceling" (the script ends, the rest is done), "canceled" (only cleanup)
        status, text = self.api("POST", "/jobs/request", json.dumps({"token": gitlab.runner_token, "info": INFO}).encode(), Runner_Token=gitlab.runner_token,
                                Content_Type="application/json")
        if status != 201:
            raise AssertionError(f"the server has no job: {status} {text}")
        self.response = json.loads(text)
        self.job = gitlab.jobs[self.response["id"]]
        self.temporary = pathlib.Path(folder) / f"runner-{self.job.id}"
        self.temporary.mkdir()
        self.exit_file, self.response_file = self.temporary / "exit_code", self.temporary / "response.json"
        self.response_file.write_bytes(text)
        self.response_file.chmod(0o600)
        self.job_env, self.log, self.sent = {}, b"", 0
        self.variables = [dict(v) for v in self.response["variables"]]
        self.codes = {}  # of the stages

    # --- the server

    def api(self, method, path, data, **headers):
        request = urllib.request.Request(f"{self.gitlab.url}/api/v4{path}", data=data, method=method, headers={k.replace("_", "-"): v for k, v in headers.items()})
        try:
            tls = [urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=self.gitlab.ca_file))] if self.gitlab.ca_file else []
            with urllib.request.build_opener(urllib.request.ProxyHandler({}), *tls).open(request, timeout=60) as reply:
                self.note_state(reply.headers)
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            self.note_state(error.headers)
            return error.code, error.read()

    def note_state(self, headers):
        # Once aborted, always aborted; network/trace.go.
        if headers.get("Job-Status") in ("canceling", "canceled") and self.canceled != "canceled":
            self.canceled = headers["Job-Status"]

    def send_log(self):
        log = self.log
        if len(log) > self.sent:
            status, text = self.api("PATCH", f"/jobs/{self.job.id}/trace", log[self.sent:], JOB_TOKEN=self.response["token"], Content_Range=f"{self.sent}-{len(log) - 1}",
                                    Content_Type="text/plain")
            if status == 202:
                self.sent = len(log)

    def send_result(self, state, **more):
        result = {"info": INFO, "token": self.response["token"], "state": state, **more}
        return self.api("PUT", f"/jobs/{self.job.id}", json.dumps(result).encode(), JOB_TOKEN=self.response["token"], Content_Type="application/json")

    def upload(self, artifact):
        root = self.project
        names = sorted({str(pathlib.Path(p).relative_to(root)) for pattern in artifact["paths"] for p in glob.glob(str(root / pattern), recursive=True)})
        files = sorted({str(p.relative_to(root)) for name in names for p in ([root / name] if (root / name).is_file() else (root / name).rglob("*")) if p.is_file()})
        if not files:
            self.log += b"WARNING: no matching files\n"
            return
        kind, form = artifact.get("artifact_type") or "archive", artifact.get("artifact_format") or "zip"
        out = io.BytesIO()
        if form == "zip":
            with zipfile.ZipFile(out, "w") as archive:
                for name in files:
                    archive.write(root / name, name)
            name = (artifact.get("name") or "artifacts") + ".zip"
        elif form == "gzip":
            for name in files:
                out.write(gzip.compress((root / name).read_bytes()))
            name = (artifact.get("name") or "artifacts") + ".gz"
        else:
            out.write((root / files[0]).read_bytes())
            name = pathlib.Path(files[0]).name
        query = urllib.parse.urlencode({"artifact_format": form, "artifact_type": kind} | ({"expire_in": artifact["expire_in"]} if artifact.get("expire_in") else {}))
        body = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n'.encode() + out.getvalue() + b"\r\n--x--\r\n"
        status, text = self.api("POST", f"/jobs/{self.job.id}/artifacts?{query}", body, JOB_TOKEN=self.response["token"], Content_Type="multipart/form-data; boundary=x")
        self.log += f"Uploading artifacts as {kind!r} to coordinator... {status} {text.decode()}\n".encode()
        self.uploads_failed = getattr(self, "uploads_failed", False) or status != 201

    # --- the executor

    in_script = False

    def environment(self):
        env = dict(self.host_environment)
        env |= {"TMPDIR": str(self.temporary), "BUILD_FAILURE_EXIT_CODE": str(BUILD_FAILURE), "SYSTEM_FAILURE_EXIT_CODE": str(SYSTEM_FAILURE),
                "BUILD_EXIT_CODE_FILE": str(self.exit_file), "JOB_RESPONSE_FILE": str(self.response_file)}
        env |= self.job_env
        for variable in self.variables:
            env["CUSTOM_ENV_" + variable["key"]] = variable["value"]
        if self.response.get("image"):
            env["CUSTOM_ENV_CI_JOB_IMAGE"] = self.response["image"]["name"]
        env["CUSTOM_ENV_CI_JOB_SERVICES"] = json.dumps([{"name": s["name"], "alias": s.get("alias") or "", "entrypoint": None, "command": None} for s in self.response["services"]]) \
            if self.response["services"] else ""
        return env

    def start(self, *words, output=None):
        return subprocess.Popen([self.scangate, "executor", *map(str, words)], env=self.environment(), cwd=self.temporary, stdin=subprocess.DEVNULL,
                                stdout=output or subprocess.PIPE, stderr=subprocess.STDOUT if words[0] != "config" else subprocess.PIPE, start_new_session=True)

    def call(self, *words):
        """Makes one call; the log is sent while it runs. A call that the job's end concerns (see `run`) gets SIGTERM when the server says "canceled"."""
        process = self.start(*words)
        if words[0] == "config":
            out, err = process.communicate(timeout=240)
            self.log += err
            self.send_log()
            return process.returncode, out
        chunks, sent_signal, deadline = [], False, time.monotonic() + 240
        reader = threading.Thread(target=lambda: [chunks.append(data) for data in iter(lambda: process.stdout.read1(65536), b"")], daemon=True)
        reader.start()
        while reader.is_alive() or process.poll() is None:
            reader.join(0.05)
            taken = len(chunks)
            self.log += b"".join(chunks[:taken])
            del chunks[:taken]
            self.send_log()
            over = self.canceled == "canceled" or (self.canceled == "canceling" and self.in_script)
            if over and not sent_signal and words[0] != "cleanup":
                os.killpg(process.pid, signal.SIGTERM)
                sent_signal = True
            if time.monotonic() > deadline:
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        self.log += b"".join(chunks)
        self.send_log()
        return process.returncode, b""

    def config(self):
        code, out = self.call("config")
        if code != 0:
            raise AssertionError(f"config ended with {code}: {self.log.decode()}")
        said = json.loads(out)
        self.job_env = said["job_env"]
        self.builds = pathlib.Path(said["builds_dir"])
        # The runner makes these; they are in no job response.
        self.project = self.builds / self.response["job_info"]["project_full_path"]
        for key, value in {"CI_PROJECT_DIR": self.project, "CI_BUILDS_DIR": self.builds, "CI_CONCURRENT_ID": 0, "CI_SHARED_ENVIRONMENT": "true"}.items():
            self.variables.append({"key": key, "value": str(value), "public": True})
        return said

    def script(self, stage, lines):
        """The runner's bash script text: every variable exported, file variables written, all inside one eval."""
        body = ""
        for variable in self.variables:
            if variable.get("file"):
                path = f"{self.project}.tmp/{variable['key']}"
                body += f"mkdir -p {ansi_quote(str(self.project) + '.tmp')}\nprintf '%s' {ansi_quote(variable['value'])} > {ansi_quote(path)}\nexport {variable['key']}={ansi_quote(path)}\n"
            else:
                body += f"export {variable['key']}={ansi_quote(variable['value'])}\n"
        for line in lines:
            body += f"echo {ansi_quote(chr(27) + '[32;1m$ ' + line + chr(27) + '[0;m')}\n{line}\n"
        path = self.temporary / f"script-{stage}"
        path.write_text("#!/usr/bin/env bash\n\ntrap 'exit 1' TERM\n\ncase \"$(set -o)\" in *\"pipefail\"*) set -o pipefail;; esac; set -o errexit\nset +o noclobber\n"
                        "(trap 'exit 1' TERM; eval " + ansi_quote(body) + ") < /dev/null\nexit 0\n")
        path.chmod(0o700)
        return path

    def stage(self, stage, lines):
        code, _ = self.call("run", self.script(stage, lines), stage)
        self.codes[stage] = code
        return code

    def get_sources(self):
        """The plain URL as origin, and a file beside the repository, which it includes, that gives the login."""
        git = self.response["git_info"]
        login, _, place = git["repo_url"].partition("@")
        scheme = login.partition("://")[0] + "://"
        plain, temporary = scheme + place, f"{self.project}.tmp"
        template, external = f"{temporary}/git-template", f"{temporary}/.gitlab-runner.ext.conf"
        server, own_server = plain.removesuffix(f"/{self.response['job_info']['project_full_path']}.git"), f"{login}@{place.partition('/')[0]}"
        return self.stage("get_sources", [
            f"mkdir -p {template}", f"git config -f {template}/config init.defaultBranch none", f"rm -f {external}",
            f"git config --file {external} --replace-all url.{git['repo_url']}.insteadOf {plain}", f"git config --file {external} --replace-all url.{own_server}.insteadOf {server}",
            f"git config --file {template}/config --replace-all include.path {external}",
            f"git init -q {self.project} --template {template}", f"cd {self.project}", f"git remote add origin {plain}",
            f"git fetch origin --no-recurse-submodules {' '.join(git['refspecs'])} --depth {git['depth']} --prune --quiet", f"git checkout -f -q {git['sha']}", "git clean -ffdx"])

    def steps(self, name):
        return next((s["script"] for s in self.response["steps"] if s["name"] == name), [])

    def finish(self, failed, system=False):
        self.call("cleanup")
        self.send_log()
        result = {}
        if self.canceled:
            failed, result = True, {"failure_reason": "job_canceled", "exit_code": 0}
        elif failed:
            code = int(self.exit_file.read_text().splitlines()[0]) if self.exit_file.exists() and not system else 1
            result = {"failure_reason": "runner_system_failure" if system else "script_failure", "exit_code": 0 if system else code}
        status = 202
        while status == 202:
            status, text = self.send_result("failed" if failed else "success", output={"checksum": f"crc32:{zlib.crc32(self.log):08x}", "bytesize": len(self.log)}, **result)
        if status != 200 and not (status == 403 and self.canceled == "canceled"):
            raise AssertionError(f"the server did not take the result: {status} {text.decode()}")
        return self.job

    def run(self, stage="build_script"):
        self.send_result("running")
        self.config()
        for _ in range(3):
            code, _ = self.call("prepare")
            if code == 0:
                break
            if code == BUILD_FAILURE:  # the job's own fault: another try would end the same
                return self.finish(True)
        else:
            return self.finish(True, system=True)
        if self.stage("prepare_script", ["echo Running on $(hostname)..."]) or self.get_sources():
            return self.finish(True)
        self.in_script = True
        code = self.stage(stage, [f"cd {self.project}", *self.steps("script")])
        self.in_script = False
        if self.canceled == "canceled":
            return self.finish(True)
        exit_code = self.exit_file.read_bytes() if self.exit_file.exists() else None
        self.variables.append({"key": "CI_JOB_STATUS", "value": "canceled" if self.canceled else "failed" if code else "success"})
        if self.steps("after_script"):
            self.stage("after_script", [f"cd {self.project}", *self.steps("after_script")])
        # The exit code of an after_script does not count.
        if exit_code is not None:
            self.exit_file.write_bytes(exit_code)
        for artifact in self.response["artifacts"]:
            if artifact.get("when", "on_success") in ("always", "on_failure" if code else "on_success"):
                self.upload(artifact)
        self.stage("cleanup_file_variables", [f"rm -rf {self.project}.tmp"])
        return self.finish(code != 0 or getattr(self, "uploads_failed", False), system=code not in (0, BUILD_FAILURE))


def sections(log):
    """Names of a log's sections with their titles, in order; asserts that each one ends."""
    started = re.findall(r"section_start:(\d+):([a-zA-Z0-9_.-]+)(\[[^\]]*\])?\r\x1b\[0K([^\n]*)\n", log)
    ended = re.findall(r"section_end:(\d+):([a-zA-Z0-9_.-]+)\r\x1b\[0K", log)
    if sorted(name for _, name, _, _ in started) != sorted(name for _, name in ended):
        raise AssertionError(f"sections started {started} and ended {ended}")
    return [(re.sub(r"_[0-9a-f]{8}$", "", name), title) for _, name, _, title in started]
