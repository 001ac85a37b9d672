"""What a job can see of its credentials, and what it can do with them: nothing around the gate. GitLab is a stand-in (tests/support/gitlab_server.py), its
registry is a real docker-registry that takes the stand-in's tokens only."""

import base64
import json
import sys

from executor_test import BUILD_FAILURE, Job
from support import SOURCE, Case, main, need

sys.path.insert(0, str(SOURCE / "tests/support"))
from gitlab_server import GitLab, TokenRegistry  # noqa: E402


class GitLabJob(Job):
    """A job of the stand-in server, driven through the executor's calls; sources come from git, as the runner's script gets them."""

    def __init__(self, case, gitlab, lines, after=(), hook="", **options):
        super().__init__(case, lines, after=after)
        self.queued = gitlab.add_job(lines, after_script=after, state="running", **options)
        self.token = self.queued.token
        self.response = self.queued.response
        self.hook = hook

    def write_response(self):
        given = {v["key"]: v["value"] for v in self.response["variables"]}
        if "CI_PROJECT_DIR" in self.variables:
            given["CI_PROJECT_DIR"] = self.variables["CI_PROJECT_DIR"]
            self.response["variables"] = [v for v in self.response["variables"] if v["key"] != "CI_PROJECT_DIR"]
            self.response["variables"].append({"key": "CI_PROJECT_DIR", "value": given["CI_PROJECT_DIR"], "public": True, "masked": False, "file": False})
        self.variables = given
        self.response_file.write_text(json.dumps(self.response))
        self.response_file.chmod(0o600)

    def get_sources(self):
        lines = [self.hook] if self.hook else []
        return self.stage("get_sources", [*lines, f"git clone -q {self.response['git_info']['repo_url']} {self.project}", f"git -C {self.project} log --oneline"])


def encodings(token):
    """The forms in which a value could be given away, none of which may be in a job's log."""
    for text in (token, "gitlab-ci-token:" + token):
        for shift in range(3):
            # Whatever stands before it, base64 of the value's middle is the same.
            yield base64.b64encode(b"x" * shift + text.encode())[4:-4].decode()
        yield text.encode().hex()
        yield text[::-1]
    yield token


class Secrets(Case):
    def setUp(self):
        super().setUp()
        need("docker-registry", "openssl", "curl", "git", "base64")
        self.gitlab = GitLab(self.folder / "gitlab", files={"Dockerfile": "FROM 127.0.0.1/base:1\nCOPY README.md /\n", "README.md": "a project\n"})
        self.addCleanup(self.gitlab.stop)
        self.registry = TokenRegistry(self.folder / "registry", self.gitlab)
        self.addCleanup(self.registry.stop)
        self.write_config()
        self.import_advisories()
        self.import_base("127.0.0.1/base:1")

    def run_job(self, lines, **options):
        job = GitLabJob(self, self.gitlab, lines, **options)
        job.done = job.run()
        self.assertEqual(job.cleanup().code, 0)
        for text in encodings(job.token):
            self.assertNotIn(text, job.log)
        self.assertEqual(self.left_over(), [])
        return job

    def test_the_usual_job_works_with_placeholders(self):
        name = "$CI_REGISTRY_IMAGE:main"
        job = self.run_job(['docker login -u "$CI_REGISTRY_USER" -p "$CI_REGISTRY_PASSWORD" "$CI_REGISTRY"', f"docker build -t {name} .", f"docker push {name}"])
        self.assertEqual(job.done.code, 0, job.log)
        self.assertIn("Login Succeeded", job.log)
        self.assertEqual(self.registry.images(), ["group/app:main"])

    def test_the_value_is_nowhere_in_the_sandbox(self):
        job = GitLabJob(self, self.gitlab, [])
        token = job.token
        # Looks for the value without naming it: by its prefix, which the placeholder does not have.
        prefix = token[:9]
        hidden = "".join(f"\\x{ord(c):02x}" for c in prefix)
        look = f'P=$(printf "{hidden}")'
        found = self.run_job([look, 'env | grep -c "$P" || true', 'echo "token: $CI_JOB_TOKEN" | base64', 'printf %s "$P" | grep -rlsa -f - /proc/self/environ /proc/1/environ /proc/*/cmdline "$CI_PROJECT_DIR/.git" /scangate /tmp /run | wc -l || true',
                              'git -C "$CI_PROJECT_DIR" remote get-url origin | grep -c "$P" || true', "set -x; : $CI_REPOSITORY_URL; set +x"])
        self.assertEqual(found.done.code, 0, found.log)
        self.assertNotIn(prefix, found.log)
        counts = [line for line in found.log.splitlines() if line.strip().isdigit()]
        self.assertEqual(counts, ["0", "0", "0"], found.log)

    def test_hooks_and_git_settings_of_the_job_find_only_placeholders(self):
        job = self.run_job(["true"], hook='env; export GIT_TRACE=1 GIT_TRACE_CURL=1 GIT_CURL_VERBOSE=1 GIT_TRACE_REDACT=0; cat /proc/self/environ | tr "\\\\0" "\\\\n"')
        self.assertEqual(job.done.code, 0, job.log)
        self.assertIn("Authorization", job.log)  # git did show what it sends

    def test_the_job_token_cannot_be_turned_into_a_registry_token(self):
        scope = "service=container_registry&scope=repository:group/app:push,pull"
        asks = [f'curl -s -o /dev/null -w "%{{http_code}}\\n" -u "gitlab-ci-token:$CI_JOB_TOKEN" "{url}/jwt/auth?{scope}" || true' for url in (self.gitlab.url, "${CI_API_V4_URL%/api/v4}", "${CI_API_V4_URL}/../..", "${CI_API_V4_URL}/%2e%2e/%2e%2e")]
        push = 'curl -s -o /dev/null -w "%{http_code}\\n" -u "$CI_REGISTRY_USER:$CI_REGISTRY_PASSWORD" -X POST "http://$CI_REGISTRY/v2/group/app/blobs/uploads/" || true'
        job = self.run_job([*asks, push])
        self.assertEqual(job.done.code, 0, job.log)
        # The host's loopback is out of reach from a network of the job's own: then curl tells 000.
        codes = [line for line in job.log.splitlines() if line.strip().isdigit()]
        self.assertEqual(len(codes), 5, job.log)
        self.assertTrue(all(code in ("000", "401", "403") for code in codes), job.log)
        self.assertEqual(self.registry.images(), [])

    def test_a_login_to_another_registry_gets_the_placeholder(self):
        other = self.start_registry()
        job = self.run_job([f'echo "$CI_JOB_TOKEN" | docker login -u gitlab-ci-token --password-stdin {other.host}', "docker build -t here:1 ."])
        self.assertEqual(job.done.code, 0, job.log)

    def test_the_api_answers_through_the_forwarder(self):
        job = self.run_job(['curl -sf -H "JOB-TOKEN: $CI_JOB_TOKEN" "$CI_API_V4_URL/job"'])
        self.assertEqual(job.done.code, 0, job.log)
        self.assertIn('"status": "running"', job.log)

    def test_build_arguments_and_layers_hold_placeholders(self):
        job = self.run_job(["printf 'FROM 127.0.0.1/base:1\\nARG T\\nENV T=$T\\nRUN echo $T > /t\\n' > Dockerfile", 'docker build --build-arg T="$CI_JOB_TOKEN" -t leak:1 .'])
        self.assertEqual(job.done.code, 0, job.log)

    def test_what_the_script_swallows_still_stops_the_job(self):
        name = "$CI_REGISTRY_IMAGE:bad"
        job = self.run_job(['docker login -u "$CI_REGISTRY_USER" -p "$CI_REGISTRY_PASSWORD" "$CI_REGISTRY"', "printf 'FROM 127.0.0.1/base:1\\nEXPOSE 22\\n' > Dockerfile", f"docker build -t {name} .", f"docker push {name} || true"])
        self.assertEqual((job.done.code, job.exit_code()), (BUILD_FAILURE, 3), job.log)
        self.assertEqual(self.registry.images(), [])


if __name__ == "__main__":
    main()
