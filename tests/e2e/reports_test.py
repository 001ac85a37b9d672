"""Reports against their published schemas, and the inventory against the package managers' own word."""

import json
import pathlib
import subprocess
import unittest

from support import SHARED, Case, main, need, rootfs_tar


class Reports(Case):
    def setUp(self):
        super().setUp()
        self.import_advisories()
        self.import_base("base:1", openssl="3.0.9-1")
        project = self.project({"Dockerfile": "FROM base:1\nENV API_TOKEN=abcdef123456\nEXPOSE 22\n"})
        self.ok("build", "-t", "registry.example/group/app:1", project)

    def report(self, format):
        done = self.expect(3, "scan", "--format", format, "registry.example/group/app:1")
        return done.out

    def schema(self, name):
        path = SHARED / "schemas" / name
        if not path.exists():
            self.skipTest(f"the schema {name} is not beside the repository")
        return path

    def test_gitlab_container_scanning(self):
        import jsonschema

        schema = json.loads(self.schema("gitlab-container-scanning-15.2.1.schema.json").read_text())
        report = json.loads(self.report("gitlab"))
        jsonschema.Draft7Validator(schema).validate(report)
        self.assertEqual(report["version"], "15.0.7")
        self.assertTrue(report["vulnerabilities"])

    def test_code_quality(self):
        import jsonschema

        schema = json.loads(self.schema("gitlab-codeclimate-entry.schema.json").read_text())
        report = json.loads(self.report("codequality"))
        for entry in report:
            jsonschema.validate(entry, schema)
        self.assertEqual(len({e["fingerprint"] for e in report}), len(report))
        lines = {e["location"]["lines"]["begin"] for e in report if "22/tcp" in e["description"]}
        self.assertEqual(lines, {3})

    def test_junit(self):
        import lxml.etree

        schema = lxml.etree.XMLSchema(lxml.etree.parse(str(self.schema("junit/JUnit.xsd"))))
        document = lxml.etree.fromstring(self.report("junit").encode())
        self.assertTrue(document.findall(".//testcase[@file]"))
        for case in document.iter("testcase"):  # GitLab shows it; this schema, older than GitLab's reading, does not know it
            case.attrib.pop("file", None)
        for result in document.iter("failure", "error"):  # required here, and a cast to GitLab's XML reader: left out on purpose
            self.assertNotIn("type", result.attrib)
            result.set("type", "")
        schema.assertValid(document)
        self.assertTrue(document.findall(".//failure"))

    def test_no_report_holds_the_secret_it_found(self):
        for format in ("table", "json", "junit", "gitlab", "codequality"):
            text = self.report(format)
            self.assertIn("API_TOKEN", text, format) if format in ("table", "json") else None
            self.assertNotIn("abcdef123456", text, format)


class Inventory(Case):
    def packages(self, name):
        done = self.run_scangate("scan", "--format", "json", name)
        return json.loads(done.out)["images"][0]["packages"]

    def test_the_package_list_equals_dpkg_querys(self):
        need("dpkg-query")
        status = pathlib.Path("/var/lib/dpkg/status")
        if not status.exists():
            raise unittest.SkipTest("this host has no dpkg database")
        format = "${db:Status-Status} ${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}\\n"
        said = subprocess.run(["dpkg-query", "-W", "-f", format], capture_output=True, check=True, text=True).stdout
        wanted = sorted(line.split(" ", 1)[1] for line in said.splitlines() if line.startswith("installed "))
        self.ok("-q", "image", "import", "host:1", rootfs_tar(self.folder / "host.tar", extra=[("var/lib/dpkg/status", status.read_bytes(), 0o644)]))
        found = sorted(f"{p['name']} {p['version']} {p['architecture']} {p['sourceName']} {p['sourceVersion']}" for p in self.packages("host:1") if p["type"] == "deb")
        self.assertEqual(found, wanted)


if __name__ == "__main__":
    main()
