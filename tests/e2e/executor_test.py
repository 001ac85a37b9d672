"""The four calls of GitLab Runner's custom executor, made as the runner makes them: environment, response file, script text, stage order."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import time

from support import SCANGATE, Case, main

BUILD_FAILURE, SYSTEM_FAILURE = 61, 62  # unlike the runner's defaults, so that a hard-coded 1 or 2 shows


def end_network(folder):
    """What a crash does with the process that keeps a job's network; none where jobs share the host's."""
    if (folder / "network").exists():
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as keeper:
            keeper.connect(str(folder / "network"))
            keeper.send(b"e")
            keeper.recv(32)


def runner_script(lines, variables):
    """Script text in the form of gitlab-runner's bash shell: variables exported and commands run inside one eval."""
    body = "".join(f"export {k}={shell_quote(v)}\n" for k, v in variables.items())
    for line in lines:
        body += f"echo $'\\x1b[32;1m$ {ansi_c(line)}\\x1b[0;m'\n{line}\n"
    return "#!/usr/bin/env bash\n\n(set -eo pipefail; set +o noclobber; : | eval " + ansi_quote(body) + "; exit 0)\nexit $?\n"


def shell_quote(text):
    return "'" + text.replace("'", "'\\''") + "'"


def ansi_c(text):
    return text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")


def ansi_quote(text):
    return "$'" + ansi_c(text) + "'"


class Job:
    """One job as the runner drives it."""

    def __init__(self, case, lines, image="docker:latest", services=("docker:dind",), artifacts=(), after=(), variables=None, files=None):
        self.case = case
        self.lines, self.after = lines, after
        self.files = files or {}
        self.temporary = case.folder / "runner-tmp"
        self.temporary.mkdir(exist_ok=True)
        self.exit_file = self.temporary / "exit_code"
        self.response_file = self.temporary / "response.json"
        self.log = ""
        self.variables = {"CI_JOB_ID": "4711", "CI_PROJECT_ID": "7", **(variables or {})}
        self.response = {
            "id": 4711,
            "token": "job-token",
            "job_info": {"name": "build-image", "stage": "build", "project_id": 7, "project_name": "app"},
            "git_info": {"repo_url": "https://gitlab.example/group/app.git", "ref": "main", "sha": "0" * 40},
            "runner_info": {"timeout": 3600},
            "variables": [],
            "steps": [{"name": "script", "script": lines}],
            "image": {"name": image} if image else {},
            "services": [{"name": name, "alias": "docker"} for name in services],
            "artifacts": list(artifacts),
            "credentials": [],
        }
        self.job_env = {}

    def write_response(self):
        self.response["variables"] = [{"key": k, "value": v, "public": True} for k, v in self.variables.items()]
        self.response_file.write_text(json.dumps(self.response))
        self.response_file.chmod(0o600)

    def environment(self):
        env = self.case.environment(TMPDIR=str(self.temporary), BUILD_FAILURE_EXIT_CODE=str(BUILD_FAILURE), SYSTEM_FAILURE_EXIT_CODE=str(SYSTEM_FAILURE),
                                    BUILD_EXIT_CODE_FILE=str(self.exit_file), JOB_RESPONSE_FILE=str(self.response_file))
        env.update(self.job_env)
        for key, value in self.variables.items():
            env["CUSTOM_ENV_" + key] = value
        return env

    def call(self, *words):
        done = self.case.run_scangate("executor", *words, env=self.environment(), cwd=self.temporary)
        self.log += done.out + done.err
        return done

    def config(self):
        self.write_response()
        done = self.call("config")
        self.case.assertEqual(done.code, 0, done)
        said = json.loads(done.out)
        self.job_env = said["job_env"]
        self.builds = pathlib.Path(said["builds_dir"])
        self.project = self.builds / "group/app"
        self.variables["CI_PROJECT_DIR"] = str(self.project)
        self.write_response()
        return said

    def prepare(self):
        return self.call("prepare")

    def script_file(self, stage, lines):
        path = self.temporary / f"script-{stage}"
        path.write_text(runner_script(lines, self.variables))
        path.chmod(0o700)
        return path

    def stage(self, stage, lines):
        return self.call("run", self.script_file(stage, lines), stage)

    def get_sources(self):
        """Stands in for git clone: the helper stage writes the project's files."""
        lines = [f"mkdir -p {self.project}"]
        for name, content in self.files.items():
            lines += [f"mkdir -p {(self.project / name).parent}", f"printf %s {shell_quote(content)} > {self.project / name}"]
        return self.stage("get_sources", lines)

    def script(self, stage="build_script"):
        return self.stage(stage, [f"cd {self.project}", *self.lines])

    def cleanup(self):
        return self.call("cleanup")

    def run(self, stage="build_script"):
        self.config()
        self.case.assertEqual(self.prepare().code, 0, self.log)
        self.case.assertEqual(self.stage("prepare_script", ["echo Running on scangate"]).code, 0, self.log)
        self.case.assertEqual(self.get_sources().code, 0, self.log)
        done = self.script(stage)
        if self.after:
            self.stage("after_script", [f"cd {self.project}", *self.after])
        self.stage("cleanup_file_variables", ["true"])
        return done

    def exit_code(self):
        return int(self.exit_file.read_text().splitlines()[0])


class Executor(Case):
    def setUp(self):
        super().setUp()
        self.registry = self.start_mirror()
        self.before = self.registry.repositories()
        self.name = f"{self.registry.host}/group/app:main"

    def job(self, dockerfile, lines=None, **options):
        lines = lines or ['echo "$PASSWORD" | docker login -u ci --password-stdin ' + self.registry.host, f"docker build --pull -t {self.name} .", f"docker push {self.name}"]
        files = {"Dockerfile": dockerfile, "app.txt": "application\n", **options.pop("files", {})}
        return Job(self, lines, files=files, variables={"PASSWORD": "s3cret"}, **options)

    def pushed(self):
        return [r for r in self.registry.repositories() if r not in self.before]

    def finish(self, job):
        self.assertEqual(job.cleanup().code, 0)
        self.assertEqual(self.left_over(), [])

    def test_a_good_image_is_built_scanned_and_pushed(self):
        for stage in ("build_script", "step_script"):
            job = self.job("FROM debian:bookworm\nRUN echo hello > /hello\nCOPY app.txt /\n")
            done = job.run(stage)
            self.assertEqual(done.code, 0, job.log)
            self.assertIn("Login Succeeded", job.log)
            self.assertIn("scanning", job.log)
            self.assertEqual(self.pushed(), ["group/app:main"])
            self.finish(job)

    def test_a_stopped_push_ends_the_job_with_3_and_leaves_reports(self):
        job = self.job("FROM debian:bookworm\nCOPY app.txt /\nEXPOSE 22\n")
        done = job.run()
        self.assertEqual(done.code, BUILD_FAILURE, job.log)
        self.assertEqual(job.exit_code(), 3)
        self.assertEqual(self.pushed(), [])
        report = json.loads((job.project / "scangate-reports/gl-code-quality-report.json").read_text())
        ports = [entry for entry in report if "22/tcp" in entry["description"]]
        self.assertEqual([(p["location"]["path"], p["location"]["lines"]["begin"]) for p in ports], [("Dockerfile", 3)])
        self.finish(job)

    def test_a_script_that_swallows_the_stop_still_fails(self):
        job = self.job("FROM debian:bookworm\nEXPOSE 22\n", [f"docker build -t {self.name} .", f"docker push {self.name} || echo code $?", "echo went on"])
        done = job.run()
        self.assertIn("code 3", job.log)
        self.assertIn("went on", job.log)
        self.assertEqual((done.code, job.exit_code()), (BUILD_FAILURE, 3), job.log)
        self.assertEqual(self.pushed(), [])
        self.finish(job)

    def test_reports_go_where_the_yaml_declares_them(self):
        job = self.job("FROM debian:bookworm\nEXPOSE 22\n", artifacts=[{"artifact_type": "container_scanning", "artifact_format": "raw", "paths": ["out/cs.json"], "when": "always"}])
        job.run()
        report = json.loads((job.project / "out/cs.json").read_text())
        self.assertEqual(report["scan"]["type"], "container_scanning")
        self.finish(job)

    def test_without_data_the_push_is_undecided_and_the_job_ends_with_4(self):
        (self.folder / "advisories.db").unlink()
        job = self.job("FROM debian:bookworm\nCOPY app.txt /\n")
        done = job.run()
        self.assertEqual((done.code, job.exit_code()), (BUILD_FAILURE, 4), job.log)
        self.assertEqual(self.pushed(), [])
        self.finish(job)

    def test_a_failing_script_gives_its_own_code(self):
        job = self.job("FROM scratch\n", ["echo before", "exit 42", "echo after"])
        done = job.run()
        self.assertEqual((done.code, job.exit_code()), (BUILD_FAILURE, 42), job.log)
        self.assertNotIn("\nafter", job.log)
        self.finish(job)

    def test_a_failing_build_step_fails_the_job(self):
        job = self.job("FROM debian:bookworm\nRUN false\n")
        done = job.run()
        self.assertEqual(done.code, BUILD_FAILURE, job.log)
        self.assertIn("Dockerfile:2", job.log)
        self.assertEqual(self.pushed(), [])
        self.finish(job)

    def test_a_job_with_an_image_runs_in_its_root(self):
        job = self.job("FROM scratch\n", ["cat /etc/os-release", "ls /usr/bin || echo no host programs", "echo written > /made-by-job", "docker version"], image="debian:bookworm", services=())
        done = job.run()
        self.assertEqual(done.code, 0, job.log)
        self.assertIn("bookworm", job.log)
        self.assertIn("no host programs", job.log)
        self.finish(job)

    def test_prepare_may_be_called_again(self):
        job = self.job("FROM scratch\n", ["echo fine"], image="debian:bookworm", services=())
        job.config()
        for _ in range(3):
            self.assertEqual(job.prepare().code, 0, job.log)
        job.get_sources()
        self.assertEqual(job.script().code, 0, job.log)
        self.finish(job)

    def test_an_image_that_is_not_there_is_told_by_prepare(self):
        job = self.job("FROM scratch\n", ["true"], image=f"{self.registry.host}/no/such:1")
        job.config()
        done = job.prepare()
        self.assertEqual(done.code, BUILD_FAILURE, done)
        self.assertIn("no/such", done.err)
        self.finish(job)

    def test_cleanup_works_without_prepare_and_twice(self):
        job = self.job("FROM scratch\n", ["true"])
        job.config()
        self.finish(job)
        self.finish(job)

    def test_the_job_sees_neither_the_store_nor_the_hosts_secrets(self):
        secret = self.folder / "host-secret"
        secret.write_text("host secret")
        job = self.job("FROM scratch\n", [f"cat {secret} || echo hidden one", f"ls {self.store}/blobs || echo hidden two", "cat /etc/shadow || echo hidden three",
                                          "ls /proc | grep -c '^[0-9]' | xargs echo processes"])
        self.assertEqual(job.run().code, 0, job.log)
        for word in ("hidden one", "hidden two", "hidden three"):
            self.assertIn(word, job.log)
        self.assertNotIn("host secret", job.log)
        self.finish(job)

    def test_the_context_cannot_leave_the_job(self):
        outside = self.folder / "outside.txt"
        outside.write_text("outside of the job")
        job = self.job("FROM debian:bookworm\nCOPY link /stolen\nRUN cat /stolen\n", [f"ln -s {outside} link", f"docker build -t {self.name} ."])
        done = job.run()
        self.assertEqual(done.code, BUILD_FAILURE, job.log)
        self.assertNotIn("outside of the job", job.log)
        self.finish(job)

    def test_sigterm_ends_everything(self):
        job = self.job("FROM debian:bookworm\nRUN echo in the step && sleep 1000\n", [f"touch {'$CI_PROJECT_DIR'}/ready", "docker build -t x . & sleep 1000"])
        job.config()
        job.prepare()
        job.get_sources()
        script = job.script_file("build_script", [f"cd {job.project}", *job.lines])
        log = open(self.folder / "term.log", "wb")
        process = subprocess.Popen([str(SCANGATE), "executor", "run", str(script), "build_script"], env=job.environment(), cwd=job.temporary, stdout=log, stderr=log,
                                   stdin=subprocess.DEVNULL, start_new_session=True)
        self.wait_for(lambda: b"in the step\n" in (self.folder / "term.log").read_bytes(), process)
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)
        log.close()
        self.assertNotEqual(process.returncode, 0)
        self.finish(job)

    def test_sigkill_leaves_no_process_and_no_mount(self):
        job = self.job("FROM debian:bookworm\nRUN echo in the step && sleep 1000\n", ["docker build -t x ."])
        job.config()
        job.prepare()
        job.get_sources()
        script = job.script_file("build_script", [f"cd {job.project}", *job.lines])
        with open(self.folder / "kill.log", "wb") as log:
            process = subprocess.Popen([str(SCANGATE), "executor", "run", str(script), "build_script"], env=job.environment(), cwd=job.temporary, stdout=log, stderr=log,
                                       stdin=subprocess.DEVNULL, start_new_session=True)
            self.wait_for(lambda: b"in the step\n" in (self.folder / "kill.log").read_bytes(), process)
            process.kill()
            process.wait()
        self.assertEqual(job.cleanup().code, 0)
        # The next use of the store repairs it.
        self.wait_for(lambda: not [x for x in self.left_over() if x.startswith(("mount", "process"))], None)
        self.ok("image", "ls")
        self.assertEqual(self.left_over(), [])

    def test_what_a_project_caches_is_there_for_its_next_job_and_for_no_script(self):
        first = self.job("FROM scratch\n", ["touch $CACHE/from-the-script; test ! -e $CACHE/cache.zip"])
        first.response["job_info"]["project_full_path"] = "group/app"
        cache = first.config()["cache_dir"]
        first.variables["CACHE"] = cache
        self.assertEqual(first.prepare().code, 0, first.log)
        self.assertEqual(first.stage("archive_cache", [f"echo kept > {cache}/cache.zip"]).code, 0, first.log)
        self.assertEqual(first.get_sources().code, 0, first.log)
        self.assertEqual(first.script().code, 0, first.log)
        self.finish(first)
        cases = (("the same project's", 7, "https://gitlab.example/group/app.git", "kept\n"), ("another project's", 8, "https://gitlab.example/group/app.git", "none\n"),
                 ("another server's", 7, "https://other.example/group/app.git", "none\n"))
        for whose, project, url, expected in cases:
            with self.subTest(whose):
                job = self.job("FROM scratch\n", ["true"])
                job.response["job_info"].update(project_id=project, project_full_path="group/app")
                job.response["git_info"]["repo_url"] = url
                cache = job.config()["cache_dir"]
                self.assertEqual(job.prepare().code, 0, job.log)
                done = job.stage("restore_cache", [f"ls {cache}", f"cat {cache}/cache.zip 2>/dev/null || echo none"])
                self.assertTrue(done.out.endswith(expected), done)
                self.assertNotIn("from-the-script", done.out)
                self.finish(job)

    def names_of_jobs(self):
        with contextlib.closing(sqlite3.connect(self.store / "index.db")) as index:
            return sorted({name.split("\t")[0] for (name,) in index.execute("SELECT name FROM names") if "\t" in name})

    def test_what_a_job_without_cleanup_left_goes_with_a_later_job(self):
        lost = []
        for number in (1, 2, 3):
            job = self.job("FROM debian:bookworm\n", ["docker build -t app:1 ."])
            job.temporary = self.folder / f"runner-{number}"
            job.temporary.mkdir()
            self.assertEqual(job.run().code, 0, job.log)
            lost.append(pathlib.Path(job.job_env["SCANGATE_JOB_STATE"]))
        crashed, half_cleaned, running = lost
        self.assertEqual(self.names_of_jobs(), sorted(folder.name for folder in lost))
        # The host went down in the first job and in the second one's cleanup; the third is between two of its stages.
        (crashed / "lease").write_text("1\n")
        end_network(half_cleaned)
        shutil.rmtree(half_cleaned)
        later = self.job("FROM scratch\n", ["true"])
        later.config()
        self.assertEqual(later.prepare().code, 0, later.log)
        self.assertEqual(self.names_of_jobs(), [running.name])
        self.assertFalse(crashed.exists())
        self.assertEqual(job.script().code, 0, job.log)
        self.assertEqual(later.cleanup().code, 0)
        self.finish(job)

    def wait_for(self, condition, process):
        deadline = time.monotonic() + 60
        while not condition():
            if process is not None and process.poll() is not None:
                self.fail(f"the executor ended with {process.returncode}: " + "".join(p.read_text() for p in self.folder.glob("*.log")))
            if time.monotonic() > deadline:
                self.fail(f"it did not come to pass: {self.left_over()} " + "".join(p.read_text() for p in self.folder.glob("*.log")))
            time.sleep(0.02)

    def test_calls_outside_of_a_runner_say_so(self):
        done = self.run_scangate("executor", "config")
        self.assertEqual(done.code, 5, done)
        self.assertIn("gitlab-runner", done.err)


if __name__ == "__main__":
    main()
