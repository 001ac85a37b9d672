"""Where a built image goes and in which form: packings of layers, annotations, tars of its files."""

import hashlib
import io
import json
import subprocess
import tarfile

from support import SCANGATE, main, need
from tools_test import Tools

ZSTD, GZIP = "application/vnd.oci.image.layer.v1.tar+zstd", "application/vnd.oci.image.layer.v1.tar+gzip"
FILES = "FROM scratch\nCOPY app.txt /d/app\n"


class Outputs(Tools):
    def blob(self, digest):
        return (self.registry.folder / f"data/docker/registry/v2/blobs/sha256/{digest[7:9]}/{digest[7:]}/data").read_bytes()

    def image(self, tag):
        """Manifest and config of a pushed image."""
        manifest = json.loads(self.blob(self.manifest(tag)))
        return manifest, json.loads(self.blob(manifest["config"]["digest"]))

    def push_old(self):
        self.import_base(f"{self.name}:old", openssl="3.0.1-1")
        with open(self.config, "a") as config:
            config.write("enforce: 'off'\n")
        self.ok("-q", "push", f"{self.name}:old")
        self.write_config()

    def test_a_zstd_image_is_the_same_image(self):
        zstd = "type=image,push=true,compression=zstd,compression-level=9,force-compression=true"
        job = self.run_job(['export SOURCE_DATE_EPOCH=1700000000; docker buildx build -q -t "$NAME:gzip" --push .', f'docker buildx build -t "$NAME:zstd" -o {zstd} .',
                            f'docker buildx build -q -t "$NAME:again" --no-cache -o {zstd} .', 'docker rmi "$NAME:zstd" && docker pull -q "$NAME:zstd" && docker run --rm "$NAME:zstd" cat /made'],
                           dockerfile="FROM debian:bookworm\nCOPY app.txt /made\n")
        self.assertIn("\napplication\n", job.log)
        (gzip, gzip_config), (zstd, zstd_config) = self.image("gzip"), self.image("zstd")
        self.assertEqual({each["mediaType"] for each in gzip["layers"]}, {GZIP})
        self.assertEqual({each["mediaType"] for each in zstd["layers"]}, {ZSTD})
        self.assertEqual(zstd_config["rootfs"], gzip_config["rootfs"])
        for layer in zstd["layers"]:
            self.assertEqual(self.blob(layer["digest"])[:4], bytes.fromhex("28b52ffd"))
        self.assertEqual(self.image("again")[0]["layers"], zstd["layers"])
        need("skopeo", "zstd")
        subprocess.run(["skopeo", "copy", "-q", "--src-tls-verify=false", f"docker://{self.name}:zstd", f"oci:{self.folder}/copy"], check=True)
        plain = subprocess.run(["zstd", "-dc"], input=self.blob(zstd["layers"][-1]["digest"]), capture_output=True, check=True).stdout
        self.assertEqual("sha256:" + hashlib.sha256(plain).hexdigest(), zstd_config["rootfs"]["diff_ids"][-1])

    def test_another_packing_does_not_pass_the_gate(self):
        self.push_old()
        for packing in ("gzip", "zstd", "uncompressed"):
            with self.subTest(packing):
                output = f"type=registry,compression={packing},force-compression=true"
                job = self.run_job([f'docker buildx build -t "$NAME:{packing}" -o {output} . || {{ echo "code $?"; exit 3; }}'], dockerfile=f"FROM {self.name}:old\nCOPY app.txt /\n", code=3)
                self.assertIn("\ncode 3\n", job.log)
                self.assertIn("libssl3", job.log)
        self.assertEqual(self.registry.repositories(), ["group/app:old"])

    def test_a_build_cache_of_a_zstd_image_is_judged_and_whole(self):
        output = "type=image,push=true,compression=zstd"
        self.run_job([f'docker buildx build -t "$NAME:1" -o {output} --cache-to "type=registry,ref=$NAME:cache" .'], dockerfile=FILES)
        cache, _ = self.image("cache")
        self.assertEqual([each["mediaType"] for each in cache["layers"]], [GZIP])
        self.assertEqual([each["mediaType"] for each in self.image("1")[0]["layers"]], [ZSTD])

    def test_annotations(self):
        platforms = "--platform linux/amd64,linux/arm64"
        self.run_job(['docker buildx build --annotation org.x=1 -t "$NAME:1" --push .',
                      f'docker buildx build {platforms} --annotation "manifest[linux/arm64],index:org.x=2" --annotation manifest-descriptor:org.y=3 -o type=image,annotation-index.org.z=4 -t "$NAME:2" --push .',
                      'buildah bud --annotation org.x=5 -t "$NAME:3" . && buildah push "$NAME:3"'], dockerfile=FILES)
        self.assertEqual(self.image("1")[0]["annotations"], {"org.x": "1"})
        index = json.loads(self.blob(self.manifest("2")))
        self.assertEqual(index["annotations"], {"org.x": "2", "org.z": "4"})
        self.assertEqual([each["annotations"] for each in index["manifests"]], [{"org.y": "3"}] * 2)
        self.assertEqual([json.loads(self.blob(each["digest"])).get("annotations") for each in index["manifests"]], [None, {"org.x": "2"}])
        self.assertEqual(self.image("3")[0]["annotations"], {"org.x": "5"})

    def test_files_as_a_tar(self):
        job = self.run_job(["docker build -o - . | tar -tf -", "docker build -q -o type=tar,dest=x.tar --sbom=true . && tar -tf x.tar && tar -xOf x.tar d/app",
                            "docker buildx build -o type=oci,tar=false,dest=layout -o out . && ls layout && cat out/d/app",
                            "ln -s /etc/shadow link; docker build -o type=tar,dest=link . || echo refused $?"], dockerfile=FILES)
        self.assertIn("\nrefused 1\n", job.log)
        self.assertIn("\nd/\nd/app\n", job.log)
        self.assertIn("\nsbom.spdx.json\n", job.log)
        self.assertIn("\nblobs\nindex.json\noci-layout\napplication\n", job.log)

    def test_by_hand(self):
        project = self.project({"Dockerfile": FILES, "app.txt": "application\n"})
        streamed = subprocess.run([str(SCANGATE), "-q", "build", "-o", "-", str(project)], env=self.environment(), capture_output=True, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(streamed)) as tar:
            self.assertEqual(tar.getnames(), ["d", "d/app"])
        self.ok("-q", "build", "--annotation", "a=b", "-o", f"type=oci,tar=false,dest={self.folder}/oci,compression=zstd", "-o", f"type=tar,dest={self.folder}/x.tar", "-o", f"{self.folder}/files", project)
        self.assertEqual((self.folder / "files/d/app").read_text(), "application\n")
        self.assertEqual((self.folder / "x.tar").read_bytes(), streamed)
        entry = json.loads((self.folder / "oci/index.json").read_text())["manifests"][0]
        manifest = json.loads((self.folder / "oci/blobs/sha256" / entry["digest"][7:]).read_text())
        self.assertEqual((manifest["annotations"], manifest["layers"][0]["mediaType"]), ({"a": "b"}, ZSTD))
        for output, words in (("type=registry", "--output does not push here"), ("type=image,compression=estargz", "compression=estargz is not served"), ("type=oci", "--output needs a file or folder here")):
            self.assertIn(words, self.expect(2, "build", "-o", output, project).err)
        self.assertIn("one platform makes none", self.expect(2, "build", "--annotation", "index:a=b", project).err)


if __name__ == "__main__":
    main()
