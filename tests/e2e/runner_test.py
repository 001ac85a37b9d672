"""Jobs of a (stand-in) GitLab server, done by the real gitlab-runner with the config.toml that `scangate register` writes: from the queue to the result, with
log, exit code, "Cancel", artifacts and reports as GitLab receives them.

The runner is the one on PATH, or SCANGATE_GITLAB_RUNNER. Without one, tests/support/runner_calls.py makes the same calls, and the cases are the same.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import gitlab_jobs_test
from gitlab_case import GitLabCase
from gitlab_jobs_test import BAD, GOOD, LOGIN, PUSH, REPORTS
from runner_calls import RunnerJob, sections
from support import SCANGATE, main

REAL = os.environ.get("SCANGATE_GITLAB_RUNNER") or shutil.which("gitlab-runner")
# A step that goes on until it is ended; it prints, since runners learn that a job was cancelled when they send its log.
ENDLESS = "FROM debian:bookworm\nRUN echo in the step; while true; do echo still in it; sleep 0.1; done\n"
JUNIT = {"artifact_type": "junit", "artifact_format": "gzip", "name": "junit.xml", "paths": ["out/TEST-*.xml"], "when": "always"}
ARCHIVE = {"artifact_type": "archive", "artifact_format": "zip", "name": "reports", "paths": ["scangate-reports/"], "when": "always", "expire_in": "3 days"}
QUALITY = {"artifact_type": "codequality", "artifact_format": "raw", "name": "gl-code-quality-report.json", "paths": ["scangate-reports/gl-code-quality-report.json"],
           "when": "always"}


class RealRunner:
    """gitlab-runner as a process, for so many jobs; `log` is what it says itself."""

    def __init__(self, case, jobs=1, clone_url=None):
        self.case, self.log = case, case.folder / "runner.log"
        programs = case.folder / "bin"
        programs.mkdir(exist_ok=True)
        if not (programs / "gitlab-runner").exists():
            (programs / "gitlab-runner").symlink_to(REAL)
        environment = case.environment()
        environment["PATH"] = f"{programs}:{environment['PATH']}"
        toml = case.folder / "config.toml"
        case.ok("register", "--config-toml", toml, "--url", case.gitlab.url, "--name", "gate", "--token", "-", stdin=case.gitlab.runner_token.encode())
        if case.gitlab.ca_file:
            toml.write_text(toml.read_text().replace("  executor =", f'  tls-ca-file = "{case.gitlab.ca_file}"\n  executor ='))
        if clone_url:
            toml.write_text(toml.read_text().replace("  executor =", f'  clone_url = "{clone_url}"\n  executor ='))
        if jobs == 1:
            words = ["run-single", "--config", str(toml), "--runner", "gate", "--max-builds", "1", "--wait-timeout", "60"]
        else:
            toml.write_text(toml.read_text().replace("concurrent = 1", f"concurrent = {jobs}").replace("check_interval = 0", "check_interval = 1"))
            words = ["run", "--config", str(toml), "--working-directory", str(case.folder)]
        self.single = jobs == 1
        self.output = open(self.log, "ab")
        self.process = subprocess.Popen([str(programs / "gitlab-runner"), *words], env=environment, cwd=case.folder, stdin=subprocess.DEVNULL, stdout=self.output,
                                        stderr=self.output, start_new_session=True)
        case.addCleanup(self.stop)

    def wait(self, seconds=180):
        if not self.single:
            for job in self.case.gitlab.jobs.values():
                job.wait(seconds)
            self.process.send_signal(signal.SIGQUIT)  # "no more jobs"
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.case.fail(f"gitlab-runner did not end:\n{self.log.read_text()}")

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.output.close()


class CalledRunner:
    """The stand-in, in threads of this process."""

    def __init__(self, case, jobs=1):
        self.case, self.errors = case, []
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(jobs)]
        for thread in self.threads:
            thread.start()

    def run(self):
        try:
            RunnerJob(self.case.gitlab, SCANGATE, self.case.environment(), self.case.folder).run()
        except Exception as error:  # noqa: BLE001: told by wait(), in the test's own thread
            self.errors.append(error)

    def wait(self, seconds=180):
        deadline = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(max(0, deadline - time.monotonic()))
            self.case.assertFalse(thread.is_alive(), "the stand-in for the runner did not end")
        for error in self.errors:
            raise error


def start_runner(case, **options):
    return (RealRunner if REAL else CalledRunner)(case, **options)


class Runner(GitLabCase):
    def finish(self, runner):
        runner.wait()
        self.assertEqual(self.left_over(), [])
        for job in self.gitlab.jobs.values():
            self.assertNotIn(job.token, job.log)

    def until(self, condition, job):
        deadline = time.monotonic() + 90
        while not condition():
            if job.finished.is_set() or time.monotonic() > deadline:
                self.fail(f"it did not come to pass; the job is {job.state}:\n{job.text}")
            time.sleep(0.02)

    def need_the_real_one(self, what):
        if not REAL:
            self.skipTest(f"{what} is gitlab-runner's own work, and the real one is not on PATH")

    def uploads(self, job):
        return len(self.gitlab.seen("POST", f"/jobs/{job.id}/artifacts"))

    def test_a_job_passes(self):
        self.server(GOOD)
        job = self.gitlab.add_job(["git log --format=%H -1", "git fetch -q origin main", *PUSH], after_script=["echo job is $CI_JOB_STATUS"], artifacts=[JUNIT, ARCHIVE, QUALITY])
        self.finish(start_runner(self))
        self.assertEqual((job.state, job.failure_reason, job.exit_code), ("success", None, 0), job.text)
        self.assertIn(self.gitlab.sha + "\n", job.text)
        self.assertIn("job is success\n", job.text)
        self.assertEqual(self.registry.images(), [f"group/app:{self.gitlab.sha[:8]}"])
        # Declared types once, from the runner; the others from scangate.
        self.assertEqual(sorted(job.artifacts), ["annotations", "archive", "codequality", "container_scanning", "junit"], job.text)
        self.assertEqual(self.uploads(job), 5)
        self.assertEqual((job.artifacts["junit"].name, job.artifacts["junit"].format), ("junit.xml.gz", "gzip"))
        self.assertEqual(job.artifacts["junit"].content, job.artifacts["archive"].files["scangate-reports/junit.xml"])
        self.assertEqual(job.artifacts["codequality"].content, job.artifacts["archive"].files["scangate-reports/gl-code-quality-report.json"])
        self.assertEqual((job.artifacts["archive"].name, job.artifacts["archive"].expire_in), ("reports.zip", "3 days"))
        self.assertEqual(job.artifacts["container_scanning"].json["scan"]["status"], "success")
        found = [name for name, _ in sections(job.text)]
        self.assertIn("scangate_reports", found)
        self.assertEqual(self.gitlab.refusals, [])

    def test_a_job_stopped_by_the_gate_ends_with_3(self):
        self.server(BAD)
        job = self.gitlab.add_job([*PUSH, "echo not reached"], after_script=["echo job is $CI_JOB_STATUS"])
        self.finish(start_runner(self))
        self.assertEqual((job.state, job.failure_reason, job.exit_code, job.result()), ("failed", "script_failure", 3, "failed"), job.text)
        self.assertNotIn("\nnot reached\n", job.text)
        self.assertIn("job is failed\n", job.text)
        self.assertEqual(self.registry.images(), [])
        self.assertEqual(sorted(job.artifacts), REPORTS, job.text)
        self.assertEqual(self.gitlab.refusals, [])

    def test_exit_code_3_can_be_allowed(self):
        self.server(BAD)
        job = self.gitlab.add_job(PUSH, allow_failure_exit_codes=[3], artifacts=[JUNIT])
        self.finish(start_runner(self))
        self.assertEqual((job.state, job.exit_code, job.result()), ("failed", 3, "failed but allowed"), job.text)
        self.assertEqual(self.registry.images(), [])
        self.assertEqual(sorted(job.artifacts), REPORTS, job.text)
        self.assertIn("<failure", job.artifacts["junit"].text)

    def test_a_scripts_own_exit_code_arrives(self):
        self.server(GOOD)
        job = self.gitlab.add_job(["exit 42"], image="debian:bookworm", services=(), allow_failure_exit_codes=[3])
        self.finish(start_runner(self))
        self.assertEqual((job.state, job.failure_reason, job.exit_code, job.result()), ("failed", "script_failure", 42, "failed"), job.text)

    def test_an_image_that_is_nowhere_ends_the_job_before_its_script(self):
        self.server(GOOD)
        job = self.gitlab.add_job(["echo not reached"], image=f"{self.mirror.host}/no/such:image", services=())
        self.finish(start_runner(self))
        self.assertEqual((job.state, job.failure_reason, job.exit_code), ("failed", "script_failure", 2), job.text)
        self.assertEqual(job.text.count("it does not exist"), 1, job.text)  # no further tries
        self.assertNotIn("not reached", job.text)

    def test_artifacts_of_an_earlier_job_are_there(self):
        self.server(GOOD)
        first = self.gitlab.add_job(["mkdir out", "echo from the first job > out/note"], artifacts=[{"artifact_type": "archive", "artifact_format": "zip", "paths": ["out/"]}])
        self.finish(start_runner(self))
        self.assertEqual((first.state, sorted(first.artifacts)), ("success", ["archive"]), first.text)
        self.need_the_real_one("downloading artifacts")
        second = self.gitlab.add_job(["cat out/note"], dependencies=[first])
        self.finish(start_runner(self))
        self.assertEqual(second.state, "success", second.text)
        self.assertIn("from the first job\n", second.text)

    def test_what_a_job_caches_is_there_for_the_next(self):
        self.need_the_real_one("caches")
        self.server(GOOD)
        cache = [{"key": "deps-protected", "paths": ["vendor/"], "policy": "pull-push", "when": "on_success", "untracked": False}]
        for script in (["test ! -e vendor", "mkdir vendor", "echo from the first job > vendor/note"], ["cat vendor/note"]):
            job = self.gitlab.add_job(script, cache=cache)
            self.finish(start_runner(self))
            self.assertEqual(job.state, "success", job.text)
        self.assertIn("from the first job\n", job.text)

    def test_every_way_to_clone_goes_through_the_forwarder(self):
        self.need_the_real_one("cloning")
        self.server(GOOD)
        for flags in ((), ("FF_GIT_URLS_WITHOUT_TOKENS",), ("FF_USE_GIT_NATIVE_CLONE",), ("FF_USE_GIT_PROACTIVE_AUTH",), ("FF_GIT_URLS_WITHOUT_TOKENS", "FF_USE_GIT_NATIVE_CLONE")):
            job = self.gitlab.add_job(["git fetch -q origin main", "cat app.txt"], image=None, services=(), variables=dict.fromkeys(flags, "true"))
            self.finish(start_runner(self))
            self.assertEqual(job.state, "success", f"{flags}: {job.text}")
            self.assertIn("\napplication\n", job.text)
        self.assertEqual(self.gitlab.refusals, [])

    def test_submodules_come_through_the_forwarder(self):
        self.need_the_real_one("cloning")
        self.server(GOOD, modules={"group/beside": ("../beside.git", {"note": "from beside\n"}), "group/byssh": ("git@127.0.0.1:group/byssh.git", {"note": "from byssh\n"})})
        for flags in ({}, {"FF_GIT_URLS_WITHOUT_TOKENS": "true"}):
            job = self.gitlab.add_job(["cat beside/note byssh/note"], image=None, services=(),
                                      variables={"GIT_SUBMODULE_STRATEGY": "recursive", "GIT_SUBMODULE_FORCE_HTTPS": "true", **flags})
            self.finish(start_runner(self))
            self.assertEqual(job.state, "success", f"{flags}: {job.text}")
            self.assertIn("\nfrom beside\nfrom byssh\n", job.text)
        self.assertEqual(self.gitlab.refusals, [])

    def test_a_server_that_the_host_reaches_elsewhere(self):
        """`clone_url` of the runner's configuration, `gitlab: {url:}` of ours."""
        self.need_the_real_one("cloning")
        self.server(GOOD, modules={"group/beside": ("../beside.git", {"note": "from beside\n"})})
        inside = self.gitlab.url
        self.gitlab.url, self.gitlab.host = "http://gitlab.invalid", "gitlab.invalid"
        with open(self.config, "a") as config:
            config.write(f"gitlab: {{url: '{inside}'}}\n")
        job = self.gitlab.add_job(["cat beside/note", 'curl -sf -H "JOB-TOKEN: $CI_JOB_TOKEN" "$CI_API_V4_URL/job" > /dev/null && echo the API answers', *PUSH],
                                  variables={"GIT_SUBMODULE_STRATEGY": "normal"})
        self.gitlab.url = inside
        self.finish(start_runner(self, clone_url=inside))
        self.assertEqual(job.state, "success", job.text)
        self.assertIn("\nfrom beside\n", job.text)
        self.assertIn("\nthe API answers\n", job.text)
        self.assertEqual(sorted(job.artifacts), REPORTS, job.text)

    def test_a_job_that_takes_too_long_is_ended(self):
        self.need_the_real_one("the job's timeout")
        self.server(ENDLESS)
        job = self.gitlab.add_job(PUSH, timeout=6)
        self.finish(start_runner(self))
        self.assertEqual((job.state, job.failure_reason, self.registry.images()), ("failed", "job_execution_timeout", []), job.text)

    def test_cancel_during_a_step_ends_the_script_and_lets_after_script_run(self):
        self.server(ENDLESS)
        job = self.gitlab.add_job(PUSH, after_script=["echo job is $CI_JOB_STATUS"])
        runner = start_runner(self)
        self.until(lambda: "still in it" in job.text, job)
        job.cancel()
        self.assertEqual(job.state, "canceling")
        self.finish(runner)
        self.assertEqual(job.state, "canceled", job.text)
        self.assertIn("job is canceled\n", job.text)
        self.assertEqual(self.registry.images(), [])
        self.assertEqual(self.gitlab.refusals, [])

    def test_cancel_at_once_does_only_the_cleanup(self):
        self.server(ENDLESS)
        job = self.gitlab.add_job(PUSH, after_script=["echo job is $CI_JOB_STATUS"])
        runner = start_runner(self)
        self.until(lambda: "still in it" in job.text, job)
        job.features = {}  # as with "Force cancel", and with servers before 17
        job.cancel()
        self.finish(runner)
        self.assertEqual((job.state, self.registry.images(), job.artifacts), ("canceled", [], {}))
        self.assertNotIn("job is", job.text.replace("job is $CI", ""))
        self.assertEqual([r for r in self.gitlab.refusals if "403 Forbidden - Job is not running" not in r], [])

    def test_cancel_after_a_push_takes_nothing_back_and_pushes_no_more(self):
        self.server(GOOD, second=ENDLESS)
        job = self.gitlab.add_job([*PUSH, 'docker build -f second -t "$CI_REGISTRY_IMAGE:second" .', 'docker push "$CI_REGISTRY_IMAGE:second"'], artifacts=[JUNIT, QUALITY])
        runner = start_runner(self)
        self.until(lambda: "still in it" in job.text, job)
        job.cancel()
        self.finish(runner)
        self.assertEqual((job.state, self.registry.images()), ("canceled", [f"group/app:{self.gitlab.sha[:8]}"]), job.text)
        # What was scanned until then, declared or not.
        self.assertEqual(sorted(job.artifacts), REPORTS, job.text)

    def test_a_result_that_gitlab_is_not_ready_for_is_sent_again(self):
        self.server(GOOD)
        job = self.gitlab.add_job(["echo hello"], image=None, services=())
        job.late = 1
        self.finish(start_runner(self))
        self.assertEqual(job.state, "success", job.text)

    def test_jobs_at_once_do_not_meet(self):
        self.server(GOOD, bad=BAD)
        jobs = [self.gitlab.add_job([LOGIN, f"docker build -f {name} -t $CI_REGISTRY_IMAGE:{name.lower()} .", f"docker push $CI_REGISTRY_IMAGE:{name.lower()}"])
                for name in ("Dockerfile", "bad", "Dockerfile")]
        self.finish(start_runner(self, jobs=3))
        self.assertEqual([(job.state, job.exit_code) for job in jobs], [("success", 0), ("failed", 3), ("success", 0)], "\n".join(job.text for job in jobs))
        self.assertEqual(self.registry.images(), ["group/app:dockerfile"])
        for job in jobs:
            self.assertEqual(sorted(job.artifacts), REPORTS, job.text)
        self.assertEqual(self.gitlab.refusals, [])


if REAL:
    class TheSameJobs(gitlab_jobs_test.GitLabJobs):
        """What gitlab_jobs_test.py shows with the stand-in."""

        def run_job(self, **_):
            runner = RealRunner(self)
            runner.wait()
            self.assertEqual(self.left_over(), [])
            for job in self.gitlab.jobs.values():
                job.trace = re.sub(rb"(?m)^\S+Z [0-9a-f]{2}[OE][+ ]", b"", job.trace)


if __name__ == "__main__":
    if REAL:
        version = subprocess.run([REAL, "--version"], capture_output=True, text=True, check=False).stdout.split("\n")[0]
        print(f"runner: {REAL}, {version}", file=sys.stderr)
    else:
        print("runner: gitlab-runner is not on PATH; tests/support/runner_calls.py makes its calls in its place (SCANGATE_GITLAB_RUNNER names another program)", file=sys.stderr)
    main()
