"""The stand-in GitLab server itself: what the tests of the executor rest on must refuse what GitLab refuses."""

import gzip
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

from support import main, need

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "support"))
from gitlab_server import FORMAT_OF, GitLab, TokenRegistry  # noqa: E402

SHARED_PAIRS = pathlib.Path(os.environ["SCANGATE_SOURCE"]).parent / "shared/schemas/gitlab-artifact-type-format-pairs.json"


def multipart(data, name="a.xml", **fields):
    body = b""
    for key, value in fields.items():
        body += f'--mark\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
    return body + f'--mark\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n'.encode() + data + b"\r\n--mark--\r\n"


class StandIn(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sg-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.gitlab = GitLab(self.folder / "gitlab", files={"Dockerfile": "FROM scratch\n"})
        self.addCleanup(self.gitlab.stop)

    def call(self, method, path, body=b"", **headers):
        request = urllib.request.Request(self.gitlab.url + path, data=body if method != "GET" else None, method=method, headers={k.replace("_", "-"): v for k, v in headers.items()})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=20) as reply:
                return reply.status, reply.read(), reply.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read(), error.headers

    def upload(self, job, data, token=None, name="a.xml", **fields):
        status, text, _ = self.call("POST", f"/api/v4/jobs/{job.id}/artifacts", multipart(data, name, **fields), JOB_TOKEN=token or job.token,
                                    Content_Type="multipart/form-data; boundary=mark")
        return status, json.loads(text)["message"]

    def git(self, *words):
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1"}
        return subprocess.run(["git", *map(str, words)], env=env, capture_output=True, text=True, cwd=self.folder)

    def request_job(self, token=None, **features):
        """The server's answer to a runner that asks for a job."""
        sent = {"token": token or self.gitlab.runner_token, "info": {"executor": "custom", "features": features}}
        status, text, _ = self.call("POST", "/api/v4/jobs/request", json.dumps(sent).encode(), Content_Type="application/json")
        return status, json.loads(text or b"{}").get("id")

    def update(self, job, state, **more):
        return self.call("PUT", f"/api/v4/jobs/{job.id}", json.dumps({"token": job.token, "state": state, **more}).encode(), Content_Type="application/json", JOB_TOKEN=job.token)[0]

    def trace(self, job, data, place):
        return self.call("PATCH", f"/api/v4/jobs/{job.id}/trace", data, JOB_TOKEN=job.token, Content_Range=place, Content_Type="text/plain")

    def test_a_job_goes_from_queue_to_result(self):
        job = self.gitlab.add_job(["true"], allow_failure_exit_codes=[3])
        self.assertEqual(self.request_job("wrong"), (403, None))
        self.assertEqual((*self.request_job(return_exit_code=True), job.state), (201, job.id, "running"))
        self.assertEqual(self.request_job(), (204, None))
        self.assertEqual(self.trace(job, b"hello", "0-4")[0], 202)
        status, _, headers = self.trace(job, b"hello", "0-4")
        self.assertEqual((status, headers["Range"], headers["Job-Status"]), (416, "0-5", "running"))
        self.assertEqual(self.update(job, "failed", failure_reason="no such reason", exit_code=3), 400)
        self.assertEqual(self.update(job, "failed", failure_reason="script_failure", exit_code=3, output={"bytesize": 4}), 412)
        job.late = 1
        self.assertEqual([self.update(job, "failed", failure_reason="script_failure", exit_code=3, output={"bytesize": 5}) for _ in range(2)], [202, 200])
        self.assertEqual((job.trace, job.state, job.exit_code, job.failure_reason, job.result()), (b"hello", "failed", 3, "script_failure", "failed but allowed"))
        self.assertEqual(self.trace(job, b"x", "5-5")[0], 403)

    def test_a_job_with_exit_codes_goes_to_no_runner_that_has_none(self):
        job, plain = self.gitlab.add_job(["true"], allow_failure_exit_codes=[3]), self.gitlab.add_job(["true"])
        self.assertEqual(self.request_job(return_exit_code=False), (201, plain.id))
        self.assertEqual((job.state, job.failure_reason), ("failed", "runner_unsupported"))

    def test_runners_are_told_of_a_cancelled_job(self):
        job, old = self.gitlab.add_job(["true"]), self.gitlab.add_job(["true"])
        self.request_job(cancel_gracefully=True)
        self.request_job()
        job.cancel()
        old.cancel()
        answers = [(status, headers["Job-Status"]) for status, _, headers in (self.trace(job, b"a", "0-0"), self.trace(old, b"a", "0-0"))]
        self.assertEqual(answers, [(202, "canceling"), (403, "canceled")])
        self.assertEqual((self.update(job, "failed", failure_reason="job_canceled"), self.update(old, "failed", failure_reason="job_canceled")), (200, 403))
        self.assertEqual((job.state, old.state), ("canceled", "canceled"))

    def test_a_log_is_read_without_the_times_of_its_lines(self):
        job = self.gitlab.add_job(["true"])
        job.trace = b"2026-11-22T10:48:06.943208Z 00O section_start:1:x\r\n2026-11-22T10:48:06.943212Z 00O+title\n2026-11-22T10:48:06.985190Z 01E a line\nplain\n"
        self.assertEqual(job.text, "section_start:1:x\rtitle\na line\nplain\n")

    def test_artifacts_are_taken_as_gitlab_takes_them(self):
        job = self.gitlab.add_job(["true"], state="running")
        data = gzip.compress(b"<testsuites/>", mtime=0)
        self.assertEqual(self.upload(job, data, token="wrong", artifact_type="junit", artifact_format="gzip"), (403, "403 Forbidden - Invalid job token"))
        self.assertEqual(self.upload(job, data, artifact_type="junit"), (400, "Validation failed: File format Invalid file format with specified file type"))
        self.assertEqual(self.upload(job, data, artifact_type="sarif", artifact_format="raw"), (400, "artifact_type does not have a valid value"))
        self.assertEqual(self.upload(job, data[:-9], artifact_type="junit", artifact_format="gzip")[0], 400)
        self.assertEqual(self.upload(job, b"<testsuites/>", artifact_type="junit", artifact_format="gzip")[0], 400)
        self.assertEqual(self.upload(job, data, artifact_type="junit", artifact_format="gzip", expire_in="30 days"), (201, "201 Created"))
        self.assertEqual(self.upload(job, data, artifact_type="junit", artifact_format="gzip"), (201, "201 Created"))
        self.assertEqual(self.upload(job, gzip.compress(b"<other/>"), artifact_type="junit", artifact_format="gzip"), (400, "another artifact of the same type already exists"))
        self.assertEqual((job.artifacts["junit"].text, job.artifacts["junit"].expire_in), ("<testsuites/>", "30 days"))
        bad = gzip.compress(b'{"Links":[{"external_link":{"label":"x"}}]}')
        self.assertEqual(self.upload(job, bad, artifact_type="annotations", artifact_format="gzip"), (400, "Validation failed: Data must be a valid json schema"))
        job.state = "success"
        self.assertEqual(self.upload(job, b"[]", artifact_type="codequality", artifact_format="raw"), (403, "403 Forbidden - Job is not running"))
        self.assertEqual(len(self.gitlab.refusals), 8, self.gitlab.refusals)

    def test_its_types_and_formats_are_those_gitlab_lists(self):
        if not SHARED_PAIRS.exists():
            self.skipTest("the saved list of GitLab's artifact types is not here")
        self.assertEqual(FORMAT_OF, json.loads(SHARED_PAIRS.read_text()))

    def test_sources_need_the_token_of_a_running_job(self):
        job = self.gitlab.add_job(["true"], state="running")
        done = self.git("clone", "-q", self.gitlab.clone_url(job.token), "one")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((self.folder / "one/Dockerfile").read_text(), "FROM scratch\n")
        self.assertEqual(self.gitlab.refusals, [])
        self.assertNotEqual(self.git("clone", "-q", self.gitlab.clone_url("placeholder"), "two").returncode, 0)
        self.assertNotEqual(self.git("-C", "one", "push", "-q", "origin", "main:other").returncode, 0)
        job.state = "success"
        self.assertNotEqual(self.git("clone", "-q", self.gitlab.clone_url(job.token), "three").returncode, 0)

    def test_its_registry_takes_tokens_for_the_own_project_only(self):
        need("docker-registry", "skopeo", "openssl")
        registry = TokenRegistry(self.folder / "registry", self.gitlab)
        self.addCleanup(registry.stop)
        job = self.gitlab.add_job(["true"], state="running")
        self.assertIn({"type": "registry", "url": registry.host, "username": "gitlab-ci-token", "password": job.token}, job.response["credentials"])
        layout = self.folder / "layout"
        (layout / "blobs/sha256").mkdir(parents=True)

        def blob(value, media):
            import hashlib
            data = json.dumps(value).encode()
            digest = hashlib.sha256(data).hexdigest()
            (layout / "blobs/sha256" / digest).write_bytes(data)
            return {"mediaType": media, "digest": "sha256:" + digest, "size": len(data)}

        config = blob({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}, "application/vnd.oci.image.config.v1+json")
        manifest = blob({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": []}, "application/vnd.oci.image.manifest.v1+json")
        manifest["annotations"] = {"org.opencontainers.image.ref.name": "one"}
        (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))

        def copy(name, password):
            return subprocess.run(["skopeo", "copy", "-q", "--insecure-policy", "--dest-tls-verify=false", "--dest-creds", f"gitlab-ci-token:{password}", f"oci:{layout}:one",
                                   f"docker://{registry.host}/{name}"], capture_output=True, text=True, timeout=60)

        done = copy("group/app/image:1", job.token)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(registry.images(), ["group/app/image:1"])
        self.assertNotEqual(copy("group/other:1", job.token).returncode, 0)
        self.assertNotEqual(copy("group/app:2", "placeholder").returncode, 0)
        job.state = "canceled"
        self.assertNotEqual(copy("group/app:3", job.token).returncode, 0)
        self.assertEqual(registry.images(), ["group/app/image:1"])


if __name__ == "__main__":
    main()
