"""The image of a job: private registries by DOCKER_AUTH_CONFIG, platforms of an index."""

import base64
import crypt
import hashlib
import json
import urllib.request

from executor_test import BUILD_FAILURE, Job
from support import Case, main

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
PASSWORD = "s3cret-of-registry"


class JobImage(Case):
    def job(self, image, variables=None, **options):
        job = Job(self, ["cat /etc/os-release"], image=image, services=(), variables=variables)
        job.response["image"] |= options
        job.config()
        self.addCleanup(lambda: self.assertEqual((job.cleanup().code, self.left_over()), (0, [])))
        return job

    def private_image(self):
        htpasswd = self.folder / "htpasswd"
        htpasswd.write_text("ci:" + crypt.crypt(PASSWORD, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)) + "\n")
        registry = self.start_registry(htpasswd=htpasswd)
        self.write_config()
        self.import_advisories()
        name = f"{registry.host}/group/tools:1"
        self.import_base(name)
        (self.folder / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": base64.b64encode(f"ci:{PASSWORD}".encode()).decode()}}}))
        self.ok("-q", "push", name, env=self.environment(DOCKER_CONFIG=str(self.folder)))
        self.ok("image", "rm", name)
        return registry.host, name

    def test_a_private_image_is_pulled_with_docker_auth_config(self):
        host, name = self.private_image()
        auth = base64.b64encode(f"ci:{PASSWORD}".encode()).decode()
        for entry in ({"auth": auth}, {"username": "ci", "password": PASSWORD}):
            for key in (host, f"http://{host}/v2/"):
                job = self.job(name, {"DOCKER_AUTH_CONFIG": json.dumps({"auths": {key: entry}})})
                self.assertEqual(job.prepare().code, 0, job.log)
                job.get_sources()
                self.assertEqual(job.script().code, 0, job.log)
                self.assertIn("bookworm", job.log)
                for secret in (PASSWORD, auth):
                    self.assertNotIn(secret, job.log)

    def test_without_it_or_with_a_wrong_one_prepare_says_so(self):
        host, name = self.private_image()
        wrong = base64.b64encode(b"ci:wrong").decode()
        for variables in ({}, {"DOCKER_AUTH_CONFIG": json.dumps({"auths": {host: {"auth": wrong}}})},
                          {"DOCKER_AUTH_CONFIG": json.dumps({"auths": {"other.example": {"auth": wrong}}})}):
            job = self.job(name, variables)
            done = job.prepare()
            self.assertNotEqual(done.code, 0, done)
            self.assertIn(name, done.err)
            self.assertNotIn(wrong, done.err)

    def test_one_that_cannot_be_used_is_a_warning(self):
        self.start_mirror()
        for text, warning in (("{broken", "DOCKER_AUTH_CONFIG is not used: it is no JSON object"),
                              ('{"credHelpers": {"a.example": "ecr-login"}}', "DOCKER_AUTH_CONFIG: credHelpers is not used for the job's images; give the credentials in 'auths'")):
            job = self.job("debian:bookworm", {"DOCKER_AUTH_CONFIG": text})
            done = job.prepare()
            self.assertEqual(done.code, 0, done)
            self.assertIn(f"warning: {warning}\n", done.err)

    def send(self, host, path, data, kind):
        request = urllib.request.Request(f"http://{host}/v2/{path}", data=data, method="PUT", headers={"Content-Type": kind})
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.headers["Docker-Content-Digest"]

    def put_blob(self, host, data):
        with urllib.request.urlopen(urllib.request.Request(f"http://{host}/v2/group/multi/blobs/uploads/", method="POST"), timeout=30) as reply:
            where = reply.headers["Location"]
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        where += ("&" if "?" in where else "?") + f"digest={digest}"
        path = where.split("/v2/", 1)[1]
        self.send(host, path, data, "application/octet-stream")
        return digest

    def test_the_platform_of_the_image_chooses_from_an_index(self):
        registry = self.start_registry()
        self.write_config()
        self.import_advisories()
        host = registry.host
        name = f"{host}/group/multi:1"
        self.import_base(name)
        self.ok("-q", "push", name)
        accept = urllib.request.Request(f"http://{host}/v2/group/multi/manifests/1", headers={"Accept": MANIFEST})
        with urllib.request.urlopen(accept, timeout=30) as reply:
            own = {"digest": reply.headers["Docker-Content-Digest"], "data": reply.read()}
        manifest = json.loads(own["data"])
        with urllib.request.urlopen(f"http://{host}/v2/group/multi/blobs/{manifest['config']['digest']}", timeout=30) as reply:
            config = json.loads(reply.read())
        here = config["architecture"]
        other = "arm64" if here == "amd64" else "amd64"
        foreign_config = json.dumps({**config, "architecture": other}).encode()
        foreign = json.dumps({**manifest, "config": {**manifest["config"], "digest": self.put_blob(host, foreign_config), "size": len(foreign_config)}}).encode()
        foreign_digest = self.send(host, "group/multi/manifests/foreign", foreign, MANIFEST)
        entries = [{"mediaType": MANIFEST, "digest": digest, "size": size, "platform": {"os": "linux", "architecture": architecture}}
                   for digest, size, architecture in ((foreign_digest, len(foreign), other), (own["digest"], len(own["data"]), here))]
        self.send(host, "group/multi/manifests/1", json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode(), INDEX)
        for options, digest in (({}, own["digest"]), ({"executor_opts": {"docker": {"platform": f"linux/{other}"}}}, foreign_digest),
                                ({"executor_opts": {"docker": {"platform": f"linux/{here}"}}}, own["digest"])):
            job = self.job(name, **options)
            done = job.prepare()
            self.assertEqual(done.code, 0, done)
            self.assertIn(f"Using image {name} with digest {digest}\n", done.err)
        for platform in ("linux/s390x", "linux/amd64/v1/v2"):
            job = self.job(name, executor_opts={"docker": {"platform": platform}})
            done = job.prepare()
            self.assertEqual(done.code, BUILD_FAILURE, done)
            self.assertIn(platform, done.err)


if __name__ == "__main__":
    main()
