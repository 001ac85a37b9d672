"""Build caches that hosts share: a second host runs nothing again, and no layer leaves that was not scanned and allowed."""

import json

from support import main
from tools_test import Tools

STAGES = """FROM debian:bookworm AS make
RUN mkdir /out && echo made > /out/x
{stage}
FROM debian:bookworm
COPY --from=make /out/x /x
COPY app.txt /
RUN cat /x > /y
{result}
"""


class SharedCache(Tools):
    def setUp(self):
        super().setUp()
        self.cache = f"{self.registry.host}/group/cache:main"

    def go_to_second_host(self):
        self.store = self.folder / "s2"
        self.write_config()
        self.import_base("debian:bookworm")

    def build(self, *flags, code=0, stage="", result=""):
        project = self.project({"Dockerfile": STAGES.format(stage=stage, result=result), "app.txt": "application\n"})
        return self.expect(code, "build", *flags, project)

    def cache_layers(self):
        """Digests of the layers that the cache in the registry names."""
        data = self.registry.folder / "data/docker/registry/v2"
        digest = (data / "repositories/group/cache/_manifests/tags/main/current/link").read_text()[7:]
        return [layer["digest"][7:] for layer in json.loads((data / f"blobs/sha256/{digest[:2]}/{digest}/data").read_text())["layers"]]

    def test_a_second_host_takes_every_step(self):
        for mode in ("min", "max"):
            self.store = self.folder / f"s-{mode}"
            self.write_config()
            self.import_base("debian:bookworm")
            first = self.build("--cache-to", f"type=registry,ref={self.cache},mode={mode}")
            self.assertEqual(len(self.cache_layers()), 3 if mode == "min" else 4)
            self.store = self.folder / f"t-{mode}"
            self.write_config()
            self.import_base("debian:bookworm")
            second = self.build("--cache-from", f"type=registry,ref={self.cache}", "-t", f"{self.name}:{mode}")
            self.assertEqual(second.out, first.out)
            self.assertEqual(second.err.count(" CACHED"), 6, second.err)
            self.ok("-q", "push", f"{self.name}:{mode}")  # its layers are there, and scanned
            # The stage that made the file is looked at for the first time: with its layer, or built again.
            third = self.build("--cache-from", self.cache, result="COPY --from=make /out/x /again")
            self.assertEqual("beginning anew" in third.err, mode == "min", third.err)

    def test_nothing_of_a_stopped_image_leaves(self):
        done = self.build("--cache-to", f"type=registry,ref={self.cache},mode=max", code=3, result="EXPOSE 22")
        self.assertIn("the build cache stays here: nothing of it was sent", done.err)
        self.assertEqual((self.registry.repositories(), self.registry.blobs()), ([], []))

    def test_nothing_leaves_undecided(self):
        (self.folder / "advisories.db").unlink()
        self.build("--cache-to", f"type=registry,ref={self.cache},ignore-error=true", code=4)
        self.assertEqual((self.registry.repositories(), self.registry.blobs()), ([], []))

    def test_layers_of_a_stopped_stage_are_left_out(self):
        done = self.build("--cache-to", f"type=registry,ref={self.cache},mode=max", stage="RUN echo s3cret > /key\nEXPOSE 22\n")
        self.assertIn("the layers of stage 'make' are left out of the cache: ", done.err)
        self.assertEqual(len(self.cache_layers()), 3)
        self.assertEqual(len(self.registry.blobs()), 5)  # three layers, the list of steps, the manifest

    def test_a_folder_and_an_image_as_cache(self):
        first = self.build("--cache-to", f"type=local,dest={self.folder}/c,mode=max", "--cache-to", "type=inline", "-t", f"{self.name}:1")
        self.ok("-q", "push", f"{self.name}:1")
        for source in (f"type=local,src={self.folder}/c", f"{self.name}:1"):
            self.store = self.folder / f"s{len(source)}"
            self.write_config()
            self.import_base("debian:bookworm")
            second = self.build("--cache-from", source, "--cache-to", "type=inline")
            self.assertEqual(second.out, first.out)
            self.assertEqual(second.err.count(" CACHED"), 6, second.err)

    def test_caches_that_cannot_be_had(self):
        done = self.build("--cache-from", f"{self.registry.host}/group/none:1", "--cache-from", f"type=local,src={self.folder}/none")
        self.assertIn(f"the build cache {self.registry.host}/group/none:1 is not there yet", done.err)
        self.assertIn(f"the build goes on without the build cache {self.folder}/none: ", done.err)
        self.build("--cache-to", "type=registry,ref=127.0.0.1:1/a:1,ignore-error=true")
        self.build("--cache-to", "type=registry,ref=127.0.0.1:1/a:1", code=5)
        self.assertIn("--cache-from: type 'gha' is not served", self.build("--cache-from", "type=gha", code=2).err)

    def test_in_jobs(self):
        build = 'docker buildx build --cache-from type=local,src=c --cache-from "type=registry,ref=$HOST/group/cache:main"'
        to = '--cache-to "type=registry,ref=$HOST/group/cache:main,mode=max" --cache-to type=local,dest=c'
        lines = [f'{build} {to} -t "$NAME:1" --push .', "ls c/index.json"]
        dockerfile = STAGES.format(stage="", result="")
        self.run_job(lines, dockerfile=dockerfile)
        digest = self.manifest("1")
        self.go_to_second_host()
        job = self.run_job(lines, dockerfile=dockerfile)
        self.assertEqual(self.manifest("1"), digest)
        self.assertEqual(job.log.count(" CACHED"), 6, job.log)

    def test_a_stopped_cache_ends_the_job_with_3(self):
        """Also when the script swallows it; and a link in the folder of the cache leads nowhere."""
        victim = self.folder / "victim"
        victim.mkdir()
        job = self.run_job(['docker build --cache-to "type=registry,ref=$HOST/group/cache:main" . || echo code $?',
                            f"mkdir -p c && ln -s {victim} c/blobs", "docker build --cache-to type=local,dest=c . || true"],
                           dockerfile="FROM debian:bookworm\nCOPY app.txt /\nEXPOSE 22\n", code=3)
        self.assertIn("\ncode 3\n", job.log)
        self.assertIn("ERROR: the build cache stays here: nothing of it was sent", job.log)
        self.assertEqual((self.registry.repositories(), self.registry.blobs(), list(victim.iterdir())), ([], [], []))

    def test_kaniko_and_buildah_share_repositories(self):
        dockerfile = STAGES.format(stage="", result="")
        lines = ['/kaniko/executor --context . --no-push --cache=true --cache-repo "$HOST/group/kaniko" --cache-ttl 1h',
                 'buildah bud --no-cache --cache-to "$HOST/group/buildah" .']
        self.run_job(lines, dockerfile=dockerfile)
        self.assertEqual(sorted({name.split(":")[0] for name in self.registry.repositories()}), ["group/buildah", "group/kaniko"])
        self.go_to_second_host()
        job = self.run_job([lines[0]], dockerfile=dockerfile)
        self.assertEqual(job.log.count(" CACHED"), 6, job.log)


if __name__ == "__main__":
    main()
