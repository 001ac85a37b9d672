"""`scangate run`: a pipeline on a laptop, as the runner would run it."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import time
import unittest

from support import SCANGATE, SERVER, WRAPPER, Case, main

PASSWORD = "glpat-abcdefghijklmnop"


class Run(Case):
    def setUp(self):
        super().setUp()
        self.import_base("base:1", extra=(("bin/serve", SERVER, 0o755), ("bin/wrap", WRAPPER, 0o755)))

    def pipeline(self, text, **files):
        return self.project({".gitlab-ci.yml": text, **{name.replace("__", "/"): content for name, content in files.items()}})

    def run_pipeline(self, text, *words, code=0, files=None, **options):
        project = self.project({".gitlab-ci.yml": text, **(files or {})})
        before = sorted(path.name for path in project.iterdir())
        done = self.expect(code, "run", "-C", project, *words, **options)
        self.assertEqual(sorted(path.name for path in project.iterdir() if path.name != "scangate-reports"), before)
        self.assertEqual(self.left_over(), [])
        return done

    def need_network(self):
        if not (shutil.which("pasta") or shutil.which("slirp4netns")):
            raise unittest.SkipTest("neither pasta (passt) nor slirp4netns is installed: jobs have no network of their own")

    def build_server(self):
        folder = self.project({"Dockerfile": 'FROM base:1\nENV PORT=8123 GREETING=image\nEXPOSE 8123\nENTRYPOINT ["/bin/serve"]\nCMD ["as the image has it"]\n'})
        self.ok("-q", "build", "-t", "group/server:1", folder)

    def test_services_run_beside_the_job_and_its_after_script(self):
        self.need_network()
        self.build_server()
        done = self.run_pipeline("""
test:
  image: base:1
  variables: {NAME: job}
  services:
    - {name: "group/server:1", alias: "web, other", command: [own, words], variables: {GREETING: "$NAME and own"}}
    - docker:dind
  script: ["busybox wget -q -O - http://web:8123/", "busybox wget -q -O - http://group-server:8123/", touch /kept]
  after_script: ["busybox wget -q -O - http://other:8123/", "ls /kept", "echo status $CI_JOB_STATUS"]
""")
        self.assertEqual(done.out.count("hello from job and own"), 3, done)
        self.assertIn("\n/kept\n", done.out)
        self.assertIn("status success", done.out)
        self.assertIn("Service docker:dind: served by the image gate", done.err)
        self.assertNotIn("probably didn't start", done.err)

    def test_a_service_that_does_not_listen_is_warned_of_with_its_log(self):
        self.need_network()
        self.write_config(services={"wait_seconds": 1})
        self.build_server()
        done = self.run_pipeline("""
test:
  image: base:1
  services: [{name: "group/server:1", entrypoint: [sh, -c, "echo I give up >&2; exit 7"]}]
  script: [echo went on]
""")
        for text in ("*** WARNING: Service group/server:1 probably didn't start properly.", "it ended with code 7", "I give up"):
            self.assertIn(text, done.err)
        self.assertIn("went on", done.out)

    def test_image_entrypoint_user_and_project_folder(self):
        done = self.run_pipeline("""
test:
  image: {name: "base:1", entrypoint: [/bin/wrap], docker: {user: app}}
  variables: {WHERE: "$CI_PROJECT_DIR/sub"}
  script: [id, "echo $WHERE", echo mine > made, pwd]
""", "--var", "CI_PROJECT_PATH=x")
        for text in ("through the entrypoint", "uid=1000(app)", "/builds/local/project-"):
            self.assertIn(text, done.out)

    def test_pull_policies_and_platforms_are_kept(self):
        cases = (
            ('{name: "nowhere:1", pull_policy: never}', 2, "image nowhere:1 is not on this host, and may not be pulled (use pull_policy: if-not-present)"),
            ('{name: "base:1", pull_policy: [always, never]}', 0, "trying never"),
            ('{name: "base:1", docker: {platform: "x/y/z/a"}}', 2, "platform"),
        )
        self.write_config(registries={"docker.io": {"mirrors": ["http://127.0.0.1:1"]}})
        for image, code, text in cases:
            with self.subTest(image=image):
                done = self.run_pipeline(f"test:\n  image: {image}\n  script: [true]\n", code=code)
                self.assertIn(text, done.err)

    def test_artifacts_reach_the_jobs_that_want_them(self):
        done = self.run_pipeline("""
stages: [build, other, test]
build:
  stage: build
  script:
    - mkdir -p out/deep link && echo made > out/deep/file && echo log > out/a.log && ln -s deep/file out/also && echo 1 > plain
    - echo "VERSION=1.2.3" > build.env
  artifacts:
    paths: [out/, "*.nothing", "$CI_PROJECT_DIR/plain"]
    exclude: ["out/*.log"]
    reports: {dotenv: build.env}
other: {stage: other, script: ["echo other > other"], artifacts: {paths: [other]}, dependencies: []}
failed:
  stage: other
  needs: []
  script: ["test ! -e out/deep", "echo broken > broken; exit 7"]
  allow_failure: {exit_codes: [7]}
  artifacts: {paths: [broken], when: on_failure}
all: {stage: test, script: ["find . -type f -o -type l | sort", "cat out/also plain other broken", "echo version $VERSION"]}
one: {stage: test, needs: [build], script: ["cat out/also; test ! -e other; echo one $VERSION"]}
none: {stage: test, dependencies: [], script: ["test ! -e out/deep; test ! -e other; echo none [$VERSION]"]}
""", files={"out/old": "from the project"})
        for text in ("./out/deep/file", "./out/also", "./out/old", "made\n1\nother\nbroken\n", "version 1.2.3", "one 1.2.3", "none []"):
            self.assertIn(text, done.out)
        self.assertNotIn("a.log\n", done.out)
        self.assertIn("job build: *.nothing: no matching files. Ensure that the artifact path is relative to /builds/local/", done.err)
        self.assertIn("job failed: failed with exit code 7 (allowed)", done.err)

    def test_artifacts_stay_inside_the_project(self):
        outside = self.folder / "outside"
        outside.mkdir()
        project = self.project({".gitlab-ci.yml": """
stages: [build, test]
build: {stage: build, script: [rm out, mkdir out, echo x > out/x], artifacts: {paths: [out]}}
test: {stage: test, script: ["true"]}
"""})
        (project / "out").symlink_to(outside)
        self.expect(0, "run", "-C", project)
        self.assertEqual(list(outside.iterdir()), [])
        self.assertEqual(self.left_over(), [])

    def test_a_password_reaches_no_sandbox(self):
        registry = self.start_registry()
        done = self.run_pipeline("""
test:
  script:
    - echo "$CI_REGISTRY_PASSWORD" | docker login -u "$CI_REGISTRY_USER" --password-stdin "$CI_REGISTRY"
    - 'echo "password: $CI_REGISTRY_PASSWORD ${#CI_REGISTRY_PASSWORD}"'
    - env; cat /proc/*/environ | tr '\\0' '\\n'; cat ~/.docker/config.json || true
""", "--var", f"CI_REGISTRY={registry.host}", "--var", "CI_REGISTRY_USER=me", "--var", "CI_REGISTRY_PASSWORD", env=self.environment(CI_REGISTRY_PASSWORD=PASSWORD))
        self.assertIn("password: ", done.out)
        self.assertNotIn(PASSWORD, done.out + done.err)

    def test_a_password_for_no_registry_is_warned_of(self):
        done = self.run_pipeline("test: {variables: {CI_REGISTRY: evil.example}, script: ['echo $CI_REGISTRY_PASSWORD']}\n", "--var", f"CI_REGISTRY_PASSWORD={PASSWORD}")
        self.assertIn("CI_REGISTRY_PASSWORD is for no registry: give CI_REGISTRY with --var, too", done.err)
        self.assertNotIn(PASSWORD, done.out + done.err)

    def test_logins_of_one_job_are_not_the_nexts(self):
        registry = self.start_registry()
        done = self.run_pipeline("""
stages: [one, two]
one: {stage: one, script: ["echo secret | docker login -u me --password-stdin HOST"]}
two: {stage: two, script: ["docker logout HOST"]}
""".replace("HOST", registry.host))
        self.assertIn("Not logged in to", done.out + done.err)

    def test_a_job_longer_than_its_timeout_is_stopped(self):
        start = time.monotonic()
        done = self.run_pipeline("""
slow: {timeout: 1s, script: [echo begun, sleep 100], after_script: [echo never]}
""", code=1)
        self.assertLess(time.monotonic() - start, 30)
        self.assertIn("job slow: stopped, it took longer than its timeout of 1 s", done.err)
        self.assertNotIn("\nnever", done.out)

    def test_a_failed_job_is_tried_again_and_others_go_on(self):
        done = self.run_pipeline("""
stages: [build, after]
build: {stage: build, retry: 1, script: [echo try, exit 4]}
broken: {stage: build, image: {name: "nowhere:1", pull_policy: never}, script: ["true"]}
always: {stage: after, when: always, script: [echo always]}
failure: {stage: after, when: on_failure, script: [echo failure]}
success: {stage: after, script: [echo success]}
apart: {stage: after, needs: [], script: [echo apart]}
behind: {stage: after, needs: [broken], script: [echo behind]}
""", code=2)
        self.assertEqual(done.out.count("\ntry\n"), 2, done)
        self.assertIn("\nalways\n", done.out)
        self.assertIn("\nfailure\n", done.out)
        self.assertIn("\napart\n", done.out)
        self.assertNotIn("\nsuccess\n", done.out)
        self.assertNotIn("\nbehind\n", done.out)
        self.assertIn("image nowhere:1 is not on this host", done.err)
        self.assertIn("job build: failed with exit code 4", done.err)
        self.assertIn("job success (after): not run, when: on_success", done.err)

    def tree(self, root):
        """All processes below one."""
        parents = {}
        for proc in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                parents.setdefault(int((proc / "stat").read_text().rsplit(")", 1)[1].split()[1]), []).append(int(proc.name))
        found, todo = [], [root]
        while todo:
            for child in parents.get(todo.pop(), []):
                found.append(child)
                todo.append(child)
        return found

    def test_ctrl_c_leaves_nothing(self):
        self.need_network()
        self.build_server()
        for number in (signal.SIGINT, signal.SIGKILL):
            with self.subTest(signal=number.name):
                project = self.project({".gitlab-ci.yml": """
test:
  image: base:1
  services: [{name: "group/server:1", alias: web}]
  script: ["trap '' INT TERM", "(sleep 1000 &) ; touch begun; echo begun", "sleep 1000"]
  after_script: [echo never]
"""})
                log = self.folder / f"log-{number.name}"
                with open(log, "wb") as out:
                    # A process group of its own, as a terminal's Ctrl-C reaches every process of it.
                    process = subprocess.Popen([str(SCANGATE), "run", "-C", str(project)], env=self.environment(), stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True)
                deadline = time.monotonic() + 60
                while b"\nbegun\n" not in log.read_bytes():
                    self.assertLess(time.monotonic(), deadline, log.read_text())
                    time.sleep(0.02)
                below = self.tree(process.pid)
                self.assertGreater(len(below), 3)
                start = time.monotonic()
                os.killpg(process.pid, number) if number == signal.SIGINT else process.kill()
                code = process.wait(timeout=30)
                took = time.monotonic() - start
                while any(pathlib.Path(f"/proc/{pid}").exists() for pid in below):
                    self.assertLess(time.monotonic(), start + 30, f"{below}: {self.tree(process.pid)}")
                    time.sleep(0.01)
                print(f"{number.name}: ended after {took:.2f} s, all of its {len(below)} processes after {time.monotonic() - start:.2f} s", flush=True)
                if number == signal.SIGINT:
                    self.assertEqual(code, 5, log.read_text())
                    self.assertIn("stopped on request", log.read_text())
                    self.assertNotIn("\nnever\n", log.read_text())
                else:
                    self.ok("image", "ls")  # the next start sweeps
                self.assertEqual(self.left_over(), [])


if __name__ == "__main__":
    main()
