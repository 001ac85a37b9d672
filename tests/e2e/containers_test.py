"""Containers in a job: what people test with `docker run -d` before they push it, without a daemon."""

import os
import pathlib
import shutil
import subprocess
import time
import unittest

from commands_test import Commands
from executor_test import Job
from support import SCANGATE, main

SERVE = """#!/bin/sh
trap 'echo stopping; exit 0' TERM
mkdir -p /tmp/www; echo "hello from $GREETING" > /tmp/www/index.html
echo "serving $GREETING"; echo "to standard error" >&2
/bin/busybox httpd -f -p 80 -h /tmp/www &
wait
"""
DOCKERFILE = """FROM debian:bookworm
COPY --chmod=755 serve /bin/serve
COPY app.txt /app.txt
COPY app.txt /seed/app.txt
ENV GREETING=image
EXPOSE 80
HEALTHCHECK --interval=1s CMD test -e /tmp/www/index.html
CMD ["/bin/serve"]
"""
BUILD = "docker build -q -t app ."
UP = "for i in $(seq 50); do busybox wget -q -O - http://{}/ && break; sleep 0.1; done"


@unittest.skipUnless(shutil.which("pasta") or shutil.which("slirp4netns"), "neither pasta (passt) nor slirp4netns is installed: jobs have no network of their own")
class Containers(Commands):
    def script(self, lines, **options):
        return self.run_job([BUILD, *lines], files={"Dockerfile": DOCKERFILE, "serve": SERVE, "app.txt": "application\n"}, **options)

    def test_a_server_runs_in_the_background_and_is_reached_looked_at_and_stopped(self):
        log = self.script([
            "id=$(docker run -d --name app -p 8080:80 -e GREETING=job app); echo id ${#id}",
            UP.format("localhost:8080"),
            UP.format("docker:8080"),
            UP.format("app:80"),
            "docker ps --format '{{.Names}} {{.Image}} {{.Ports}} {{.State}}'",
            "docker ps -q | wc -c",
            "docker port app 80",
            "docker logs app",
            "docker logs app 2>/dev/null | wc -l",
            "echo tail of $(docker logs --tail 1 app 2>&1 | wc -l)",
            "docker exec app cat /app.txt",
            "echo piped | docker exec -i -e WHO=me -w /tmp app sh -c 'cat; echo $WHO in $PWD as $GREETING'",
            "docker exec -u app app id -u",
            "docker exec app sh -c 'exit 9' || echo exec code $?",
            "docker exec app no-such-program || echo exec code $?",
            "docker exec app busybox grep Seccomp: /proc/self/status",
            "docker exec app busybox grep CapEff /proc/self/status",
            "docker exec -d app sh -c 'echo made > /tmp/by-exec'; for i in $(seq 100); do docker exec app test -s /tmp/by-exec && break; sleep 0.1; done; docker exec app cat /tmp/by-exec",
            "docker inspect -f '{{.State.Running}} {{.State.Health.Status}} {{.NetworkSettings.IPAddress}} {{.Name}}' app",
            "docker stop app",
            "docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' app",
            "docker logs app | tail -n 1",
            "docker exec app true || echo exec code $?",
            "docker ps -q | wc -c; docker ps -aq | wc -c",
            "docker start app; " + UP.format("localhost:8080"),
            "docker rm app || echo rm code $?",
            "docker rm -f app; docker ps -a --format '{{.Names}}' | wc -l",
            "docker rm app || echo rm code $?",
        ])
        for text in ("id 64\n", "app app 0.0.0.0:8080->80/tcp running\n", "\n13\n", "\n0.0.0.0:8080\n", "serving job\n", "to standard error\n", "tail of 1\n",
                     "\napplication\n", "\npiped\nme in /tmp as job\n", "\n1000\n", "exec code 9\n", "exec code 127\n", "Seccomp:\t2\n", "CapEff:\t00000000a80425fb\n",
                     "\nmade\n", "true healthy 127.0.0.1 /app\n", "exited 0\n", "stopping\n", "is not running\n", "exec code 1\n", "\n0\n13\n", "rm code 1\n",
                     "container is running (stop the container before removing or force remove)\n", "ERROR: No such container: app\n"):
            self.assertIn(text, log)
        self.assertEqual(log.count("\nhello from job\n"), 4, log)

    def test_what_ends_by_itself_is_waited_for_and_its_files_are_copied(self):
        log = self.script([
            "docker run -d --name job app sh -c 'echo result > /out.txt; mkdir -p /d/e; echo deep > /d/e/f; ln -s /etc/passwd /d/link; exit 5'",
            "echo waited $(docker wait job)",
            "docker cp job:/out.txt ./copied.txt; cat copied.txt",
            "docker cp job:/d . ; cat d/e/f; test -L d/link && echo still a link",
            "docker cp job:/d/. flat/ || echo cp code $?",
            "docker cp job:/nothing . || echo cp code $?",
            "docker run --name kept app sh -c 'echo said; exit 3' || echo run code $?",
            "docker logs kept | sed s/^/log:/",
            "id=$(docker create app); docker cp $id:/app.txt from-created.txt; cat from-created.txt; docker cp from-created.txt $id:/new.txt; docker rm $id > removed; test \"$(cat removed)\" = $id && echo gone",
            "docker create --name later app cat /new.txt; echo given > new.txt; docker cp new.txt later:/; docker start -a later",
            "docker run -d --rm --name short app true; for i in $(seq 100); do docker ps -a --format '{{.Names}}' | grep short || break; sleep 0.1; done; docker ps -a --filter name=^/short$ -q | wc -c",
            "docker run -d app no-such-program || echo run code $?",
            "docker run -d --name kept app true || echo run code $?",
            "docker container prune -f | grep -c Deleted",
        ])
        for text in ("waited 5\n", "\nresult\n", "\ndeep\n", "still a link\n", "Could not find the file /nothing", "said\n", "run code 3\n", "log:said\n", "\napplication\n", "gone\n",
                     "\ngiven\n", "run code 127\n", 'Conflict. The container name "/kept" is already in use', "run code 125\n"):
            self.assertIn(text, log)

    def test_containers_share_volumes_folders_names_and_the_jobs_network(self):
        log = self.script([
            "docker network create net",
            "docker volume create data",
            "docker run --rm -v data:/seed app sh -c 'cat /seed/app.txt; echo kept > /seed/more'",
            "docker run --rm -v data:/elsewhere:ro app sh -c 'cat /elsewhere/more; touch /elsewhere/x || echo read-only'",
            "docker run -d --network net --name web --network-alias api -v \"$PWD\":/project app",
            "docker run --rm --network net --add-host other.test:127.0.0.9 --link web:linked app busybox grep -E 'api|web|other|linked' /etc/hosts",
            UP.format("api:80"),
            "docker run --rm --network nothing app true || echo code $?",
            "docker run --rm -p 53:5353/udp app true || echo code $?",
            "docker run --rm --privileged app true || echo code $?",
            "docker run --rm --memory 64m --restart always app true",
            "docker volume ls -q; docker network ls --format '{{.Name}}'",
            "docker volume rm ../root || echo code $?",
            "docker volume rm data; docker network rm net",
            "docker run --rm --network none app sh -c 'busybox wget -q -O - http://127.0.0.1:80 || echo kept apart'",
            "docker cp web:/project/app.txt x || echo a mount is not in the root",
        ])
        for text in ("\napplication\n", "\nkept\n", "read-only\n", "127.0.0.9\tother.test\n", "127.0.0.1\tlinked\n", "127.0.0.1\tapi\n", "\nhello from image\n", "network nothing not found",
                     "udp port 5353 cannot be published as 53", "--privileged is not served (a container gets no more rights or devices than docker gives by default)",
                     "note: --memory: the job's own limits hold\n", "note: --restart: a container that ended stays so\n", "\ndata\n", "\nnet\n", "no such volume", "kept apart\n"):
            self.assertIn(text, log)

    def test_podman_and_nerdctl_do_the_same_and_containers_are_renamed_restarted_and_killed(self):
        log = self.script([
            "podman run -d --name one app > /dev/null; docker rename one two; nerdctl ps --format '{{.Names}}'",
            "podman restart -t 5 two; docker exec two echo runs again",
            "docker kill two; docker wait two; docker inspect -f '{{.State.Status}}' two",
            "docker run -d --name three app > /dev/null; docker stop -t 5 three; docker kill three || echo kill code $?",
            "for verb in attach stats top commit pause; do docker $verb three || echo $verb code $?; done",
            "docker rm two three",
        ])
        for text in ("\ntwo\n", "runs again\n", "\n137\nexited\n", "kill code 1\n"):
            self.assertIn(text, log)
        for verb in ("attach", "stats", "top", "commit", "pause"):
            self.assertIn(f"docker: '{verb}' is not served by scangate", log)

    def test_volumes_last_until_the_jobs_end_and_containers_do_not(self):
        lines = [BUILD, "docker run --rm -v data:/data app sh -c 'echo kept > /data/x'", "docker run -d --name left app > /dev/null"]
        job = Job(self, lines, after=["docker run --rm -v data:/data app cat /data/x", "echo containers: $(docker ps -aq | wc -l)"],
                  files={"Dockerfile": DOCKERFILE, "serve": SERVE, "app.txt": "application\n"})
        self.assertEqual(job.run().code, 0, job.log)
        self.assertIn("\nkept\n", job.log)
        self.assertIn("containers: 0\n", job.log)
        self.assertEqual(job.cleanup().code, 0)
        self.assertEqual(self.left_over(), [])

    def test_containers_end_with_the_script(self):
        marker = f"4711.{os.getpid()}25"
        log = self.script([f"docker run -d --name left app sh -c 'sleep {marker} & sleep {marker}'", "docker exec -d left sleep " + marker, "docker logs -f left & sleep 0.2"])
        self.assertNotIn("ERROR", log)
        self.assertEqual(self.running(marker), [])

    def test_a_killed_gate_leaves_no_container(self):
        marker = f"4711.{os.getpid()}75"
        self.write_config(registries={"docker.io": {"mirrors": [self.registry.host]}}, sandbox={"pids": 1000})
        lines = [BUILD, f"docker run -d -p 8080:80 app sh -c 'sleep {marker}'", "echo $((40 + 2)) is up", "sleep 1000"]
        job = Job(self, lines, files={"Dockerfile": DOCKERFILE, "serve": SERVE, "app.txt": "application\n"})
        job.config()
        job.prepare()
        job.get_sources()
        gate = subprocess.Popen([str(SCANGATE), "executor", "run", str(job.script_file("build_script", [f"cd {job.project}", *lines])), "build_script"],
                                env=job.environment(), cwd=job.temporary, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(gate.kill)  # also when the test fails before it does
        for line in gate.stdout:
            if line.startswith(b"42 is up"):
                break
        self.until(lambda: len(self.running(marker)) == 1)  # its shell may not have come to it yet
        gate.kill()
        gate.wait()
        gate.stdout.close()
        self.until(lambda: not self.running(marker))
        self.assertEqual(job.cleanup().code, 0)
        self.ok("image", "ls")  # sweeps what the killed process left in the store's work folder
        self.assertEqual(self.left_over(), [])
        self.assertEqual(self.groups_of(gate.pid), [])

    def test_a_fork_bomb_and_a_memory_hog_are_held_by_the_jobs_limits(self):
        # The runtimes have some threads of their own.
        self.write_config(registries={"docker.io": {"mirrors": [self.registry.host]}}, sandbox={"pids": 100, "memory": "256MiB"})
        marker = f"5021.{os.getpid()}"
        lines = [
            BUILD,
            f"docker run -d --name bomb app sh -c 'i=0; while [ $i -lt 500 ]; do sleep {marker} & i=$((i+1)); done; sleep {marker}'",
            "docker wait bomb; docker logs bomb; docker rm -f bomb",
            "docker run --rm app sh -c 'busybox tail -c 1000m /dev/zero' || echo hog code $?",
            "echo the script goes on",
        ]
        job = Job(self, lines, files={"Dockerfile": DOCKERFILE, "serve": SERVE, "app.txt": "application\n"})
        job.config()
        job.prepare()
        if "limits on memory, pids" not in job.log:
            self.skipTest("this host lets nobody set limits")
        job.get_sources()
        self.assertEqual(job.script().code, 0, job.log)
        self.assertIn("an't fork", job.log)  # dash and bash differ in the rest
        self.assertIn("hog code 137\n", job.log)
        self.assertIn("the script goes on\n", job.log)
        self.assertEqual(self.running(marker), [])
        self.assertEqual(job.cleanup().code, 0)
        self.assertEqual(self.left_over(), [])

    @staticmethod
    def groups_of(pid):
        return [str(path) for path in pathlib.Path("/sys/fs/cgroup").rglob(f"scangate-{pid}-*")]

    def until(self, condition):
        deadline = time.monotonic() + 20
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def running(self, marker):
        found = []
        for proc in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                words = (proc / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if marker in words and "sleep" in words[0]:
                found.append(f"{proc.name} {' '.join(words)}")
        return found


def load_tests(loader, _tests, _pattern):
    # The cases of the class this one is built on have their own program.
    return unittest.TestSuite(Containers(name) for name in loader.getTestCaseNames(Containers) if name in Containers.__dict__)


if __name__ == "__main__":
    main()
