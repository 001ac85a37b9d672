"""GitLab Runner's side of a custom executor, for tests on machines without it: takes a job from a (stand-in) GitLab server and makes the calls that the
runner makes, with its environment, script form, stage order, uploads of declared artifacts, log and result.

gitlab-org/gitlab-runner: docs/executors/custom.md, common/build.go, shells/bash.go, commands/helpers/artifacts_uploader.go.
"""

import glob
import gzip
import io
import json
import os
import pathlib
import re
import subprocess
import urllib.error
import urllib.request
import zipfile
import zlib

BUILD_FAILURE, SYSTEM_FAILURE = 61, 62  # unlike the runner's defaults, so that a hard-coded 1 or 2 shows


def ansi_quote(text):
    return "$'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


class RunnerJob:
    """`scangate`: the program; `environment`: what the runner process itself has; `folder`: for temporary files."""

    def __init__(self, gitlab, scangate, environment, folder):
        self.gitlab, self.scangate, self.host_environment = gitlab, str(scangate), environment
        status, text = self.api("POST", "/jobs/request", json.dumps({"token": gitlab.runner_token, "info": {"executor": "custom"}}).encode())
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
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as reply:
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def send_log(self):
        data = self.log[self.sent:]
        if data:
            status, text = self.api("PATCH", f"/jobs/{self.job.id}/trace", data, JOB_TOKEN=self.response["token"], Content_Range=f"{self.sent}-{len(self.log) - 1}")
            if status == 202:
                self.sent = len(self.log)

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
            name = f"{kind}.gz"
        else:
            out.write((root / files[0]).read_bytes())
            name = pathlib.Path(files[0]).name
        query = f"artifact_format={form}&artifact_type={kind}"
        body = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n'.encode() + out.getvalue() + b"\r\n--x--\r\n"
        status, text = self.api("POST", f"/jobs/{self.job.id}/artifacts?{query}", body, JOB_TOKEN=self.response["token"], Content_Type="multipart/form-data; boundary=x")
        self.log += f"Uploading artifacts as {kind!r} to coordinator... {status} {text.decode()}\n".encode()
        self.uploads_failed = getattr(self, "uploads_failed", False) or status != 201

    # --- the executor

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
        process = self.start(*words)
        out, err = process.communicate(timeout=240)
        self.log += (err or b"") if words[0] == "config" else out
        self.send_log()
        return process.returncode, out

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
        path.write_text("#!/usr/bin/env bash\n\ntrap exit 1 TERM\n\nif set -o | grep pipefail > /dev/null; then set -o pipefail; fi; set -o errexit\nset +o noclobber\n"
                        ": | eval " + ansi_quote(body) + "\nexit 0\n")
        path.chmod(0o700)
        return path

    def stage(self, stage, lines):
        code, _ = self.call("run", self.script(stage, lines), stage)
        self.codes[stage] = code
        return code

    def get_sources(self):
        git = self.response["git_info"]
        return self.stage("get_sources", [
            f"mkdir -p {self.project}.tmp/git-template", f"git init -q --template {self.project}.tmp/git-template {self.project}", f"cd {self.project}",
            f"git remote add origin {git['repo_url']}", f"git fetch -q --depth {git['depth']} origin {' '.join(git['refspecs'])}", f"git checkout -q -f {git['sha']}"])

    def steps(self, name):
        return next((s["script"] for s in self.response["steps"] if s["name"] == name), [])

    def finish(self, failed, system=False):
        self.call("cleanup")
        self.send_log()
        result = {"token": self.response["token"], "state": "failed" if failed else "success", "output": {"checksum": f"crc32:{zlib.crc32(self.log):08x}", "bytesize": len(self.log)}}
        if failed:
            code = int(self.exit_file.read_text().splitlines()[0]) if self.exit_file.exists() and not system else 1
            result |= {"failure_reason": "runner_system_failure" if system else "script_failure", "exit_code": 0 if system else code}
        status, text = self.api("PUT", f"/jobs/{self.job.id}", json.dumps(result).encode(), JOB_TOKEN=self.response["token"])
        if status != 200:
            raise AssertionError(f"the server did not take the result: {status} {text.decode()}")
        return self.job

    def run(self, stage="build_script"):
        self.config()
        for _ in range(3):
            code, _ = self.call("prepare")
            if code == 0:
                break
        else:
            return self.finish(True, system=True)
        if self.stage("prepare_script", ["echo Running on $(hostname)..."]) or self.get_sources():
            return self.finish(True)
        code = self.stage(stage, [f"cd {self.project}", *self.steps("script")])
        exit_code = self.exit_file.read_bytes() if self.exit_file.exists() else None
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
