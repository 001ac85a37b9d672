"""Jobs from a GitLab server (a strict stand-in) to their result: sources, push to the instance's registry by token, log, exit code, reports as GitLab
receives them. The calls are made as gitlab-runner makes them; runner_test.py has the real one make them."""

import http.server
import threading

from gitlab_case import GitLabCase
from gitlab_server import GitLab
from runner_calls import RunnerJob, sections
from support import SCANGATE, main

GOOD = "FROM debian:bookworm\nCOPY app.txt /\n"
BAD = "FROM debian:bookworm\nCOPY app.txt /\nEXPOSE 22\n"
LOGIN = 'echo "$CI_REGISTRY_PASSWORD" | docker login -u "$CI_REGISTRY_USER" --password-stdin "$CI_REGISTRY"'
PUSH = [LOGIN, 'docker build -t "$CI_REGISTRY_IMAGE:$CI_COMMIT_SHORT_SHA" .', 'docker push "$CI_REGISTRY_IMAGE:$CI_COMMIT_SHORT_SHA"']
REPORTS = ["annotations", "codequality", "container_scanning", "junit"]


class Proxy(http.server.ThreadingHTTPServer):
    """A proxy that knows the whole world; `asked`: the addresses."""

    def __init__(self):
        asked = self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", "3")
                self.end_headers()
                self.wfile.write(b"ok\n")

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def stop(self):
        self.shutdown()
        self.server_close()
        self.thread.join()


class GitLabJobs(GitLabCase):
    def run_job(self, **options):
        job = RunnerJob(self.gitlab, SCANGATE, self.environment(), self.folder).run(**options)
        self.assertEqual(self.left_over(), [])
        return job

    def uploads(self):
        return [r for r in self.gitlab.requests if r[0] == "POST" and r[1].endswith("/artifacts")]

    def test_a_good_image_is_pushed_and_its_reports_arrive(self):
        self.server(GOOD)
        job = self.gitlab.add_job(PUSH)
        self.run_job()
        self.assertEqual((job.state, job.exit_code), ("success", 0), job.log)
        self.assertEqual(self.registry.images(), [f"group/app:{self.gitlab.sha[:8]}"])
        self.assertEqual(sorted(job.artifacts), REPORTS, job.log)
        for artifact in job.artifacts.values():
            self.assertEqual(artifact.expire_in, "30 days")
        # The same bytes at the next upload: no time in the gzip header.
        self.assertEqual(job.artifacts["junit"].data[4:8], bytes(4))
        self.assertEqual(job.artifacts["junit"].name, "junit.xml.gz")
        link = job.artifacts["annotations"].json["Scanned images"][0]["external_link"]
        self.assertEqual(link["url"], f"{self.gitlab.url}/group/app/container_registry")
        self.assertIn(f"group/app:{self.gitlab.sha[:8]}", link["label"])
        self.assertEqual(self.gitlab.refusals, [])

    def test_a_stopped_image_fails_the_job_with_3_and_reports_why(self):
        self.server(BAD)
        job = self.gitlab.add_job(PUSH, allow_failure_exit_codes=[3])
        self.run_job()
        self.assertEqual((job.state, job.failure_reason, job.exit_code), ("failed", "script_failure", 3), job.log)
        self.assertEqual(job.result(), "failed but allowed")
        self.assertEqual(self.registry.images(), [])
        self.assertEqual(sorted(job.artifacts), REPORTS, job.log)
        places = [(e["location"]["path"], e["location"]["lines"]["begin"]) for e in job.artifacts["codequality"].json if "22/tcp" in e["description"]]
        self.assertEqual(places, [("Dockerfile", 3)])
        self.assertIn("STOP", job.artifacts["annotations"].text)

    def test_the_log_has_collapsed_sections_that_end(self):
        self.server(GOOD)
        job = self.gitlab.add_job(PUSH, image="debian:bookworm", services=())
        self.run_job()
        found = sections(job.log)
        self.assertIn(("scangate_image", "Image debian:bookworm"), found)
        self.assertIn(("scangate_reports", "Scan reports"), found)

    def test_a_declared_report_is_uploaded_by_the_runner_only(self):
        self.server(GOOD)
        job = self.gitlab.add_job(PUSH, artifacts=[
            {"artifact_type": "junit", "artifact_format": "gzip", "paths": ["out/TEST-*.xml"], "when": "always"},
            {"artifact_type": "archive", "artifact_format": "zip", "paths": ["scangate-reports/"], "when": "always", "name": "reports"}])
        self.run_job()
        self.assertEqual(job.state, "success", job.log)
        self.assertEqual(sorted(job.artifacts), ["annotations", "archive", "codequality", "container_scanning", "junit"])
        self.assertEqual(job.artifacts["junit"].content, job.artifacts["archive"].files["scangate-reports/junit.xml"])
        links = [x["external_link"]["url"] for x in job.artifacts["annotations"].json["Scan reports"]]
        self.assertIn(f"{self.gitlab.url}/group/app/-/jobs/{job.id}/artifacts/file/scangate-reports/junit.xml", links)
        self.assertEqual(len(self.uploads()), 5)
        self.assertEqual(self.gitlab.refusals, [])

    def test_after_script_adds_to_the_one_set_of_reports(self):
        self.server(GOOD)
        job = self.gitlab.add_job(PUSH, after_script=[LOGIN, 'docker build -q -t "$CI_REGISTRY_IMAGE/two:1" .', 'docker push "$CI_REGISTRY_IMAGE/two:1"'],
                                  artifacts=[{"artifact_type": "codequality", "artifact_format": "raw", "paths": ["cq.json"], "when": "always"}])
        self.run_job()
        self.assertEqual(job.state, "success", job.log)
        self.assertEqual(self.registry.images(), ["group/app/two:1", f"group/app:{self.gitlab.sha[:8]}"])
        labels = [x["external_link"]["label"] for x in job.artifacts["annotations"].json["Scanned images"]]
        self.assertEqual(len(labels), 2, labels)
        self.assertIn('classname="group/app/two.config"', job.artifacts["junit"].text)
        self.assertIn('classname="group/app.config"', job.artifacts["junit"].text)
        self.assertEqual(sorted(job.artifacts), REPORTS)
        self.assertEqual(self.gitlab.refusals, [])

    def test_an_after_script_that_scans_nothing_loses_no_report(self):
        self.server(BAD)
        job = self.gitlab.add_job(PUSH, after_script=["echo the end"])
        self.run_job()
        self.assertEqual((job.state, job.exit_code), ("failed", 3), job.log)
        self.assertEqual(sorted(job.artifacts), REPORTS)

    def test_a_failed_upload_warns_and_changes_no_verdict(self):
        self.server(GOOD)
        # One report is refused, the server is down for a moment, then away for good.
        self.gitlab.plan("POST", "/artifacts", (405, {}), (503, {}))
        job = self.gitlab.add_job(PUSH)
        self.run_job()
        self.assertEqual(job.state, "success", job.log)
        self.assertIn("warning: the junit report was not taken by", job.log)
        self.assertEqual(sorted(job.artifacts), ["annotations", "codequality", "container_scanning"])

        self.gitlab.plan("POST", "/artifacts", *["hang up"] * 20)
        stopped = self.gitlab.add_job(PUSH, variables={"DOCKERFILE": "x"})
        stopped.response["steps"][0]["script"] = [LOGIN, "echo EXPOSE 22 >> Dockerfile", *PUSH[1:]]
        before = len(self.uploads())
        self.run_job()
        self.assertEqual((stopped.state, stopped.exit_code), ("failed", 3), stopped.log)
        self.assertEqual(stopped.artifacts, {})
        # All attempts of the first report, none of the others.
        self.assertEqual({b"junit" in body for _, _, _, body in self.uploads()[before:]}, {True})

    def test_a_job_cannot_lead_its_reports_or_token_elsewhere(self):
        self.server(GOOD)
        other = GitLab(self.folder / "other")
        self.addCleanup(other.stop)
        job = self.gitlab.add_job(PUSH, variables={"CI_API_V4_URL": f"{other.url}/api/v4", "CI_SERVER_URL": other.url, "CI_JOB_ID": "1", "CI_JOB_TOKEN": "x",
                                                   "CI_REPOSITORY_URL": f"{other.url}/group/app.git", "CI_PROJECT_PATH": "x/y",
                                                   **{name: other.url for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy")}})
        self.run_job()
        self.assertEqual(sorted(job.artifacts), REPORTS, job.log)
        self.assertEqual([r for r in other.requests if job.token in str(r[2]) or job.token.encode() in r[3]], [])

    def test_a_server_with_a_certificate_of_its_own(self):
        self.server(GOOD, tls=True)
        self.write_config(transfer={"attempts": 2}, registries={"docker.io": {"mirrors": [self.mirror.host]}, self.gitlab.host: {"ca_file": str(self.gitlab.ca_file)}})
        job = self.gitlab.add_job(["git fetch -q origin main && echo fetched", 'curl -sf -H "JOB-TOKEN: $CI_JOB_TOKEN" "$CI_API_V4_URL/job" > /dev/null && echo the API answers', *PUSH])
        self.run_job()
        self.assertEqual(job.state, "success", job.log)
        self.assertIn("\nfetched\n", job.log)
        self.assertIn("\nthe API answers\n", job.log)
        self.assertEqual(self.registry.images(), [f"group/app:{self.gitlab.sha[:8]}"])
        self.assertEqual(sorted(job.artifacts), REPORTS, job.log)

    def test_the_jobs_own_repository_as_build_context(self):
        self.server(GOOD)
        port = int(self.gitlab.host.split(":")[1])
        self.write_config(transfer={"attempts": 2}, registries={"docker.io": {"mirrors": [self.mirror.host]}}, sandbox={"allow_host_loopback": [port]})
        job = self.gitlab.add_job([LOGIN, 'docker build -t "$CI_REGISTRY_IMAGE:git" "$CI_REPOSITORY_URL#$CI_COMMIT_SHA"', 'docker push "$CI_REGISTRY_IMAGE:git"'])
        self.run_job()
        self.assertEqual(job.state, "success", job.log)
        self.assertEqual(self.registry.images(), ["group/app:git"])
        self.assertNotIn(job.token, job.log)

    def test_a_jobs_proxies_are_for_the_world_outside(self):
        self.server(GOOD)
        proxy = Proxy()
        self.addCleanup(proxy.stop)
        with open(self.config, "a") as config:
            config.write(f"sandbox: {{allow_host_loopback: [{proxy.server_port}]}}\n")
        address = f"http://127.0.0.1:{proxy.server_port}"
        ask = ['curl -sSf -H "JOB-TOKEN: $CI_JOB_TOKEN" "$CI_API_V4_URL/job" > /dev/null', "curl -sSf http://outside.example/script"]
        for variables in ({"http_proxy": address}, {"http_proxy": address, "NO_PROXY": "inside.example,10.0.0.0/8"}, {"http_proxy": address, "no_proxy": "", "NO_PROXY": ""}):
            job = self.gitlab.add_job([*ask, *PUSH], variables=variables, after_script=["wget -q -O - http://outside.example/after"],
                                      artifacts=[{"artifact_type": "junit", "artifact_format": "gzip", "paths": ["junit.xml"], "when": "always"}])
            runner = RunnerJob(self.gitlab, SCANGATE, self.environment(), self.folder)
            plain = runner.get_sources
            # A submodule or a hook of the sources that lies elsewhere.
            runner.get_sources = lambda: plain() or runner.stage("get_sources", ["curl -sSf http://outside.example/sources"])
            runner.run()
            self.assertEqual(job.state, "success", job.log)
            self.assertEqual(proxy.asked, ["http://outside.example/sources", "http://outside.example/script", "http://outside.example/after"])
            proxy.asked.clear()
        self.assertEqual(self.left_over(), [])

    def test_uploads_can_be_switched_off_by_the_host(self):
        self.server(GOOD)
        with open(self.config, "a") as config:
            config.write("reports: {upload: false}\n")
        job = self.gitlab.add_job(PUSH)
        self.run_job()
        self.assertEqual((job.state, job.artifacts), ("success", {}), job.log)


if __name__ == "__main__":
    main()
