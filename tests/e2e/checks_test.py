"""What a Dockerfile's author is told: the line of an error, and the build checks."""

import json

import support
from executor_test import Job


class Checks(support.Case):
    def dockerfile(self, text):
        folder = self.project({"Dockerfile": text})
        return folder

    def test_an_error_shows_its_line_with_a_caret(self):
        done = self.expect(2, "build", ".", cwd=self.dockerfile("FROM scratch\nCOPY --form=x a b\n"))
        self.assertEqual(done.err, "  2 | COPY --form=x a b\n    |      ^\n"
                                   "scangate: Dockerfile:2:6: COPY does not know the flag '--form' (did you mean '--from'?)\n")
        self.assertEqual(done.out, "")

    def test_an_error_in_a_step_shows_its_line_too(self):
        done = self.expect(2, "build", ".", cwd=self.dockerfile("FROM scratch\nCOPY nothere /x\n"))
        self.assertEqual(done.err.splitlines()[-3:], ["  2 | COPY nothere /x", "    |      ^", "scangate: Dockerfile:2:6: 'nothere' is not in the context"])

    def test_a_failing_step_shows_all_its_lines(self):
        self.import_base("base:1")
        text = "FROM base:1\nRUN echo a && \\\n    # no\n    exit 7\n"
        done = self.expect(1, "build", ".", cwd=self.dockerfile(text))
        self.assertEqual(done.err.splitlines()[-4:], ["  2 | >>> RUN echo a && \\", "  3 | >>>     # no", "  4 | >>>     exit 7", "scangate: Dockerfile:2:1: RUN echo a &&     exit 7: exit code 7"])
        done = self.expect(1, "build", ".", cwd=self.dockerfile("FROM base:1\nRUN <<EOF\n" + "true\n" * 20 + "false\nEOF\n"))
        self.assertEqual(done.err.splitlines()[-3:-1], ["  11 | >>> true", "     | … 13 more lines"])

    def test_checks_alone_build_nothing(self):
        done = self.expect(1, "build", "--check", ".", cwd=self.dockerfile("FROM nowhere.example/image as Base\nCMD run\n"))
        self.assertEqual(done.out, "Dockerfile:1:1: the stage name 'Base' should be in lower case (StageNameCasing)\n"
                                   "Dockerfile:1:1: 'FROM' and 'as' are not in the same case (FromAsCasing)\n"
                                   "Dockerfile:2:1: CMD in shell form does not pass signals on: write it as a JSON array (JSONArgsRecommended)\n")
        self.assertEqual(self.ok("build", "--check", ".", cwd=self.dockerfile("FROM scratch\n")).out, "no warnings\n")

    def test_a_build_tells_its_warnings(self):
        text = "FROM scratch\nENV VERSION=1\nLABEL v=$VERSON w=${OTHER:-none}\nEXPOSE 127.0.0.1:8080:80\n"
        done = self.ok("build", "--build-arg", "NOBODY=1", ".", cwd=self.dockerfile(text))
        self.assertEqual(sorted(line for line in done.err.splitlines() if line.startswith("warning: ")), [
            "warning: Dockerfile: no ARG takes the build argument 'NOBODY' (UnusedBuildArg)",
            "warning: Dockerfile:3:7: the variable 'VERSON' is not defined (did you mean 'VERSION'?) (UndefinedVar)",
            "warning: Dockerfile:4:8: EXPOSE '127.0.0.1:8080:80' names an address or a port of the host: only the container's port is kept (ExposeInvalidFormat)"])

    def test_the_file_says_what_checks_mean(self):
        done = self.expect(2, "build", ".", cwd=self.dockerfile("# check=error=true\nFROM scratch\nCMD run\n"))
        self.assertEqual(done.err, "warning: Dockerfile:3:1: CMD in shell form does not pass signals on: write it as a JSON array (JSONArgsRecommended)\n"
                                   "scangate: Dockerfile: build checks failed: JSONArgsRecommended (the file asks for it with check=error=true)\n")
        self.ok("build", ".", cwd=self.dockerfile("# check=skip=JSONArgsRecommended;error=true\nFROM scratch\nCMD run\n"))
        self.ok("build", "--build-arg", "BUILDKIT_DOCKERFILE_CHECK=skip=all", ".", cwd=self.dockerfile("# check=error=true\nFROM scratch\nCMD run\n"))


class ChecksInAJob(support.Case):
    def test_docker_build_check(self):
        self.start_mirror()
        lines = ["docker build --check . || echo code $?", "docker buildx build --call=check -f good .", "docker build --call=outline . || echo code $?", "docker images -q"]
        job = Job(self, lines, files={"Dockerfile": "FROM debian:bookworm as Base\nCMD run\n", "good": "FROM debian:bookworm\n"}, image="docker:latest", services=())
        self.assertEqual(job.run().code, 0, job.log)
        self.assertIn("\nDockerfile:1:1: the stage name 'Base' should be in lower case (StageNameCasing)\n", job.log)
        self.assertIn("\nCheck complete, no warnings found.\n", job.log)
        self.assertEqual(job.log.count("\ncode 1\n"), 2, job.log)
        self.assertIn("'outline' is not served (build and check are)", job.log)
        self.assertEqual(job.cleanup().code, 0)

    def quality(self, job):
        report = json.loads((job.project / "scangate-reports/gl-code-quality-report.json").read_text())
        schema = support.SHARED / "schemas/gitlab-codeclimate-entry.schema.json"
        if schema.exists():
            import jsonschema

            for entry in report:
                jsonschema.validate(entry, json.loads(schema.read_text()))
        self.assertEqual(len({entry["fingerprint"] for entry in report}), len(report))
        return {(entry["check_name"], entry["location"]["path"], entry["location"]["lines"]["begin"], entry["severity"]) for entry in report}

    def test_warnings_are_in_the_code_quality_report(self):
        self.start_mirror()
        files = {"docker/Dockerfile": "FROM debian:bookworm AS Base\nENV API_TOKEN=x1y2z3a4b5\nLABEL v=$VERSON\nCMD run\n"}
        job = Job(self, ["docker build -f docker/Dockerfile .", "docker build -q -f docker/Dockerfile --build-arg UNUSED=1 ."], files=files, image="docker:latest", services=(), after=["docker build docker"])
        self.assertEqual(job.run().code, 0, job.log)
        # Of the same file in another context the same is said once; nothing was scanned, so there is no report that says so.
        self.assertEqual(self.quality(job), {("StageNameCasing", "docker/Dockerfile", 1, "info"), ("SecretsUsedInArgOrEnv", "docker/Dockerfile", 2, "major"),
                                             ("UndefinedVar", "docker/Dockerfile", 3, "minor"), ("JSONArgsRecommended", "docker/Dockerfile", 4, "info")})
        self.assertEqual([path.name for path in (job.project / "scangate-reports").iterdir()], ["gl-code-quality-report.json"])
        self.assertEqual(job.cleanup().code, 0)

    def test_a_clean_build_leaves_no_report(self):
        self.start_mirror()
        job = Job(self, ["docker build ."], files={"Dockerfile": "FROM debian:bookworm\n"}, image="docker:latest", services=())
        self.assertEqual(job.run().code, 0, job.log)
        self.assertFalse((job.project / "scangate-reports").exists())
        self.assertEqual(job.cleanup().code, 0)


if __name__ == "__main__":
    support.main()
