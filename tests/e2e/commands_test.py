"""Image commands of a job: what a script sees of docker, podman and compose when the gate serves them."""

import base64
import crypt
import json
import os
import tarfile

from executor_test import BUILD_FAILURE, Job
from support import Case, main

DOCKERFILE = "FROM debian:bookworm\nLABEL org.example.team=web\nENV COLOUR=blue\nCOPY app.txt /app.txt\nENTRYPOINT [\"cat\"]\nCMD [\"/app.txt\"]\n"


class Commands(Case):
    def setUp(self):
        super().setUp()
        self.registry = self.start_mirror()
        self.before = self.registry.repositories()
        self.name = f"{self.registry.host}/group/app"

    def run_job(self, lines, code=0, files=None, **options):
        """Runs a job and gives its log, cleaned up and checked for what is left."""
        files = {"Dockerfile": DOCKERFILE, "app.txt": "application\n", **(files or {})}
        job = Job(self, lines, files=files, **options)
        done = job.run()
        log = done.out + done.err
        if code == 0:
            self.assertEqual(done.code, 0, log)
        else:
            self.assertEqual((done.code, job.exit_code()), (BUILD_FAILURE, code), log)
        self.project = {p.name: p.read_bytes() for p in job.project.iterdir() if p.is_file()}
        self.assertEqual(job.cleanup().code, 0)
        self.assertEqual(self.left_over(), [])
        return log

    def pushed(self):
        return [r for r in self.registry.repositories() if r not in self.before]

    def test_formats_of_inspect_images_version_and_info(self):
        log = self.run_job([
            f"docker build -q -t {self.name}:1 . > id",
            f"test \"$(docker inspect --format '{{{{.Id}}}}' {self.name}:1)\" = \"$(cat id)\"",
            f"docker inspect -f 'colour {{{{index .Config.Env 0}}}} {{{{index .Config.Labels \"org.example.team\"}}}} {{{{json .Config.Cmd}}}}' {self.name}:1",
            "docker image inspect -f '{{range .RepoTags}}tag {{.}}{{end}}' $(cat id)",
            f"docker inspect {self.name}:1 > inspect.json",
            f"docker images --format '{{{{.Repository}}}}|{{{{.Tag}}}}' {self.name}",
            f"docker images --format 'table {{{{.Tag}}}}\\t{{{{.Repository}}}}' {self.name}",
            "echo server $(docker version --format '{{.Server.Version}}'), $(docker info -f '{{.OSType}}')",
            f"docker history --no-trunc --format '{{{{.CreatedBy}}}}' {self.name}:1",
            f"docker inspect -f '{{{{.Nope}}}}' {self.name}:1 || echo code $?",
        ])
        self.assertIn('web ["/app.txt"]', log)
        self.assertIn(f"tag {self.name}:1", log)
        self.assertIn(f"{self.name}|1", log)
        self.assertRegex(log, r"TAG +REPOSITORY\n1 +" + self.name)
        self.assertIn("server 27.0.0, linux", log)
        self.assertIn("COPY app.txt", log)
        self.assertIn("ERROR: --format: there is no field 'Nope' in '.Nope'\n", log)
        self.assertIn("code 1\n", log)
        image = json.loads(self.project["inspect.json"])[0]
        self.assertEqual(image["Config"]["Entrypoint"], ["cat"])
        self.assertEqual(image["Id"], self.project["id"].decode().strip())

    def test_save_and_load_by_file_and_pipe(self):
        self.run_job([
            f"docker build -q -t {self.name}:1 -t {self.name}:2 .",
            f"docker save {self.name}:1 {self.name}:2 | gzip > image.tar.gz",
            f"docker save -o plain.tar {self.name}:1",
            f"docker rmi {self.name}:1 {self.name}:2",
            f"docker inspect {self.name}:1 && exit 9",
            "zcat image.tar.gz | docker load",
            f"docker run --rm {self.name}:2",
            f"docker rmi {self.name}:1",
            "docker load -i plain.tar",
            f"docker push -a {self.name}",
        ])
        self.assertEqual(self.pushed(), ["group/app:1", "group/app:2"])
        (self.folder / "p.tar").write_bytes(self.project["plain.tar"])
        with tarfile.open(self.folder / "p.tar") as tar:
            self.assertEqual(json.load(tar.extractfile("manifest.json"))[0]["RepoTags"], [f"{self.name}:1"])

    def test_a_context_on_standard_input_and_the_files_of_a_build(self):
        log = self.run_job([
            "mkdir sub && cp app.txt sub/ && printf 'FROM debian:bookworm\\nCOPY app.txt /x\\n' > sub/Dockerfile",
            f"tar -C sub -cz . | docker build -t {self.name}:tar --iidfile iid --metadata-file meta.json -",
            f"printf 'FROM debian:bookworm\\nRUN echo from stdin > /y\\n' | docker build -t {self.name}:text -",
            f"docker run --rm {self.name}:tar cat /x",
            f"docker run --rm --entrypoint cat {self.name}:text /y",
            "docker build -q -o type=oci,dest=oci.tar . > /dev/null",
            "docker buildx build --load -q .",
            "mkfifo pipe; docker build --iidfile pipe . || echo code $?",
            "printf 'FROM debian:bookworm AS made\\nRUN mkdir /out && echo built > /out/app && ln -s /etc/hostname /out/link\\nFROM scratch\\nCOPY --from=made /out /\\n' > Local",
            "docker build -q -f Local -o out . > /dev/null && cat out/app && readlink out/link",
            "ln -s /etc away; docker build -q -f Local --output type=local,dest=away/x . > /dev/null && test ! -e away/x/app; echo away $?",
            "docker build -q -f Local -o type=cacheonly . || echo type $?",
        ])
        self.assertIn("\nbuilt\n/etc/hostname\n", log)
        self.assertFalse(os.path.lexists("/etc/x"))
        self.assertIn("\ntype 1\n", log)
        self.assertIn("\napplication\n", log)
        self.assertIn("\nfrom stdin\n", log)
        meta = json.loads(self.project["meta.json"])
        self.assertEqual(meta["containerimage.config.digest"].encode(), self.project["iid"])
        self.assertEqual(meta["image.name"], f"{self.name}:tar")
        self.assertTrue(self.project["oci.tar"])
        self.assertIn("code 1", log)

    def test_run_takes_environment_user_folders_and_streams(self):
        log = self.run_job([
            "mkdir data && echo input > data/in",
            "docker run --rm -v \"$PWD/data:/data\" -w /data -e COLOUR=red -e PASSED debian:bookworm sh -c 'cat in; echo $COLOUR $PASSED; pwd; echo made > out'",
            "cat data/out",
            "docker run --rm -u app debian:bookworm id -u",
            "echo through the pipe | docker run -i --rm --network none debian:bookworm cat",
            "docker run --rm debian:bookworm sh -c 'exit 7' || echo code $?",
            "docker run --rm debian:bookworm no-such-program || echo code $?",
            "docker run --rm -v ./data:/data:ro debian:bookworm touch /data/no || echo read-only $?",
            "ln -s /etc data/link; docker run --rm -v ./data/link:/l debian:bookworm ls /l || echo link $?",
            "docker run --rm -v /etc:/host debian:bookworm true || echo code $?",
            "docker run --cap-add SYS_ADMIN debian:bookworm true || echo code $?",
            "docker swarm init || echo code $?",
            "podman run --rm debian:bookworm echo as podman",
        ], variables={"PASSED": "on"})
        for text in ("input\nred on\n/data\n", "made\n", "1000\n", "through the pipe\n", "code 7\n", "code 127\n", "read-only 1\n",
                     "ERROR: docker run: '/etc' cannot be mounted (folders of the project can)\n", "code 125\n",
                     "ERROR: docker run: --cap-add is not served (a container gets no more rights or devices than docker gives by default)\n",
                     "docker: 'swarm' is not served by scangate", "as podman\n"):
            self.assertIn(text, log)
        self.assertNotIn("shadow", log)

    def test_a_scanner_container_is_answered_by_the_native_scan(self):
        log = self.run_job([
            f"docker build -q -t {self.name}:1 .",
            f"docker run --rm -v /var/run/docker.sock:/var/run/docker.sock aquasec/trivy:0.50 image --exit-code 1 --severity HIGH {self.name}:1",
            f"printf 'FROM {self.name}:1\\nEXPOSE 22\\n' | docker build -q -t {self.name}:2 -",
            f"docker run --rm -v \"$PWD:/out\" anchore/grype {self.name}:2 -o json --file /out/grype.json || echo code $?",
            f"inline_scan.sh analyze -s https://secure.example -k token -R . {self.name}:1; echo code sysdig $?",
            f"inline_scan scan -r {self.name}:2 || echo code anchore $?",
        ])
        self.assertIn(f"Sysdig inline scan of {self.name}:1 is answered by scangate's own scan", log)
        self.assertIn(f"Anchore inline scan of {self.name}:2 is answered by scangate's own scan", log)
        self.assertIn("code sysdig 0\ncode anchore 3\n", "".join(line for line in log.splitlines(True) if line.startswith("code ")))
        self.assertTrue(json.loads(self.project["scangate.json"]))
        self.assertIn(f"Trivy of {self.name}:1 is answered by scangate's own scan", log)
        self.assertIn("code 3", log)
        self.assertTrue(json.loads(self.project["grype.json"]))
        self.assertEqual(self.pushed(), [])

    def test_compose_builds_and_pushes_what_its_file_names(self):
        compose = """
services:
  web:
    image: ${IMAGE}:${TAG:-web}
    build: {context: ., args: {V: "1"}}
    ports: ["8080:80"]
  worker:
    image: ${IMAGE}:worker
    build:
      context: worker
      dockerfile: Other
      args: ["V=2"]
  database: {image: "postgres:15"}
"""
        log = self.run_job(["docker compose config --services", "docker compose config --images", "docker-compose build", "docker compose push web worker",
                            "docker compose up -d || echo code $?"],
                           files={"compose.yaml": compose, "worker/Other": "FROM debian:bookworm\nARG V\nRUN echo $V > /v\n"}, variables={"IMAGE": self.name})
        self.assertEqual(self.pushed(), ["group/app:web", "group/app:worker"])
        self.assertIn("docker compose: 'up' is not served by scangate", log)

    def test_a_stopped_compose_push_ends_the_job_with_3(self):
        log = self.run_job(["docker compose build", "docker compose push || echo code $?"], code=3,
                           files={"docker-compose.yml": f"services: {{app: {{image: '{self.name}:1', build: .}}}}\n", "Dockerfile": "FROM debian:bookworm\nEXPOSE 22\n"})
        self.assertIn("code 3", log)
        self.assertEqual(self.pushed(), [])

    def test_other_names_are_refused_with_what_is_served(self):
        log = self.run_job(["cp $(command -v docker) ./wharf && ./wharf build . || echo code $?"])
        self.assertIn("'wharf' is no program that the image gate serves", log)
        self.assertIn("code 1", log)


class JobCredentials(Case):
    def setUp(self):
        super().setUp()
        htpasswd = self.folder / "htpasswd"
        htpasswd.write_text("ci:" + crypt.crypt("s3cret-of-registry", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)) + "\n")
        self.registry = self.start_registry(htpasswd=htpasswd)
        self.import_advisories()
        self.import_base("debian:bookworm")
        self.name = f"{self.registry.host}/group/app:1"

    def test_a_config_json_of_the_job_is_used_and_its_helpers_are_not_run(self):
        auth = base64.b64encode(b"ci:s3cret-of-registry").decode()
        config = json.dumps({"auths": {self.registry.host: {"auth": auth}}, "credsStore": "evil"})
        job = Job(self, ["mkdir -p cfg helpers", "printf '#!/bin/sh\\ntouch $CI_PROJECT_DIR/helper-ran\\n' > helpers/docker-credential-evil; chmod +x helpers/*; export PATH=$PWD/helpers:$PATH",
                         f"docker build -q -t {self.name} .", f"docker push {self.name} || echo refused",
                         f"printf '%s' '{config}' > cfg/config.json", f"docker --config cfg push {self.name}"],
                  files={"Dockerfile": "FROM debian:bookworm\nENV A=b\n"}
                  )
        done = job.run()
        self.assertEqual(done.code, 0, job.log)
        self.assertIn("refused", job.log)
        self.assertIn("credential helpers (credHelpers, credsStore) are not run by the image gate", job.log)
        self.assertEqual(self.registry.repositories(), ["group/app:1"])
        self.assertFalse((job.project / "helper-ran").exists())
        self.assertEqual(job.cleanup().code, 0)
        self.assertEqual(self.left_over(), [])


if __name__ == "__main__":
    main()
