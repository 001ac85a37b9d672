"""The other programs that pipelines build and copy images with, served by the gate: kaniko, buildah, skopeo, crane."""

import base64
import json

from executor_test import BUILD_FAILURE, Job
from support import Case, main


class Tools(Case):
    def setUp(self):
        super().setUp()
        self.registry = self.start_registry()
        self.write_config()
        self.import_advisories()
        self.import_base("debian:bookworm")
        self.name = f"{self.registry.host}/group/app"

    def run_job(self, lines, dockerfile="FROM debian:bookworm\nCOPY app.txt /\n", code=0, image="docker:latest", files=None, **options):
        job = Job(self, lines, files={"Dockerfile": dockerfile, "app.txt": "application\n", **(files or {})},
                  variables={"NAME": self.name, "HOST": self.registry.host}, image=image, services=(), **options)
        done = job.run()
        if code == 0:
            self.assertEqual(done.code, 0, job.log)
        else:
            self.assertEqual((done.code, job.exit_code()), (BUILD_FAILURE, code), job.log)
        self.assertEqual(job.cleanup().code, 0)
        self.assertEqual(self.left_over(), [])
        return job

    def manifest(self, tag):
        path = self.registry.folder / f"data/docker/registry/v2/repositories/group/app/_manifests/tags/{tag}/current/link"
        return path.read_text()


class Kaniko(Tools):
    def test_as_gitlabs_documentation_has_it(self):
        auth = base64.b64encode(b"ci:s3cret").decode()
        job = self.run_job([
            "mkdir -p /kaniko/.docker",
            'echo "{\\"auths\\":{\\"$HOST\\":{\\"auth\\":\\"' + auth + '\\"}}}" > /kaniko/.docker/config.json',
            '/kaniko/executor --context "$CI_PROJECT_DIR" --dockerfile "$CI_PROJECT_DIR/Dockerfile" --destination "$NAME:1" --destination "$NAME:2" '
            "--build-arg V=1 --cache=true --snapshot-mode=redo --digest-file=digest --image-name-with-digest-file=names --tar-path=image.tar --oci-layout-path=layout",
            "echo digest $(cat digest)", "cat names", "tar -tf image.tar | grep manifest.json", "ls layout", "skopeo inspect --raw oci:layout | wc -c"],
            image="gcr.io/kaniko-project/executor:debug")
        self.assertEqual(self.registry.repositories(), ["group/app:1", "group/app:2"])
        self.assertIn(f"\ndigest {self.manifest('1')}\n", job.log)
        self.assertIn(f"\n{self.name}@{self.manifest('2')}\n", job.log)
        self.assertIn("\nmanifest.json\n", job.log)
        self.assertIn("\nindex.json\n", job.log)
        self.assertIn("note: --snapshot-mode: layers are taken from an overlay", job.log)

    def test_the_gate_stops_it_and_no_digest_file_says_otherwise(self):
        job = self.run_job(['/kaniko/executor --context . --destination "$NAME:1" --digest-file digest || { echo code $?; ls; exit 3; }'],
                           dockerfile="FROM debian:bookworm\nEXPOSE 22\n", code=3)
        self.assertIn("\ncode 3\n", job.log)
        self.assertNotIn("\ndigest\n", job.log)
        self.assertEqual(self.registry.repositories(), [])

    def test_a_tar_as_context(self):
        self.run_job(["tar -cf ../ctx.tar .", '/kaniko/executor --context tar://../ctx.tar --destination "$NAME:1"'])
        self.assertEqual(self.registry.repositories(), ["group/app:1"])


class Buildah(Tools):
    def test_bud_and_push(self):
        self.run_job(["buildah bud --format docker --isolation chroot -t app .", 'buildah push --digestfile digest app "docker://$NAME:1"',
                      'buildah tag app "$NAME:2"', 'buildah push "$NAME:2"', 'test "$(cat digest)" = ' + '"$(crane digest $NAME:2)"'])
        self.assertEqual(self.registry.repositories(), ["group/app:1", "group/app:2"])

    def test_a_container_made_by_hand(self):
        job = self.run_job([
            "c=$(buildah from debian:bookworm)", "echo container $c", 'buildah copy "$c" app.txt /srv/', 'buildah run "$c" -- sh -c \'echo "in $(cat /srv/app.txt)"; echo made > /made\'',
            'buildah run -e WORD=once "$c" -- sh -c \'echo "word $WORD"\'',
            'buildah run "$c" -- sh -c "exit 7" || echo code $?',
            """buildah config --env 'PRICE=5 $' --entrypoint '["/bin/sh", "-c"]' --cmd 'echo "a b"' --port 8080 --label a=b --workingdir /srv --user app "$c" """,
            'buildah commit --rm "$c" "$NAME:1"', "buildah containers -q | wc -l", 'buildah push "$NAME:1"'])
        self.assertIn("\ncontainer debian-working-container\n", job.log)
        self.assertIn("\nin application\n", job.log)
        self.assertIn("\nword once\n", job.log)
        self.assertIn("\ncode 7\n", job.log)
        self.assertIn("\n0\n", job.log)
        self.assertEqual(self.registry.repositories(), ["group/app:1"])
        config = json.loads(self.run_job(['echo "@$(crane config $NAME:1)@"']).log.split("\n@")[1].split("@")[0])["config"]
        self.assertIn("PRICE=5 $", config["Env"])
        self.assertNotIn("WORD", "".join(config["Env"]))
        self.assertEqual((config["Entrypoint"], config["Cmd"]), (["/bin/sh", "-c"], ["echo", "a b"]))
        self.assertEqual((list(config["ExposedPorts"]), config["WorkingDir"], config["User"], config["Labels"]), (["8080/tcp"], "/srv", "app", {"a": "b"}))
        self.assertEqual([line for line in self.ok("image", "ls").out.splitlines() if "localhost" in line], [])

    def test_what_copy_changed_later_stays_as_it_was(self):
        self.run_job(["c=$(buildah from --name mine debian:bookworm)", "buildah copy mine app.txt /", "echo later > app.txt", "buildah run mine -- touch /x",
                      "buildah run mine -- cat /app.txt > seen", "cat seen; grep -q application seen", "buildah rm mine"])

    def test_the_gate_stops_a_container_too(self):
        self.run_job(["buildah from --name c debian:bookworm", "buildah config --port 22 c", 'buildah commit c "docker://$NAME:1"'], code=3)
        self.assertEqual(self.registry.repositories(), [])


class Copies(Tools):
    def setUp(self):
        super().setUp()
        self.import_base(f"{self.name}:base")
        self.ok("-q", "push", f"{self.name}:base")

    def test_skopeo_copies_inspects_and_lists(self):
        job = self.run_job([
            'skopeo copy --dest-tls-verify=false "docker://$NAME:base" "docker://$NAME:copy"', 'skopeo copy -q --all "docker://$NAME:base" docker-archive:out.tar:x/y:1',
            'skopeo copy -q docker-archive:out.tar "docker://$NAME:archive"', 'skopeo copy -q "docker://$NAME:base" oci:dir:1', 'skopeo copy -q oci:dir:1 "docker://$NAME:oci"',
            'echo "digest $(skopeo inspect --format "{{.Digest}}" "docker://$NAME:copy")"', 'skopeo list-tags "docker://$NAME"', 'skopeo inspect --config "docker://$NAME:base" | grep -c architecture',
            'skopeo delete "docker://$NAME:base" || echo code $?'])
        self.assertEqual(self.registry.repositories(), [f"group/app:{tag}" for tag in ("archive", "base", "copy", "oci")])
        self.assertEqual(self.manifest("base"), self.manifest("copy"))
        self.assertIn(f"\ndigest {self.manifest('base')}\n", job.log)
        self.assertIn('"Repository": "' + self.name + '"', job.log)
        self.assertIn("skopeo delete: is not served by scangate", job.log)

    def test_crane_copies_tags_and_pushes(self):
        job = self.run_job([
            'crane auth login -u ci -p x "$HOST"', 'crane cp "$NAME:base" "$NAME:copy"', 'crane tag "$NAME:base" tagged', 'crane pull "$NAME:base" image.tar', 'crane push image.tar "$NAME:pushed"',
            'crane ls "$NAME"', 'echo "digest $(crane digest "$NAME:base")"', 'crane manifest "$NAME:base" | grep -c layers'])
        self.assertEqual(self.registry.repositories(), [f"group/app:{tag}" for tag in ("base", "copy", "pushed", "tagged")])
        self.assertIn(f"\ndigest {self.manifest('base')}\n", job.log)

    def test_copies_are_scanned_before_they_go(self):
        self.import_base(f"{self.name}:old", openssl="3.0.1-1")
        with open(self.config, "a") as config:
            config.write("enforce: 'off'\n")
        self.ok("-q", "push", f"{self.name}:old")
        self.write_config()
        for line in ('skopeo copy "docker://$NAME:old" "docker://$NAME:new"', 'crane cp "$NAME:old" "$NAME:new"', 'skopeo copy "docker://$NAME:old" docker-archive:x.tar && crane push x.tar "$NAME:new"'):
            self.run_job([line], code=3)
        self.assertEqual(self.registry.repositories(), ["group/app:base", "group/app:old"])

    def test_a_link_in_the_job_leads_no_file_elsewhere(self):
        outside = self.folder / "outside"
        outside.mkdir()
        (outside / "victim").write_text("untouched")
        self.run_job([f"mkdir layout && ln -s {outside} layout/blobs && ln -s {outside}/victim archive.tar",
                      'skopeo copy -q "docker://$NAME:base" oci:layout:1 && exit 9 || echo refused', 'skopeo copy -q "docker://$NAME:base" docker-archive:archive.tar || echo refused too'])
        self.assertEqual([p.name for p in outside.iterdir()], ["victim"])
        self.assertEqual((outside / "victim").read_text(), "untouched")


if __name__ == "__main__":
    main()
