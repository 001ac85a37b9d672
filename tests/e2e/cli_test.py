"""build, scan and push by hand, against a real registry, with skopeo, umoci and runc looking at the result."""

import json
import subprocess

from support import Case, main, need

OLD_OPENSSL = "3.0.9-1"

DOCKERFILE = """FROM {base}
RUN echo built > /built && mkdir -p /app
COPY app.txt /app/app.txt
ENV GREETING=hello
WORKDIR /app
{more}
CMD ["/bin/cat", "/app/app.txt"]
"""


class BuildScanPush(Case):
    def build(self, name, more="", base="base:1"):
        project = self.project({"Dockerfile": DOCKERFILE.format(base=base, more=more), "app.txt": "the application\n"})
        return self.ok("build", "-t", name, project)

    def test_a_stopped_image_is_not_in_the_registry_and_a_good_one_is(self):
        need("skopeo")
        registry = self.start_registry()
        self.import_advisories()
        self.import_base("base:1")
        bad, good = f"{registry.host}/app:bad", f"{registry.host}/app:good"
        self.build(bad, "EXPOSE 22")
        scanned = self.expect(3, "scan", bad)
        self.assertIn("22/tcp", scanned.out)
        pushed = self.expect(3, "push", bad)
        self.assertIn("22", pushed.out)
        self.assertEqual(registry.blobs(), [], "a blob of a refused image went out")
        self.assertEqual(registry.repositories(), [])

        self.build(good, "USER app")
        self.ok("scan", good)
        self.ok("push", good)
        self.assertEqual(registry.repositories(), ["app:good"])
        inspected = subprocess.run(["skopeo", "inspect", "--config", "--tls-verify=false", f"docker://{good}"], capture_output=True, check=True)
        config = json.loads(inspected.stdout)["config"]
        self.assertEqual(config["User"], "app")
        self.assertEqual(config["WorkingDir"], "/app")
        self.assertIn("GREETING=hello", config["Env"])

    def test_the_pushed_image_runs(self):
        need("skopeo", "umoci", "runc")
        registry = self.start_registry()
        self.import_advisories()
        self.import_base("base:1")
        name = f"{registry.host}/app:1"
        self.build(name)
        self.ok("push", name)
        layout, bundle = self.folder / "layout", self.folder / "bundle"
        subprocess.run(["skopeo", "copy", "-q", "--src-tls-verify=false", f"docker://{name}", f"oci:{layout}:1"], check=True)
        subprocess.run(["umoci", "unpack", "--image", f"{layout}:1", str(bundle)], check=True, capture_output=True)
        self.assertEqual((bundle / "rootfs/built").read_text(), "built\n")
        spec = json.loads((bundle / "config.json").read_text())
        spec["process"]["terminal"] = False
        spec["process"].pop("rlimits", None)  # a confined host may not raise them
        (bundle / "config.json").write_text(json.dumps(spec))
        ran = subprocess.run(["runc", "--root", str(self.folder / "runc"), "run", "-b", str(bundle), f"test-{registry.port}"], capture_output=True)
        self.assertEqual(ran.stdout.decode(), "the application\n", ran.stderr.decode())

    def test_fixable_high_findings_stop_the_push_and_name_the_line(self):
        registry = self.start_registry()
        self.import_advisories()
        self.import_base("base:1")
        name = f"{registry.host}/app:1"
        status = "Package: libssl3\\nStatus: install ok installed\\nSource: openssl\\nArchitecture: amd64\\nVersion: " + OLD_OPENSSL + "\\n"
        self.build(name, f"RUN printf '\\n{status}' > /var/lib/dpkg/status")
        scanned = self.run_scangate("scan", "--format", "json", name)
        found = json.loads(scanned.out)["images"][0]["findings"]
        openssl = [f for f in found if (f["package"] or {}).get("sourceName") == "openssl"]
        self.assertTrue(openssl, scanned)
        self.assertTrue(all(f["place"]["line"] == 6 for f in openssl), openssl)

    def test_no_data_is_undecided(self):
        registry = self.start_registry()
        self.import_base("base:1")
        name = f"{registry.host}/app:1"
        self.build(name)
        scanned = self.expect(4, "scan", name)
        self.assertIn("scangate db import", scanned.out + scanned.err)
        self.expect(4, "push", name)
        self.assertEqual(registry.blobs(), [])

    def test_a_second_build_is_served_from_the_cache(self):
        self.import_base("base:1")
        project = self.project({"Dockerfile": DOCKERFILE.format(base="base:1", more=""), "app.txt": "x"})
        first = self.ok("build", "-t", "a:1", project)
        second = self.ok("build", "-t", "a:2", project)
        self.assertEqual(first.out, second.out, "the same input gave another image")
        self.assertEqual(first.err.count("CACHED"), 1, "only the base image was there")
        self.assertEqual(second.err.count("CACHED"), 4)

    def test_images_travel_by_archive(self):
        need("skopeo")
        self.import_base("base:1")
        self.build("app:1")
        for target in (f"docker-archive:{self.folder}/a.tar", f"oci:{self.folder}/layout:1", f"oci-archive:{self.folder}/o.tar"):
            self.ok("image", "export", "app:1", target)
            subprocess.run(["skopeo", "inspect", target], check=True, capture_output=True)
            self.ok("image", "import", "back:1", target)
        listed = self.ok("image", "ls").out
        self.assertIn("back:1", listed)
        self.ok("image", "rm", "back:1")
        self.assertNotIn("back:1", self.ok("image", "ls").out)

    def test_a_failing_step_ends_with_1_and_its_line(self):
        self.import_base("base:1")
        project = self.project({"Dockerfile": "FROM base:1\nRUN echo before\nRUN exit 7\n"})
        done = self.expect(1, "build", project)
        self.assertIn("Dockerfile:3", done.err)
        self.assertIn("7", done.err.splitlines()[-1])

    def test_nothing_is_left_over(self):
        self.import_base("base:1")
        self.build("app:1")
        self.assertEqual(self.left_over(), [])


if __name__ == "__main__":
    main()
