"""Pipelines that push to Amazon ECR, against a stand-in that checks every signature, in front of a real docker-registry."""

import re
import sys

import yaml

from executor_test import BUILD_FAILURE, Job
from support import SOURCE, Case, main, need

sys.path.insert(0, str(SOURCE / "tests/support"))
from ecr_server import ACCESS_KEY, REGION, EcrServer, htpasswd  # noqa: E402

SECRET_KEY = "stand-in/secret+key/0123456789abcdefghij"
SESSION = "stand-in-session-token//+0123456789=="


class Ecr(Case):
    def setUp(self):
        super().setUp()
        need("docker-registry")
        self.ecr = EcrServer(SECRET_KEY, SESSION)
        self.addCleanup(self.ecr.stop)
        self.registry = self.start_registry(htpasswd=htpasswd(self.folder / "htpasswd", self.ecr.password))
        self.ecr.registry_url = "http://" + self.registry.host
        self.start_mirror(aws={"endpoint": self.ecr.url, "sts_endpoint": self.ecr.url},
                          brokered={"AWS_SECRET_ACCESS_KEY": [self.ecr.host], "AWS_SESSION_TOKEN": [self.ecr.host]})

    def run_job(self, lines, variables=None, files=None, **options):
        keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_SESSION_TOKEN": SESSION, "AWS_DEFAULT_REGION": REGION}
        job = Job(self, lines, files={"Dockerfile": "FROM debian:bookworm\nCOPY app.txt /\n", "app.txt": "application\n", **(files or {})},
                  variables={**keys, "REGISTRY": self.registry.host, **(variables or {})}, **options)
        job.done = job.run()
        self.assertEqual(job.cleanup().code, 0)
        # Neither the keys nor the registry's password are for the job to see.
        for value in (SECRET_KEY, SESSION, self.ecr.password):
            self.assertNotIn(value, job.log)
        self.assertEqual(self.left_over(), [])
        return job

    def test_get_login_password_piped_into_docker_login(self):
        job = self.run_job([f"aws ecr get-login-password --region {REGION} | docker login --username AWS --password-stdin $REGISTRY",
                            "docker build -t $REGISTRY/group/app:1 .", "docker push $REGISTRY/group/app:1"])
        self.assertEqual(job.done.code, 0, job.log)
        self.assertEqual(self.registry.repositories(), ["group/app:1"])
        self.assertEqual(self.ecr.calls, [(REGION, "GetAuthorizationToken", {})])

    def test_the_seed_pipeline_runs_as_it_is(self):
        pipeline = yaml.safe_load((SOURCE / "examples/seed-ecr/.gitlab-ci.yml").read_text())
        for name, definition in pipeline.items():
            if not isinstance(definition, dict) or "script" not in definition:
                continue
            lines = pipeline.get("before_script", []) + definition.get("before_script", []) + definition["script"]
            job = self.run_job(lines, image=definition.get("image", pipeline.get("image")), services=pipeline.get("services", ()),
                               variables={**pipeline.get("variables", {}), "ECR_REGISTRY": self.registry.host, "SOURCE_IMAGE": "debian:bookworm"})
            self.assertEqual(job.done.code, 0, job.log)
        self.assertEqual(self.registry.repositories(), ["debian:bookworm"])

    def test_a_stopped_image_does_not_reach_ecr(self):
        job = self.run_job(["$(aws ecr get-login --no-include-email)", "docker build -t $REGISTRY/group/app:1 .", "docker push $REGISTRY/group/app:1"],
                           files={"Dockerfile": "FROM debian:bookworm\nEXPOSE 22\n"})
        self.assertEqual((job.done.code, job.exit_code()), (BUILD_FAILURE, 3), job.log)
        self.assertEqual(self.registry.repositories(), [])

    def test_what_get_login_prints_is_no_use_to_the_job(self):
        job = self.run_job(["aws ecr get-login-password", "aws ecr get-login --no-include-email",
                            "aws ecr get-authorization-token --output text --query 'authorizationData[].authorizationToken' | base64 -d"])
        self.assertEqual(job.done.code, 0, job.log)
        self.assertRegex(job.log, rf"\ndocker login -u AWS -p \S+ http://{re.escape(self.registry.host)}\n")
        self.assertRegex(job.log, r"\nAWS:\S+")

    def test_repositories_and_scan_findings(self):
        job = self.run_job([
            "aws ecr describe-repositories --repository-names group/app || aws ecr create-repository --repository-name group/app --image-scanning-configuration scanOnPush=true",
            "aws ecr create-repository --repository-name group/app || echo code $?",
            "echo uri $(aws ecr describe-repositories --repository-names group/app --query 'repositories[0].repositoryUri' --output text)",
            "aws ecr put-image-scanning-configuration --repository-name group/app --image-scanning-configuration scanOnPush=false",
            "aws ecr wait image-scan-complete --repository-name group/app --image-id imageTag=1",
            "echo high $(aws ecr describe-image-scan-findings --repository-name group/app --image-id imageTag=1 --query imageScanFindings.findingSeverityCounts.HIGH)",
            "echo account $(aws sts get-caller-identity --query Account --output text)",
            "aws ecr put-image --repository-name group/app || echo code $?"])
        self.assertEqual(job.done.code, 0, job.log)
        self.assertIn("An error occurred (RepositoryNotFoundException) when calling the DescribeRepositories operation", job.log)
        self.assertIn("An error occurred (RepositoryAlreadyExistsException) when calling the CreateRepository operation", job.log)
        for line in ("code 254", f"uri {self.registry.host}/group/app", "high 2", "account 123456789012", "code 252"):
            self.assertIn("\n" + line + "\n", job.log)
        self.assertEqual(self.ecr.repositories["group/app"]["imageScanningConfiguration"], {"scanOnPush": False})

    def test_other_services_are_for_the_jobs_own_aws(self):
        own = "#!/bin/sh\necho own aws: $*\n"
        job = self.run_job(["aws s3 ls || echo code $?", "aws configure set region eu-west-1", "aws --version", "mkdir /tmp/bin && cp own /tmp/bin/aws && chmod +x /tmp/bin/aws",
                            "PATH=$PATH:/tmp/bin aws s3 ls", "PATH=$PATH:/tmp/bin aws configure list", "PATH=$PATH:/tmp/bin aws ecr describe-repositories"], files={"own": own})
        self.assertEqual(job.done.code, 0, job.log)
        self.assertIn("aws: 's3' is not served by scangate (ecr, configure and sts get-caller-identity are; other services need the AWS CLI in the job's image)\n", job.log)
        self.assertIn("\ncode 252\n", job.log)
        self.assertIn("note: aws configure: the image gate uses the job's AWS_* variables; nothing was stored", job.log)
        self.assertIn("aws-cli/2", job.log)
        self.assertIn("\nown aws: s3 ls\n", job.log)
        self.assertIn("\nown aws: configure list\n", job.log)
        self.assertNotIn("own aws: ecr", job.log)

    def test_wrong_keys_are_told_and_the_endpoint_is_the_hosts(self):
        job = self.run_job(["AWS_ENDPOINT_URL=http://127.0.0.1:9 AWS_ACCESS_KEY_ID=AKIDOTHER aws ecr get-login-password || echo code $?",
                            "env -u AWS_SECRET_ACCESS_KEY aws ecr get-login-password || echo code $?",
                            "AWS_DEFAULT_REGION= aws ecr get-login-password || echo code $?"])
        self.assertIn("An error occurred (UnrecognizedClientException) when calling the GetAuthorizationToken operation", job.log)
        self.assertIn("aws: unable to locate credentials (set the CI variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)", job.log)
        self.assertIn("aws: no region is set (use --region, or set AWS_DEFAULT_REGION)", job.log)
        self.assertEqual(job.log.count("\ncode 253\n"), 2, job.log)


if __name__ == "__main__":
    main()
