"""RUN steps: mounts, secrets, ssh agents and limits, by hand and through the commands of a job."""

import json
import socket
import sqlite3
import tarfile
import threading

from executor_test import BUILD_FAILURE, Job
from support import Case, main

SECRET = "not-for-anybody-4711"

SECRET_DOCKERFILE = """FROM debian:bookworm
RUN --mount=type=secret,id=token,required --mount=type=secret,id=name,env=NAME wc -c < /run/secrets/token > /length && echo "name $NAME" > /name
"""


class StandInAgent:
    """Listens as an ssh agent does, answers one byte to each request, and keeps their types."""

    def __init__(self, path):
        self.asked = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            while (request := client.recv(5)) and len(request) == 5:
                self.asked.append(request[4])
                client.sendall(b"\0\0\0\1\x0c")
            client.close()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()


class BuildSteps(Case):
    def holders(self, value):
        """Files of the store, and rows of its index, that hold the text."""
        found = []
        for path in self.store.rglob("*"):
            if path.is_file() and not path.is_symlink() and value.encode() in path.read_bytes():
                found.append(str(path))
        with sqlite3.connect(self.store / "index.db") as index:
            found += [line[:80] for line in index.iterdump() if value in line]
        return found

    def files(self, name, *wanted):
        """Names in all layers of an image, and the text of some files."""
        target = self.folder / "image.tar"
        self.ok("-q", "image", "export", name, f"docker-archive:{target}")
        names, texts = set(), {}
        with tarfile.open(target) as archive:
            for layer in json.load(archive.extractfile("manifest.json"))[0]["Layers"]:
                with tarfile.open(fileobj=archive.extractfile(layer)) as tar:
                    for member in tar.getmembers():
                        path = member.name.removeprefix("./")
                        names.add(path)
                        if path in wanted:
                            texts[path] = tar.extractfile(member).read().decode()
        return names, [texts[each] for each in wanted]

    def test_a_secret_is_in_the_step_and_nowhere_else(self):
        self.import_base("docker.io/library/debian:bookworm")
        project = self.project({"Dockerfile": SECRET_DOCKERFILE})
        (self.folder / "token").write_text(SECRET)
        done = self.ok("build", "-t", "app:1", "--secret", f"id=token,src={self.folder}/token", "--secret", "id=name,env=GIVEN",
                       "-o", f"docker-archive:{self.folder}/app.tar", project, env=self.environment(GIVEN="x" + SECRET[::-1]))
        names, (length,) = self.files("app:1", "length")
        self.assertEqual(length.strip(), str(len(SECRET)))
        self.assertNotIn("run/secrets", names)
        self.assertNotIn(SECRET, done.out + done.err)
        self.assertEqual(self.holders(SECRET), [])
        self.assertNotIn(SECRET.encode(), (self.folder / "app.tar").read_bytes())
        self.assertEqual(self.left_over(), [])
        refused = self.expect(2, "build", "--no-cache", project)
        self.assertIn("Dockerfile:2:5: the secret 'token' was not given to this build (pass --secret id=token,src=FILE)", refused.err)
        self.assertNotIn(SECRET, self.expect(2, "build", "--secret", SECRET, project).err)
        self.assertIn("there is no variable NONE", self.expect(2, "build", "--secret", "id=token,env=NONE", project).err)

    def test_an_ssh_agent_is_lent_to_a_step(self):
        self.import_base("docker.io/library/debian:bookworm")
        project = self.project({"Dockerfile": "FROM debian:bookworm\nRUN --mount=type=ssh,required ls -l $SSH_AUTH_SOCK > /seen && test -S $SSH_AUTH_SOCK\n"})
        agent = StandInAgent(self.folder / "agent")
        self.addCleanup(agent.stop)
        self.ok("build", "-t", "app:1", "--ssh", "default", project, env=self.environment(SSH_AUTH_SOCK=str(self.folder / "agent")))
        names, (seen,) = self.files("app:1", "seen")
        self.assertRegex(seen, r"^srw------- .* /run/buildkit/ssh_agent.0\n")
        self.assertNotIn("run/buildkit", names)
        (self.folder / "key").write_text("PEM")
        refused = self.expect(2, "build", "--ssh", f"default={self.folder}/key", project)
        self.assertIn("is no socket of an agent (keys in files are not served: start ssh-agent and add the key with ssh-add)", refused.err)

    def test_hosts_and_limits_of_steps(self):
        self.import_base("docker.io/library/debian:bookworm")
        project = self.project({"Dockerfile": "FROM debian:bookworm\nRUN cat /etc/hosts > /seen && ulimit -n >> /seen && /bin/busybox df -k /dev/shm | /bin/busybox tail -n 1 >> /seen\n"})
        self.ok("build", "-t", "app:1", "--add-host", "db.test:10.1.2.3", "--ulimit", "nofile=64", "--shm-size", "2m", project)
        _, (seen,) = self.files("app:1", "seen")
        self.assertIn("10.1.2.3\tdb.test\n64\n", seen)
        self.assertRegex(seen, r"shm +2048 ")

    def test_a_step_that_uses_too_much_memory_says_so(self):
        self.import_base("docker.io/library/debian:bookworm")
        project = self.project({"Dockerfile": "FROM debian:bookworm\nRUN /bin/busybox dd if=/dev/zero of=/dev/null bs=300M count=1\n"})
        done = self.expect(1, "build", "--memory", "48m", project)
        if "cannot limit memory" in done.err:
            self.skipTest("control groups cannot be written here")
        self.assertIn("killed: out of memory (limit 50.3 MB)", done.err)

    def run_job(self, lines, files, code=0, project=7, variables=None):
        job = Job(self, lines, files=files, variables={"CI_PROJECT_ID": str(project), **(variables or {})})
        job.response["job_info"]["project_id"] = project
        done = job.run()
        log = done.out + done.err
        if code == 0:
            self.assertEqual(done.code, 0, log)
        else:
            self.assertEqual((done.code, job.exit_code()), (BUILD_FAILURE, code), log)
        self.assertEqual(job.cleanup().code, 0)
        self.assertEqual(self.left_over(), [])
        return log

    def test_a_job_gives_secrets_and_an_agent(self):
        self.start_mirror()
        lines = [
            f"printf %s {SECRET} > ../token",
            f"export GIVEN=x{SECRET[::-1]}",
            "docker build --secret id=token,src=../token --secret id=name,env=GIVEN -t app:1 .",
            "docker run --rm app:1 cat /length /name",
            "docker buildx build --secret id=token,src=../token --no-cache -t app:2 . && echo buildx",
            "buildah bud --secret id=token,src=../token -t app:3 . && echo buildah",
            "docker build --ssh default . || echo code $?",
            "docker build --secret id=token,src=../none . || echo code $?",
        ]
        log = self.run_job(lines, {"Dockerfile": SECRET_DOCKERFILE})
        self.assertIn(f"{len(SECRET)}\nname x{SECRET[::-1]}\n", log)
        self.assertIn("\nbuildx\n", log)
        self.assertIn("\nbuildah\n", log)
        self.assertIn("--ssh default: SSH_AUTH_SOCK is not set (start ssh-agent and add the key)", log)
        self.assertEqual(self.holders(SECRET), [])

    def test_a_brokered_credential_stays_a_placeholder_in_a_secret(self):
        self.start_mirror(brokered={"TOKEN": ["registry.example"]})
        dockerfile = "FROM debian:bookworm\nRUN --mount=type=secret,id=TOKEN echo \"it begins with $(/bin/busybox head -c 4 /run/secrets/TOKEN)\"\n"
        log = self.run_job(["docker build --secret id=TOKEN ."], {"Dockerfile": dockerfile}, variables={"TOKEN": SECRET})
        self.assertIn("it begins with sgph", log)

    def test_a_cache_mount_is_kept_for_the_project_alone(self):
        self.start_mirror()
        dockerfile = "FROM debian:bookworm\nARG N\nRUN --mount=type=cache,target=/cache echo run $N >> /cache/log; echo \"[$(cat /cache/log | /bin/busybox tr '\\n' ';')]\"\n"
        build = "docker build --progress plain --build-arg N={} -t app:{} ."
        self.assertIn("[run 1;]", self.run_job([build.format(1, 1)], {"Dockerfile": dockerfile}))
        self.assertIn("[run 1;run 2;]", self.run_job([build.format(2, 2)], {"Dockerfile": dockerfile}))
        self.assertIn("[run 3;]", self.run_job([build.format(3, 3)], {"Dockerfile": dockerfile}, project=8))


if __name__ == "__main__":
    main()
