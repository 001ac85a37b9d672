"""register and doctor as an administrator uses them."""

import json
import os
import stat
import subprocess
import tomllib

from support import SCANGATE, Case, main

DOCKER_RUNNER = """# kept
concurrent = 3

[[runners]]
  name = "docker"   # theirs
  url = "https://gitlab.example"
  token = "glrt-docker"
  executor = "docker"
  [runners.docker]
    image = "alpine"
"""


class Register(Case):
    def setUp(self):
        super().setUp()
        self.toml = self.folder / "etc/config.toml"

    def register(self, *words, **options):
        return self.ok("register", "--config-toml", self.toml, *words, **options)

    def runners(self):
        return tomllib.loads(self.toml.read_text())["runners"]

    def test_twice_leaves_one_section_and_the_rest_of_the_file(self):
        self.toml.parent.mkdir()
        self.toml.write_text(DOCKER_RUNNER)
        self.toml.chmod(0o640)
        added = self.register("--token", "-", "--url", "https://gitlab.example", "--name", "gate", stdin=b"glrt-one\n")
        self.assertEqual(added.out, f"{self.toml}: runner 'gate' added, the former file is {self.toml}.scangate.bak\n")
        once = self.toml.read_bytes()
        self.assertEqual(stat.S_IMODE(self.toml.stat().st_mode), 0o640)
        self.assertTrue(once.decode().startswith(DOCKER_RUNNER))
        for words in ([], ["--runner", "gate"], ["--token", "glrt-one"], ["--token", "glrt-one", "--url", "https://gitlab.example", "--name", "gate"]):
            again = self.register(*words)
            self.assertEqual(again.out, f"{self.toml}: runner 'gate' calls scangate already, nothing changed\n")
            self.assertEqual(self.toml.read_bytes(), once)
        docker, ours = self.runners()
        self.assertEqual(docker["docker"], {"image": "alpine"})
        program = str(SCANGATE.resolve())
        self.assertEqual({key: ours[key] for key in ("name", "url", "token", "executor", "shell")},
                         {"name": "gate", "url": "https://gitlab.example", "token": "glrt-one", "executor": "custom", "shell": "bash"})
        for stage in ("config", "prepare", "run", "cleanup"):
            self.assertEqual(ours["custom"][stage + "_exec"], program)
            self.assertEqual(ours["custom"][stage + "_args"], ["executor", stage])
        self.assertEqual((self.toml.parent / "config.toml.scangate.bak").read_text(), DOCKER_RUNNER)

    def test_an_existing_runner_is_turned_over_and_a_dry_run_writes_nothing(self):
        self.toml.parent.mkdir()
        self.toml.write_text(DOCKER_RUNNER)
        shown = self.register("--runner", "docker", "--dry-run")
        self.assertEqual(self.toml.read_text(), DOCKER_RUNNER)
        self.assertNotIn("glrt-docker", shown.out)
        self.assertEqual(tomllib.loads(shown.out)["runners"][0]["custom"]["run_args"], ["executor", "run"])
        self.register("--runner", "docker")
        (runner,) = self.runners()
        self.assertEqual((runner["executor"], runner["token"], runner["docker"]), ("custom", "glrt-docker", {"image": "alpine"}))
        self.assertIn('name = "docker"   # theirs\n', self.toml.read_text())

    def test_without_a_file_one_is_made_for_its_owner_only(self):
        self.register("--token", "glrt-one", "--url", "https://gitlab.example")
        self.assertEqual(stat.S_IMODE(self.toml.stat().st_mode), 0o600)
        self.assertEqual(tomllib.loads(self.toml.read_text())["concurrent"], 1)

    def test_the_configuration_named_on_the_command_line_is_the_runners_too(self):
        self.ok("--config", self.config, "register", "--config-toml", self.toml, "--token", "glrt-one", "--url", "https://gitlab.example")
        (runner,) = self.runners()
        self.assertEqual(runner["custom"]["run_args"], ["--config", str(self.config), "executor", "run"])

    def test_a_file_that_is_not_understood_stays_as_it_is(self):
        self.toml.parent.mkdir()
        self.toml.write_text('[[runners]]\n  name = "a\n')
        done = self.expect(2, "register", "--config-toml", self.toml, "--runner", "a")
        self.assertEqual(done.err, f"scangate: {self.toml}:2:10: this string does not end on its line\n")
        self.assertEqual(sorted(path.name for path in self.toml.parent.iterdir()), ["config.toml"])


class Doctor(Case):
    def doctor(self, code, *words, **options):
        return self.expect(code, "doctor", "--config-toml", self.folder / "config.toml", *words, **options)

    def checks(self, code, **options):
        report = json.loads(self.doctor(code, "--format", "json", **options).out)
        return report["result"], {check["subject"]: check for check in report["checks"]}

    def test_a_host_that_is_set_up_has_no_problem(self):
        registry = self.start_registry()
        self.write_config(registries={registry.host: {}})
        self.import_advisories()
        self.ok("register", "--config-toml", self.folder / "config.toml", "--token", "glrt-one", "--url", "https://gitlab.example", "--name", "gate")
        result, checks = self.checks(0)
        self.assertNotEqual(result, "problem")
        for subject in ("kernel", "namespaces", "overlay", "sandbox", "policy", "store", "shim", "registry", "git", "runner config"):
            self.assertEqual(checks[subject]["health"], "ok", checks[subject])
        self.assertEqual(checks["registry"]["text"], f"{registry.host} answers")
        self.assertEqual(checks["runner config"]["text"], f"{self.folder}/config.toml:4: runner 'gate'")
        self.assertEqual(self.left_over(), [])

    def test_faults_are_told_with_the_remedy_and_nothing_is_made(self):
        port_of_nobody = "127.0.0.1:1"
        self.write_config(registries={port_of_nobody: {}}, shim="/bin/sh", enforce="observe")
        result, checks = self.checks(5)
        self.assertEqual(result, "problem")
        self.assertEqual(checks["advisories"]["health"], "problem")
        self.assertIn("scangate db import", checks["advisories"]["text"])
        self.assertEqual(checks["shim"]["text"], "/bin/sh needs shared libraries, which images may lack")
        self.assertEqual(checks["enforce"]["remedy"], "set 'enforce: strict'")
        self.assertEqual(checks["registry"]["health"], "warning")
        self.assertIn(port_of_nobody, checks["registry"]["text"])
        self.assertEqual(checks["runner config"]["remedy"], "scangate register")
        self.assertFalse(self.store.exists())
        self.assertEqual([path.name for path in self.folder.iterdir()], ["config.yaml"])

    def test_a_bad_configuration_is_wrong_input(self):
        self.write_config(stor="/x")
        done = self.doctor(2)
        self.assertIn("unknown key 'stor'", done.err)
        policy = self.folder / "policy.yaml"
        policy.write_text("rules: 1\n")
        self.write_config(policy=str(policy))
        done = self.doctor(2)
        self.assertIn(f"problem  policy         {policy}:1:", done.out)

    def test_a_plain_user_learns_what_he_lacks(self):
        # nobody has no home, no subordinate ids, and may not write the store.
        self.folder.chmod(0o755)
        program = self.folder / "scangate"
        os.link(SCANGATE, program) if os.stat(SCANGATE).st_dev == os.stat(self.folder).st_dev else program.write_bytes(SCANGATE.read_bytes())
        program.chmod(0o755)
        done = subprocess.run([program, "doctor"], env=self.environment(), user=65534, group=65534, extra_groups=[], cwd="/", stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=60, check=False)
        out = done.stdout.decode()
        self.assertEqual(done.returncode, 5, out + done.stderr.decode())
        self.assertRegex(out, "(?m)^problem  ids            nobody has no range in /etc/subuid or /etc/subgid|newuidmap or newgidmap is not on PATH")
        self.assertRegex(out, f"(?m)^problem  store          {self.store}: ")


class Completion(Case):
    def test_every_command_is_offered(self):
        script = self.ok("completion", "bash").out + "\nCOMP_WORDS=(scangate ''); COMP_CWORD=1; _scangate; echo ${COMPREPLY[@]}\n"
        offered = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, check=True, env=self.environment()).stdout.decode().split()
        for command in ("build", "scan", "push", "register", "doctor", "completion", "--store"):
            self.assertIn(command, offered)
        self.expect(2, "completion", "tcsh")


if __name__ == "__main__":
    main()
