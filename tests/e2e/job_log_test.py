"""What a job leaves to read: its log with sections as GitLab shows them, and the reports of a job that was ended."""

import os
import re
import signal
import time

from gitlab_case import GitLabCase
from runner_calls import RunnerJob, sections
from support import SCANGATE, main

GOOD = "FROM debian:bookworm\nRUN echo the build speaks\nCOPY app.txt /\n"
BAD = GOOD + "EXPOSE 22\n"
LOGIN = 'echo "$CI_REGISTRY_PASSWORD" | docker login -u "$CI_REGISTRY_USER" --password-stdin "$CI_REGISTRY"'
IMAGE = '"$CI_REGISTRY_IMAGE:1"'
REPORTS = ["annotations", "codequality", "container_scanning", "junit"]


def unfolded(log):
    """The lines that a reader sees before any click."""
    out, depth = [], 0
    for line in log.split("\n"):
        for mark in re.findall(r"section_(start|end):", line):
            depth += 1 if mark == "start" else -1
        line = line.split("\x1b[0K")[-1]
        if depth == 0 and line:
            out.append(line)
    return out


class JobLog(GitLabCase):
    def run_job(self, script, **options):
        job = self.gitlab.add_job(script, **options)
        RunnerJob(self.gitlab, SCANGATE, self.environment(), self.folder).run()
        self.assertEqual(self.left_over(), [])
        return job

    def titles(self, job):
        return [title for name, title in sections(job.log) if name != "scangate_reports"]

    def test_build_scan_and_push_are_folded_and_the_verdict_is_not(self):
        self.server(GOOD)
        job = self.run_job([LOGIN, f"docker build -t {IMAGE} .", f"docker push {IMAGE}", f"docker pull {IMAGE}"])
        self.assertEqual(job.state, "success", job.log)
        name = f"{self.registry.host}/group/app:1"
        self.assertEqual(self.titles(job), [f"Building {name}", f"Scanning {name}", f"Pushing {name}", f"Pulling {name}"], job.log)
        seen = unfolded(job.log)
        self.assertEqual([line for line in seen if "the build speaks" in line or "cataloguing" in line or "Vulnerabilities" in line], [], seen)
        self.assertIn("the build speaks", job.log)
        self.assertIn(f"naming to {name}", seen)
        # Right after the scan and once more at the job's end.
        self.assertEqual(len([line for line in seen if line.startswith(f"WARN  {name}: ")]), 2, seen)

    def test_a_stopped_image_says_why_without_a_click(self):
        self.server(BAD)
        job = self.run_job([LOGIN, f"docker build -t {IMAGE} .", f"docker push {IMAGE}"])
        self.assertEqual((job.state, job.exit_code), ("failed", 3), job.log)
        name = f"{self.registry.host}/group/app:1"
        self.assertEqual(self.titles(job), [f"Building {name}", f"Scanning {name}"], job.log)
        seen = unfolded(job.log)
        stop = next(i for i, line in enumerate(seen) if line.startswith(f"STOP  {name}: "))
        self.assertTrue(seen[stop + 1].startswith("  - "), seen)
        self.assertIn(f"ERROR: {name} stays here: nothing of it was sent to {self.registry.host}", seen)

    def test_a_failed_build_shows_the_end_of_its_output(self):
        self.server("FROM debian:bookworm\nRUN echo much earlier && for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do echo line $i; done && echo why it failed && exit 7\n")
        job = self.run_job(["docker build -t app:1 ."])
        self.assertEqual(job.state, "failed", job.log)
        self.assertEqual(self.titles(job), ["Building app:1"])
        seen = unfolded(job.log)
        at = next(i for i, line in enumerate(seen) if "why it failed" in line and "RUN" not in line)
        self.assertTrue(seen[at - 1].endswith("line 14"), seen)
        self.assertTrue(seen[at + 1].startswith("  2 | >>> RUN echo much earlier"), seen)
        self.assertTrue(seen[at + 2].startswith("ERROR: Dockerfile:2"), seen)
        self.assertEqual([line for line in seen if line.endswith(" much earlier")], [])

    def test_what_the_script_keeps_for_itself_has_no_marks(self):
        self.server(GOOD)
        job = self.run_job([
            LOGIN, f"docker build -t {IMAGE} . 2> build.txt", "docker build -t app:2 . > /dev/null 2>&1", "docker build -t app:3 . 2>&1 | tee tee.txt",
            "docker build -q -t app:4 . > id.txt", f"docker push -q {IMAGE} > name.txt 2> push.txt", "docker build -t app:5 . 2>&1", "(docker build -t app:6 .)",
            "! grep -a section_ *.txt", "grep -q 'the build speaks' build.txt tee.txt", "wc -l < id.txt", f"[ $(cat name.txt) = {IMAGE} ]", "grep -q WARN push.txt"])
        self.assertEqual(job.state, "success", job.log)
        self.assertEqual(self.titles(job), ["Building app:5", "Building app:6"], job.log)

    def test_other_programs_have_the_same_log(self):
        self.server(GOOD)
        auth = 'mkdir -p /kaniko/.docker && echo "{\\"auths\\":{\\"$CI_REGISTRY\\":{\\"username\\":\\"$CI_REGISTRY_USER\\",\\"password\\":\\"$CI_REGISTRY_PASSWORD\\"}}}" > /kaniko/.docker/config.json'
        job = self.run_job([auth, f"/kaniko/executor --context . --destination {IMAGE}", "c=$(buildah from debian:bookworm)", "buildah run $c -- echo said by buildah run",
                            "buildah bud -t app:2 .", "docker build ."])
        self.assertEqual(job.state, "success", job.log)
        name = f"{self.registry.host}/group/app:1"
        self.assertEqual(self.titles(job), [f"Building {name}", f"Scanning {name}", f"Pushing {name}", "Building app:2", "Building from Dockerfile"], job.log)
        # One line of the script, not a build.
        self.assertTrue(any(line.endswith("said by buildah run") and "$" not in line for line in unfolded(job.log)), job.log)

    def test_an_image_of_the_jobs_own_has_the_same_log(self):
        self.server(GOOD)
        job = self.run_job([LOGIN, f"docker build -t {IMAGE} .", f"docker push {IMAGE}"], image="debian:bookworm", services=())
        self.assertEqual(job.state, "success", job.log)
        name = f"{self.registry.host}/group/app:1"
        self.assertEqual(self.titles(job), ["Image debian:bookworm", f"Building {name}", f"Scanning {name}", f"Pushing {name}"], job.log)

    def ended(self, script, **options):
        """A job that gets SIGTERM in its script once that said 'waiting'; gives the call's exit code."""
        job = self.gitlab.add_job(script, **options)
        runner = RunnerJob(self.gitlab, SCANGATE, self.environment(), self.folder)
        runner.config()
        self.assertEqual(runner.call("prepare")[0], 0, runner.log)
        self.assertEqual(runner.get_sources(), 0, runner.log)
        log = self.folder / "ended.log"
        with open(log, "wb") as output:
            process = runner.start("run", runner.script("build_script", [f"cd {runner.project}", *runner.steps("script")]), "build_script", output=output)
            deadline = time.monotonic() + 60
            while b"\nwaiting" not in log.read_bytes():
                self.assertTrue(process.poll() is None and time.monotonic() < deadline, log.read_text())
                time.sleep(0.02)
            os.killpg(process.pid, signal.SIGTERM)
            code = process.wait(timeout=60)
        runner.log += log.read_bytes()
        runner.send_log()
        return job, runner, code

    def test_a_job_that_is_ended_leaves_the_reports_of_what_it_scanned(self):
        self.server(GOOD)
        script = [LOGIN, f"docker build -t {IMAGE} .", f"docker push {IMAGE}", "echo waiting", "sleep 1000"]
        job, runner, code = self.ended(script)
        self.assertEqual(code, 62, job.log)
        self.assertEqual(sorted(job.artifacts), REPORTS, job.log)
        self.assertTrue((runner.project / "scangate-reports/junit.xml").exists())
        self.assertIn("warning: the script was ended: stopped on request", job.log)
        sections(job.log)
        runner.call("cleanup")
        self.assertEqual(self.left_over(), [])

    def test_a_job_that_is_ended_after_the_gate_stopped_it_ends_with_3(self):
        self.server(BAD)
        job, runner, code = self.ended([LOGIN, f"docker build -t {IMAGE} .", f"docker push {IMAGE} || true", "echo waiting", "sleep 1000"])
        self.assertEqual((code, runner.exit_file.read_text()), (61, "3\n"), job.log)
        self.assertEqual(sorted(job.artifacts), REPORTS, job.log)
        runner.call("cleanup")

    def test_an_after_script_sends_no_report_twice(self):
        self.server(GOOD)
        job, runner, _ = self.ended([LOGIN, f"docker build -t {IMAGE} .", f"docker push {IMAGE}", "echo waiting", "sleep 1000"], after_script=["echo after"])
        self.assertEqual(sorted(job.artifacts), REPORTS, job.log)
        self.assertEqual(runner.stage("after_script", [f"cd {runner.project}", "echo after"]), 0)
        self.assertNotIn("was not taken", job.log)
        self.assertEqual(self.gitlab.refusals, [])
        runner.call("cleanup")
        self.assertEqual(self.left_over(), [])


if __name__ == "__main__":
    main()
