"""The environment of a job as its YAML asks for it: services beside the script, the image's entrypoint and user, the network, what is left afterwards."""

import os
import pathlib
import shutil
import signal
import subprocess
import time
import unittest

from executor_test import BUILD_FAILURE, Job
from support import SCANGATE, SERVER, WRAPPER, Case, main

REQUEST = "printf 'GET /v2/ HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 3 127.0.0.1 {} | busybox grep '200 OK'"


class Services(Case):
    def setUp(self):
        super().setUp()
        if not (shutil.which("pasta") or shutil.which("slirp4netns")):
            raise unittest.SkipTest("neither pasta (passt) nor slirp4netns is installed: jobs have no network of their own")
        self.registry = self.start_registry()
        self.write_config()
        self.image = f"{self.registry.host}/group/base:1"
        files = (("bin/serve", SERVER, 0o755), ("bin/wrap", WRAPPER, 0o755))
        self.import_base(self.image, extra=files)
        self.server = self.build("server", 'FROM base\nENV PORT=8123 GREETING=image\nEXPOSE 8123\nENTRYPOINT ["/bin/serve"]\nCMD ["as the image has it"]\n')
        self.ok("-q", "push", self.image, env=self.environment(SCANGATE_CONFIG=str(self.off())))

    def off(self):
        """A configuration for setting up: base images of tests need no scan."""
        path = self.folder / "off.yaml"
        path.write_text(self.config.read_text() + "enforce: 'off'\n")
        return path

    def build(self, name, dockerfile):
        reference = f"{self.registry.host}/group/{name}:1"
        folder = self.project({"Dockerfile": dockerfile.replace("FROM base", f"FROM {self.image}")})
        self.ok("-q", "build", "-t", reference, folder)
        self.ok("-q", "push", reference, env=self.environment(SCANGATE_CONFIG=str(self.off())))
        return reference

    def job(self, lines, services=(), image=None, **options):
        job = Job(self, lines, image=None, services=(), **options)
        job.response["image"] = image if isinstance(image, dict) else {"name": image} if image else {}
        job.response["services"] = [dict(service) for service in services]
        return job

    def finish(self, job):
        self.assertEqual(job.cleanup().code, 0)
        self.assertEqual(self.left_over(), [])

    def test_a_service_is_reached_by_its_names_and_in_after_script_again(self):
        fetch = "busybox wget -q -O - http://{}:8123/"
        host = self.registry.host.split(":")[0]
        job = self.job([fetch.format("web"), fetch.format("group-server"), fetch.format(f"{host}__group__server"), "cat /etc/hosts"], image=self.image,
                       services=[{"name": self.server, "alias": "web, other"}], after=[fetch.format("other") + " | sed s/^/after:/"])
        self.assertEqual(job.run().code, 0, job.log)
        self.assertEqual(job.log.count("hello from image"), 4, job.log)
        self.assertIn("after:hello from image", job.log)
        self.assertNotIn("probably didn't start", job.log)
        self.finish(job)

    def test_a_job_without_an_image_has_services_too(self):
        job = self.job(["exec 3<>/dev/tcp/web/8123; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"], services=[{"name": self.server, "alias": "web"}])
        self.assertEqual(job.run().code, 0, job.log)
        self.assertIn("hello from image", job.log)
        self.finish(job)

    def test_command_entrypoint_and_variables_reach_the_service(self):
        shown = {"name": self.server, "alias": "web", "command": ["own", "words"], "entrypoint": ["/bin/wrap", "/bin/serve"],
                 "variables": [{"key": "GREETING", "value": "$NAME and own"}]}
        job = self.job(["busybox wget -q -O - http://web:8123/"], image=self.image, services=[shown], variables={"NAME": "job"})
        self.assertEqual(job.run().code, 0, job.log)
        self.assertIn("hello from job and own", job.log)
        self.finish(job)

    def test_a_service_that_does_not_listen_is_warned_of_with_its_log(self):
        self.write_config(services={"wait_seconds": 1})
        silent = {"name": self.server, "alias": "silent", "entrypoint": ["sh", "-c", "echo I never listen; sleep 1000"]}
        ended = {"name": self.server, "alias": "ended", "entrypoint": ["sh", "-c", "echo I give up >&2; exit 7"]}
        job = self.job(["echo went on"], image=self.image, services=[silent, ended])
        self.assertEqual(job.run().code, 0, job.log)
        self.assertIn(f"*** WARNING: Service {self.server} probably didn't start properly.", job.log)
        for text in ("it took no connection at port 8123 in time", "I never listen", "it ended with code 7", "I give up", "went on"):
            self.assertIn(text, job.log)
        self.finish(job)

    def test_services_on_the_hosts_network_are_refused_with_the_remedy(self):
        self.write_config(sandbox={"network": "host"})
        job = self.job(["true"], image=self.image, services=[{"name": self.server}])
        job.config()
        done = job.prepare()
        self.assertNotEqual(done.code, 0, done)
        self.assertIn("needs a job network of its own, which this host does not give (install passt or slirp4netns, or set services.on_host_network)", done.err)
        self.finish(job)
        self.write_config(sandbox={"network": "host"}, services={"on_host_network": True})
        job = self.job(["busybox wget -q -O - http://web:8123/"], image=self.image, services=[{"name": self.server, "alias": "web"}])
        self.assertEqual(job.run().code, 0, job.log)
        self.finish(job)

    def test_the_hosts_loopback_is_not_reached_from_a_job(self):
        port = self.registry.port
        job = self.job([REQUEST.format(port) + " || echo kept out"], image=self.image)
        self.assertEqual(job.run().code, 0, job.log)
        self.assertIn("kept out", job.log)
        self.finish(job)

    def test_listed_ports_of_the_hosts_loopback_are_reached(self):
        if not shutil.which("pasta"):
            raise unittest.SkipTest("pasta is not installed")
        self.write_config(sandbox={"allow_host_loopback": [self.registry.port]})
        job = self.job([REQUEST.format(self.registry.port) + " && echo let in"], image=self.image)
        self.assertEqual(job.run().code, 0, job.log)
        self.assertIn("let in", job.log)
        self.finish(job)

    def test_the_images_entrypoint_gets_the_shell(self):
        wrapped = self.build("wrapped", 'FROM base\nENTRYPOINT ["/bin/wrap"]\n')
        cases = [(None, True), ([""], False), (["/bin/wrap"], True)]
        for entrypoint, through in cases:
            image = {"name": wrapped} if entrypoint is None else {"name": wrapped, "entrypoint": entrypoint}
            job = self.job(["echo in the script"], image=image)
            self.assertEqual(job.run().code, 0, job.log)
            self.assertIn("in the script", job.log)
            self.assertEqual("through the entrypoint" in job.log, through, job.log)
            self.finish(job)

    def test_the_job_runs_as_the_user_of_its_image_or_the_yaml(self):
        as_app = self.build("app", "FROM base\nUSER app\n")
        for image in ({"name": as_app}, {"name": self.image, "executor_opts": {"docker": {"user": "app"}}}):
            job = self.job(["id -u", "echo mine > file && cat file"], image=image, files={"given.txt": "x"})
            self.assertEqual(job.run().code, 0, job.log)
            self.assertIn("\n1000\n", job.log)
            self.assertIn("mine", job.log)
            self.assertEqual((job.project / "given.txt").stat().st_uid, 1000)
            self.finish(job)

    def test_after_script_sees_what_the_script_changed(self):
        job = self.job(["echo changed > /etc/by-the-script"], image=self.image, after=["cat /etc/by-the-script"])
        self.assertEqual(job.run().code, 0, job.log)
        self.assertIn("\nchanged", job.log)
        self.finish(job)
        other = self.job(["test ! -e /etc/by-the-script && echo fresh"], image=self.image)
        self.assertEqual(other.run().code, 0, other.log)
        self.finish(other)

    def test_pull_policies_are_tried_in_turn(self):
        job = self.job(["echo ran"], image={"name": self.image, "pull_policy": ["never"]})
        self.assertEqual(job.run().code, 0, job.log)
        self.finish(job)
        missing = f"{self.registry.host}/no/such:1"
        job = self.job(["true"], image={"name": missing, "pull_policy": ["never", "if-not-present"]})
        job.config()
        done = job.prepare()
        self.assertEqual(done.code, BUILD_FAILURE, done)
        self.assertIn(f"image {missing} is not on this host, and may not be pulled (use pull_policy: if-not-present); trying if-not-present", done.err)
        self.finish(job)

    def test_no_new_privileges_is_a_setting(self):
        for configured, expected in ((False, "NoNewPrivs:\t0"), (True, "NoNewPrivs:\t1")):
            self.write_config(sandbox={"no_new_privileges": configured, "runtime": "runc"})
            job = self.job(["cat /proc/self/status"], image=self.image)
            self.assertEqual(job.run().code, 0, job.log)
            self.assertIn(expected, job.log)
            self.finish(job)

    def test_sigkill_leaves_no_service_and_no_helper(self):
        job = self.job(["echo in the script; sleep 1000"], image=self.image, services=[{"name": self.server, "alias": "web"}])
        job.config()
        self.assertEqual(job.prepare().code, 0, job.log)
        job.get_sources()
        script = job.script_file("build_script", [f"cd {job.project}", *job.lines])
        log_file = self.folder / "kill.log"
        with open(log_file, "wb") as log:
            process = subprocess.Popen([str(SCANGATE), "executor", "run", str(script), "build_script"], env=job.environment(), cwd=job.temporary, stdout=log, stderr=log,
                                       stdin=subprocess.DEVNULL, start_new_session=True)
            self.wait_for(lambda: b"in the script\n" in log_file.read_bytes(), log_file)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        # The network is the job's, not the script's: it stays for the stages after this one.
        self.wait_for(lambda: not [x for x in self.left_over() if x.startswith(("mount", "process")) and "pasta" not in x], log_file)
        self.assertEqual(job.cleanup().code, 0)
        self.ok("image", "ls")
        self.assertEqual(self.left_over(), [])

    def wait_for(self, condition, log):
        deadline = time.monotonic() + 60
        while not condition():
            if time.monotonic() > deadline:
                self.fail(f"it did not come to pass: {self.left_over()} {pathlib.Path(log).read_text()}")
            time.sleep(0.02)


if __name__ == "__main__":
    main()
