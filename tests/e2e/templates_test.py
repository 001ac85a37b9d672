"""The files of templates/, included by a project and run here."""

import shutil

from support import SOURCE, Case, main


class Templates(Case):
    def setUp(self):
        super().setUp()
        self.registry = self.start_registry()
        self.import_advisories()
        self.import_base(f"{self.registry.host}/base:1")
        self.ok("-q", "push", f"{self.registry.host}/base:1")

    def run_template(self, template, files, code=0, **variables):
        project = self.project({".gitlab-ci.yml": f"include:\n  - local: /{template}\n", **files})
        shutil.copy(SOURCE / "templates" / template, project / template)
        given = {"CI_REGISTRY": self.registry.host, "CI_REGISTRY_IMAGE": f"{self.registry.host}/group/app", **variables}
        return self.expect(code, "run", "-C", project, *[word for key, value in given.items() for word in ("--var", f"{key}={value}")])

    def test_build_scan_push(self):
        template = "build-scan-push.gitlab-ci.yml"
        cases = (
            ({"Dockerfile": f"FROM {self.registry.host}/base:1\nLABEL a=b\n"}, {}, 0, ["group/app:main"]),
            ({"app/Dockerfile": f"FROM {self.registry.host}/base:1\n"}, {"IMAGE_CONTEXT": "app", "IMAGE_NAME": f"{self.registry.host}/other:1"}, 0, ["group/app:main", "other:1"]),
            ({"x.Dockerfile": f"FROM {self.registry.host}/base:1 AS one\nFROM one\nEXPOSE 22\n"},
             {"IMAGE_DOCKERFILE": "x.Dockerfile", "IMAGE_TARGET": "one", "IMAGE_NAME": f"{self.registry.host}/target:1"}, 0, ["group/app:main", "other:1", "target:1"]),
            ({"Dockerfile": f"FROM {self.registry.host}/base:1\nEXPOSE 22\n"}, {"IMAGE_NAME": f"{self.registry.host}/bad:1"}, 3, ["group/app:main", "other:1", "target:1"]),
        )
        for files, variables, code, pushed in cases:
            done = self.run_template(template, files, code, **variables)
            self.assertEqual([r for r in self.registry.repositories() if r != "base:1"], pushed, done)


if __name__ == "__main__":
    main()
