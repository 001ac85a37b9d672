"""Tests whose jobs come from the stand-in GitLab server, with a registry that it guards."""

import pathlib
import sys

from support import Case, need

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "support"))
from gitlab_server import GitLab, TokenRegistry  # noqa: E402


class GitLabCase(Case):
    def setUp(self):
        super().setUp()
        need("docker-registry", "git", "openssl")
        self.mirror = self.start_mirror(transfer={"attempts": 2})

    def server(self, dockerfile, modules=None, tls=False, **files):
        """The server with a project of these files, as self.gitlab, and its registry, as self.registry."""
        self.gitlab = GitLab(self.folder / "gitlab", files={"Dockerfile": dockerfile, "app.txt": "application\n", **files}, modules=modules, tls=tls)
        self.addCleanup(self.gitlab.stop)
        self.registry = TokenRegistry(self.folder / "own-registry", self.gitlab)
        self.addCleanup(self.registry.stop)
        return self.gitlab
