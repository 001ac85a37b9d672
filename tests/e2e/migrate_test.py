"""Jobs as people have them for other builders and scanners, run by the executor as they are: examples/migrate-*, examples/seed-sysdig."""

import json

import yaml
from executor_test import Job
from support import SOURCE, Case, main

COMMIT = "0123abcd"


class Migrate(Case):
    def setUp(self):
        super().setUp()
        self.registry = self.start_mirror()
        self.before = self.registry.repositories()

    def run_example(self, name):
        folder = SOURCE / "examples" / name
        text = yaml.safe_load((folder / ".gitlab-ci.yml").read_text())
        defaults = {key: text.pop(key) for key in ("image", "services", "variables") if key in text}
        (job_name, job), = text.items()
        written = {**defaults, **job}
        image = written["image"]
        image = image if isinstance(image, str) else image["name"]
        predefined = {"CI": "true", "CI_REGISTRY": self.registry.host, "CI_REGISTRY_IMAGE": f"{self.registry.host}/group/app", "CI_REGISTRY_USER": "gitlab-ci-token",
                      "CI_REGISTRY_PASSWORD": "glcbt-64_a-token-of-this-test", "CI_COMMIT_REF_SLUG": "main", "CI_COMMIT_SHORT_SHA": COMMIT, "CI_JOB_NAME": job_name,
                      "SYSDIG_SECURE_TOKEN": "a-token-of-the-project", "SYSDIG_SECURE_URL": "https://secure.sysdig.example"}
        variables = dict(predefined)
        for key, value in written.get("variables", {}).items():
            for known in sorted(variables, key=len, reverse=True):
                value = value.replace("$" + known, variables[known])
            variables[key] = value
        files = {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}
        job = Job(self, [*written.get("before_script", []), *written["script"]], image=image, services=tuple(written.get("services", ())), variables=variables, files=files)
        job.response["credentials"] = [{"type": "registry", "url": self.registry.host, "username": predefined["CI_REGISTRY_USER"], "password": predefined["CI_REGISTRY_PASSWORD"]}]
        done = job.run()
        self.assertEqual(done.code, 0, job.log)
        self.assertEqual(job.cleanup().code, 0)
        self.assertEqual(self.left_over(), [])
        self.assertNotIn(predefined["CI_REGISTRY_PASSWORD"], job.log)
        return job

    def pushed(self):
        return [r for r in self.registry.repositories() if r not in self.before]

    def test_docker_in_docker(self):
        self.run_example("migrate-dind")
        self.assertEqual(self.pushed(), ["group/app:latest", "group/app:main"])

    def test_kaniko(self):
        self.run_example("migrate-kaniko")
        self.assertEqual(self.pushed(), [f"group/app:{COMMIT}", "group/app:main"])

    def test_buildah(self):
        self.run_example("migrate-buildah")
        self.assertEqual(self.pushed(), ["group/app/app:latest"])

    def test_podman(self):
        self.run_example("migrate-podman")
        self.assertEqual(self.pushed(), [f"group/app:{COMMIT}"])

    def test_compose(self):
        self.run_example("migrate-compose")
        self.assertEqual(self.pushed(), [f"group/app/web:{COMMIT}", f"group/app/worker:{COMMIT}"])
        self.ok("-q", "pull", f"{self.registry.host}/group/app/worker:{COMMIT}")
        self.ok("-q", "image", "export", f"{self.registry.host}/group/app/worker:{COMMIT}", f"oci:{self.folder}/oci")
        index = json.loads((self.folder / "oci/index.json").read_text())
        manifest = self.blob(index["manifests"][0]["digest"])
        self.assertIn("QUEUE=default", self.blob(manifest["config"]["digest"])["config"]["Env"])

    def test_sysdigs_inline_scanner_is_answered_natively(self):
        job = self.run_example("seed-sysdig")
        self.assertIn("secure-inline-scan", job.log)
        self.assertEqual(self.pushed(), [f"group/app:{COMMIT}"])

    def blob(self, digest):
        return json.loads((self.folder / "oci/blobs/sha256" / digest.split(":")[1]).read_text())


if __name__ == "__main__":
    main()
