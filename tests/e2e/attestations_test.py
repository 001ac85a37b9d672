"""Statements about an image beside it in its index: what it holds (SPDX) and how it was built (SLSA)."""

import base64
import json
import subprocess

from support import SHARED, SOURCE, main, need
from tools_test import Tools

SPDX, SLSA, SLSA_V1 = "https://spdx.dev/Document", "https://slsa.dev/provenance/v0.2", "https://slsa.dev/provenance/v1"
DOCKERFILE = "FROM debian:bookworm\nARG VERSION\nARG DB_PASSWORD\nRUN echo $VERSION > /version\n"


class Attestations(Tools):
    def blob(self, digest):
        return (self.registry.folder / f"data/docker/registry/v2/blobs/sha256/{digest[7:9]}/{digest[7:]}/data").read_bytes()

    def index(self, tag):
        return json.loads(self.blob(self.manifest(tag)))

    def statements(self, tag):
        """{predicate type: statement} of the only image of an index, after checking how they hang together."""
        image, attached = self.index(tag)["manifests"]
        self.assertEqual(attached["platform"], {"architecture": "unknown", "os": "unknown"})
        self.assertEqual(attached["annotations"], {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image["digest"]})
        out = {}
        for layer in json.loads(self.blob(attached["digest"]))["layers"]:
            self.assertEqual(layer["mediaType"], "application/vnd.in-toto+json")
            statement = json.loads(self.blob(layer["digest"]))
            self.assertEqual(statement["predicateType"], layer["annotations"]["in-toto.io/predicate-type"])
            self.assertEqual({"sha256:" + each["digest"]["sha256"] for each in statement["subject"]}, {image["digest"]})
            out[statement["predicateType"]] = statement
        return out

    def test_a_jobs_build_and_push(self):
        job = self.run_job(['docker buildx build --sbom=true --provenance=mode=max --build-arg VERSION=1.2 --build-arg DB_PASSWORD=hunter2hunter2 --secret id=token,src=app.txt -t "$NAME:1" --push .',
                            'docker buildx imagetools inspect "$NAME:1"', 'docker pull "$NAME:1"', 'docker run --rm "$NAME:1" cat /version', 'docker build -q -t "$NAME:2" . && docker push -q "$NAME:2"',
                            'skopeo inspect --raw "docker://$NAME:1"'], dockerfile=DOCKERFILE)
        self.assertIn("\n1.2\n", job.log)
        self.assertIn("Platform:  unknown/unknown", job.log)
        self.assertIn("config", json.loads(self.blob(self.manifest("2"))), "nothing is attached unasked")
        statements = self.statements("1")
        self.assertEqual(list(statements), [SPDX, SLSA])
        self.assertEqual(statements[SPDX]["subject"][0]["name"], f"pkg:docker/{self.name}@1?platform=linux%2Famd64")
        sbom, provenance = (statements[each]["predicate"] for each in (SPDX, SLSA))
        self.assertTrue({"libssl3", "base-files"} < {each["name"] for each in sbom["packages"]})
        self.assertEqual(sbom["creationInfo"]["creators"][0].partition("-")[0], "Tool: scangate")
        self.assertTrue(provenance["materials"][0]["uri"].startswith("pkg:docker/debian@bookworm?"))
        parameters = provenance["invocation"]["parameters"]
        self.assertEqual(parameters["args"], {"build-arg:VERSION": "1.2"})
        self.assertEqual(parameters["secrets"], [{"id": "token"}])
        self.assertEqual(base64.b64decode(provenance["buildConfig"]["dockerfile"]["data"]).decode(), DOCKERFILE)
        self.assertEqual(provenance["buildConfig"]["layers"][-1]["place"], "Dockerfile:4")
        self.assertFalse(provenance["metadata"]["completeness"]["parameters"])
        self.assertNotIn("hunter2", json.dumps(provenance))
        self.assertNotIn("application", json.dumps(parameters))
        need("skopeo")
        raw = subprocess.run(["skopeo", "inspect", "--tls-verify=false", "--raw", f"docker://{self.name}:1"], capture_output=True, check=True).stdout
        self.assertEqual(raw, self.blob(self.manifest("1")))
        self.validate(sbom)

    def validate(self, sbom):
        schema = SHARED / "schemas/spdx/spdx-2.3.schema.json"
        if not schema.exists():
            print(f"SKIPPED: {schema.name} is not beside the repository")
            return
        import jsonschema

        jsonschema.validate(sbom, json.loads(schema.read_text()))

    def test_files_of_an_image_have_them_beside(self):
        job = self.run_job(["docker build --sbom=true --provenance=true -o out .", "ls out; grep -c predicateType out/sbom.spdx.json out/provenance.json; cat out/made",
                            "docker build --sbom=true -t made -o type=docker,dest=made.tar . && docker rmi made && docker load -i made.tar"], dockerfile="FROM scratch\nCOPY app.txt /made\n")
        self.assertIn("\nmade\nprovenance.json\nsbom.spdx.json\nout/sbom.spdx.json:1\nout/provenance.json:1\napplication\n", job.log)

    def test_a_stopped_image_takes_its_statements_along(self):
        self.run_job(['docker buildx build --sbom=true --provenance=true -t "$NAME:1" --push . || echo code $?'], dockerfile="FROM debian:bookworm\nEXPOSE 22\n", code=3)
        self.assertEqual((self.registry.repositories(), self.registry.blobs()), ([], []))

    def test_each_platform_has_its_own(self):
        self.run_job(['docker buildx build --platform linux/amd64,linux/arm64 --attest type=sbom --attest type=provenance,version=v1 -t "$NAME:1" --push .'], dockerfile="FROM scratch\nCOPY app.txt /\n")
        entries = self.index("1")["manifests"]
        self.assertEqual([each["platform"]["architecture"] for each in entries], ["amd64", "arm64", "unknown", "unknown"])
        self.assertEqual([each["annotations"]["vnd.docker.reference.digest"] for each in entries[2:]], [each["digest"] for each in entries[:2]])
        layers = json.loads(self.blob(entries[3]["digest"]))["layers"]
        self.assertEqual([each["annotations"]["in-toto.io/predicate-type"] for each in layers], [SPDX, SLSA_V1])

    def test_by_hand_and_the_same_again(self):
        project = self.project({"Dockerfile": "FROM debian:bookworm\nRUN echo made > /made\n"})
        fixed = self.environment(SOURCE_DATE_EPOCH="1700000000")
        for tag in ("a", "b"):
            self.ok("-q", "build", "--sbom=true", "--provenance=true", "-t", f"{self.name}:1", "-o", f"oci:{self.folder}/{tag}", project, env=fixed)
        index = [json.loads((self.folder / tag / "index.json").read_text())["manifests"][0] for tag in ("a", "b")]
        self.assertEqual(index[0]["digest"], index[1]["digest"])
        self.assertEqual(index[0]["mediaType"], "application/vnd.oci.image.index.v1+json")
        self.ok("push", f"{self.name}:1")
        self.assertEqual(self.manifest("1"), index[0]["digest"])
        self.assertEqual(list(self.statements("1")), [SPDX, SLSA])
        image = self.ok("-q", "build", "--provenance=true", "-t", "local/app:1", project).out.strip()
        self.ok("-q", "scan", image)

    def test_what_is_not_served_is_refused(self):
        project = self.project({"Dockerfile": "FROM scratch\n"})
        for flags, words in ((["--sbom=generator=x/y"], "the generator 'x/y' is not run"), (["--attest", "type=vex"], "type='vex' is neither sbom nor provenance"),
                             (["--sbom=true", "--attest", "type=sbom"], "an SBOM is asked for twice")):
            self.assertIn(words, self.expect(2, "build", *flags, project).err)


if __name__ == "__main__":
    main()
