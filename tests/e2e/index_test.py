"""Images of several platforms through the gate: every one is scanned, or nothing of the index leaves."""

import base64
import hashlib
import io
import json
import tarfile

from support import main, rootfs_tar
from tools_test import Tools

INDEX = "application/vnd.oci.image.index.v1+json"


class Indexes(Tools):
    def layout(self, name, bad=False, statement=None):
        """An OCI layout of two platforms; `bad`: the second one has what the policy stops."""
        folder = self.folder / name
        for number, (architecture, openssl) in enumerate((("amd64", "3.0.99-1~deb12u9"), ("arm64", "3.0.99-1~deb12u9"))):
            extra = [("platform", architecture, 0o644)]
            self.ok("-q", "image", "import", f"local/{name}:{architecture}", rootfs_tar(self.folder / "r.tar", openssl=openssl, extra=extra))
            self.ok("-q", "image", "export", f"local/{name}:{architecture}", f"oci:{folder}:{architecture}")
        blobs = folder / "blobs/sha256"
        index = json.loads((folder / "index.json").read_text())
        entries = []
        for entry, architecture in zip(index["manifests"], ("amd64", "arm64")):
            manifest = json.loads((blobs / entry["digest"][7:]).read_text())
            config = json.loads((blobs / manifest["config"]["digest"][7:]).read_text())
            config["architecture"] = architecture
            if bad and architecture == "arm64":
                config["config"]["ExposedPorts"] = {"22/tcp": {}}
            manifest["config"] |= self.put(blobs, json.dumps(config))
            entries.append({"mediaType": manifest["mediaType"], **self.put(blobs, json.dumps(manifest)), "platform": {"os": "linux", "architecture": architecture}})
        if statement is not None:
            note = {"schemaVersion": 2, "mediaType": entries[0]["mediaType"], "config": {"mediaType": "application/vnd.oci.empty.v1+json", **self.put(blobs, "{}")},
                    "layers": [{"mediaType": "application/vnd.in-toto+json", **self.put(blobs, statement)}]}
            entries.append({"mediaType": note["mediaType"], **self.put(blobs, json.dumps(note)), "platform": {"os": "unknown", "architecture": "unknown"},
                            "annotations": {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": entries[0]["digest"]}})
        whole = self.put(blobs, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}))
        (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [{"mediaType": INDEX, **whole}]}))
        return folder, whole["digest"], [entry["digest"] for entry in entries]

    @staticmethod
    def put(blobs, text):
        digest = hashlib.sha256(text.encode()).hexdigest()
        (blobs / digest).write_text(text)
        return {"digest": "sha256:" + digest, "size": len(text.encode())}

    def files_of(self, *folders):
        """A job's files are text: layouts travel as a tar in base64."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            for folder in folders:
                tar.add(folder, arcname=folder.name)
        return {"layouts.b64": base64.encodebytes(packed.getvalue()).decode()}

    UNPACK = "base64 -d layouts.b64 | tar -xz"

    def test_skopeo_and_crane_copy_every_platform(self):
        folder, digest, parts = self.layout("good", statement='{"_type": "https://in-toto.io/Statement/v1"}')
        job = self.run_job([self.UNPACK, 'skopeo copy --all oci:good "docker://$NAME:1"', 'crane copy "$NAME:1" "$NAME:2"', 'crane push good "$NAME:3"',
                            'skopeo copy --multi-arch=all "docker://$NAME:1" oci:back:x', 'test "$(crane digest "$NAME:2")" = ' + digest, "ls back/blobs/sha256 | wc -l",
                            'crane copy --platform linux/arm64 "$NAME:1" "$NAME:arm"', 'docker pull "$NAME:1"', 'docker run --rm "$NAME:1" cat /platform'], files=self.files_of(folder))
        for tag in ("1", "2", "3"):
            self.assertEqual(self.manifest(tag), digest)
        self.assertEqual(self.manifest("arm"), parts[1])
        self.assertIn(f"{self.name}:1 (linux/amd64)", job.log)
        self.assertIn(f"{self.name}:1 (linux/arm64)", job.log)

    def test_one_bad_platform_keeps_all_of_it_here(self):
        folder, _, _ = self.layout("bad", bad=True)
        job = self.run_job([self.UNPACK, 'skopeo copy --all oci:bad "docker://$NAME:1" || echo code $?'], files=self.files_of(folder), code=3)
        self.assertIn("\ncode 3\n", job.log)
        self.assertEqual((self.registry.repositories(), self.registry.blobs()), ([], []))

    def test_what_only_claims_to_be_a_statement_keeps_all_of_it_here(self):
        folder, _, _ = self.layout("fake", statement="#!/bin/sh\necho a program\n")
        job = self.run_job([self.UNPACK, 'skopeo copy --all oci:fake "docker://$NAME:1" || echo code $?'], files=self.files_of(folder))
        self.assertIn("is called application/vnd.in-toto+json, and is not JSON", job.log)
        self.assertEqual(self.registry.blobs(), [])

    def test_docker_manifest_and_imagetools(self):
        folder, _, parts = self.layout("good")
        job = self.run_job([self.UNPACK, 'for a in amd64 arm64; do skopeo --override-arch $a copy oci:good "docker://$NAME:$a"; done',
                            'docker manifest create "$NAME:1" "$NAME:amd64" "$NAME:arm64"', 'docker manifest annotate --variant v8 "$NAME:1" "$NAME:arm64"',
                            'docker manifest inspect "$NAME:1" | grep variant', 'docker manifest push --purge "$NAME:1"', 'docker manifest inspect "$NAME:none" || echo none $?',
                            'docker buildx imagetools create -t "$NAME:2" "$NAME:amd64" "$NAME:arm64"', 'docker buildx imagetools inspect --format "{{.Manifest.Digest}}" "$NAME:2"',
                            'buildah manifest create list "docker://$NAME:amd64"', 'buildah manifest add list "$NAME:arm64"', 'buildah manifest push --all list "docker://$NAME:3"'],
                           files=self.files_of(folder))
        self.assertIn('"variant": "v8"', job.log)
        self.assertIn("\nnone 1\n", job.log)
        for tag in ("1", "2", "3"):
            index = json.loads(self.document(tag))
            self.assertEqual([entry["digest"] for entry in index["manifests"]], parts)
        self.assertEqual(json.loads(self.document("1"))["manifests"][1]["platform"], {"architecture": "arm64", "os": "linux", "variant": "v8"})

    def document(self, tag):
        digest = self.manifest(tag)[7:]
        return (self.registry.folder / f"data/docker/registry/v2/blobs/sha256/{digest[:2]}/{digest}/data").read_text()

    def test_a_build_for_several_platforms(self):
        dockerfile = "FROM scratch AS base\nARG TARGETARCH\nCOPY app.txt /app-$TARGETARCH\n\nFROM base\nLABEL a=b\n"
        self.run_job(['docker buildx build --platform linux/amd64,linux/arm64 -t "$NAME:1" --metadata-file meta.json --push .', 'grep $(crane digest "$NAME:1") meta.json',
                      'docker buildx build --platform linux/s390x -t "$NAME:2" .', 'docker push "$NAME:2"'], dockerfile=dockerfile)
        index = json.loads(self.document("1"))
        self.assertEqual([entry["platform"]["architecture"] for entry in index["manifests"]], ["amd64", "arm64"])
        self.assertIn("config", json.loads(self.document("2")))

    CROSS = """FROM --platform=$BUILDPLATFORM docker.io/library/debian:bookworm AS build
RUN echo once > /app
ARG TARGETARCH
RUN echo "for $TARGETARCH" >> /app

FROM scratch
COPY --from=build /app /app
"""

    def test_programs_of_this_host_make_images_for_others(self):
        self.import_base("docker.io/library/debian:bookworm")
        project = self.project({"Dockerfile": self.CROSS})
        log = self.ok("build", "-t", "cross:1", "--platform", "linux/amd64,linux/arm64", project).err
        self.assertEqual(log.count(" CACHED\n") - log.count("FROM"), 1, log)  # RUN echo once, for the second one
        for architecture in ("amd64", "arm64"):
            done = self.ok("build", "-t", f"cross:{architecture}", "--platform", f"linux/{architecture}", project)
            self.assertIn("CACHED", done.err)
            folder = self.folder / architecture
            self.ok("-q", "image", "export", f"cross:{architecture}", f"oci:{folder}")
            blobs = folder / "blobs/sha256"
            manifest = json.loads((blobs / json.loads((folder / "index.json").read_text())["manifests"][0]["digest"][7:]).read_text())
            self.assertEqual(json.loads((blobs / manifest["config"]["digest"][7:]).read_text())["architecture"], architecture)
            with tarfile.open(blobs / manifest["layers"][0]["digest"][7:]) as layer:
                self.assertEqual(layer.extractfile("app").read().decode(), f"once\nfor {architecture}\n")

    def test_by_hand(self):
        folder, digest, _ = self.layout("good")
        bad, _, _ = self.layout("bad", bad=True)
        self.ok("-q", "image", "import", "--all-platforms", f"{self.name}:1", f"oci:{folder}")
        done = self.ok("push", f"{self.name}:1")
        self.assertIn(f"{self.name}:1 (linux/arm64)", done.out)
        self.assertEqual(self.manifest("1"), digest)
        self.ok("-q", "image", "import", "--all-platforms", f"{self.name}:bad", f"oci:{bad}")
        self.expect(3, "-q", "scan", f"{self.name}:bad")
        self.expect(3, "-q", "push", f"{self.name}:bad")
        self.assertEqual(self.registry.repositories(), ["group/app:1"])
        self.ok("-q", "pull", "--all-platforms", f"{self.name}:1")


if __name__ == "__main__":
    main()
