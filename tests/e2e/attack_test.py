"""Jobs that try to get an image past the gate, or to harm the host. None may push what was not scanned and allowed."""

import json
import os
import pathlib
import subprocess
import textwrap

from executor_test import BUILD_FAILURE, Job
from support import Case, main, need

RACE = """
docker build -q -t {name} good
docker tag {name} good:1
docker build -q -t bad:1 bad
( while [ ! -e stop ]; do docker tag bad:1 {name}; docker tag good:1 {name}; done ) >/dev/null 2>&1 &
for i in 1 2 3 4 5 6 7 8 9 10; do docker push {name} >/dev/null 2>&1 && echo sent || echo kept; done
touch stop
wait
"""

# Speaks to the gate's socket itself: halves of messages, wrong lengths, no descriptors, descriptors that are none of the job's folders.
HALF_MESSAGES = """
import array, os, socket
for data in (b"", b"\\x00", b"SG", b"\\xff" * 16, b"\\x00" * 8, b"\\x7f\\xff\\xff\\xff" * 4, b"GET / HTTP/1.1\\r\\n\\r\\n", os.urandom(4096)):
    for descriptors in ((), (0,), (0, 1, 2), (0, 1, 2, 2), (0,) * 16):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect("/scangate/gate.sock")
            try:
                if descriptors:
                    s.sendmsg([data or b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))])
                else:
                    s.sendall(data)
            except OSError as error:
                print("refused", error)
print("said all of it")
"""


class Attack(Case):
    def setUp(self):
        super().setUp()
        self.registry = self.start_registry()
        self.write_config()
        self.import_advisories()
        self.import_base("base:1")
        self.name = f"{self.registry.host}/group/app:main"

    def run_job(self, script, files=None, **options):
        files = {"good/Dockerfile": "FROM base:1\nLABEL kind=good\n", "bad/Dockerfile": "FROM base:1\nLABEL kind=bad\nEXPOSE 22\n", **(files or {})}
        job = Job(self, textwrap.dedent(script).strip().splitlines(), files=files, **options)
        job.done = job.run()
        self.assertEqual(job.cleanup().code, 0)
        self.assertEqual(self.left_over(), [])
        return job

    def pushed_kinds(self):
        """The label of every image whose manifest the registry holds, tagged or not."""
        kinds = set()
        for link in (self.registry.folder / "data/docker/registry/v2/repositories").glob("**/_manifests/revisions/sha256/*/link"):
            manifest = self.blob(link.read_text())
            config = json.loads(self.blob(json.loads(manifest)["config"]["digest"]))
            kinds.add(config["config"].get("Labels", {}).get("kind"))
        return kinds

    def blob(self, digest):
        algorithm, text = digest.split(":")
        return (self.registry.folder / f"data/docker/registry/v2/blobs/{algorithm}/{text[:2]}/{text}/data").read_bytes()

    def test_a_name_that_moves_between_scan_and_push_sends_only_what_was_scanned(self):
        job = self.run_job(RACE.format(name=self.name))
        self.assertIn("kept", job.log)
        self.assertLessEqual(self.pushed_kinds(), {"good"}, job.log)

    def test_half_sent_and_broken_messages_leave_the_gate_serving(self):
        need("python3")
        job = self.run_job(f"""
            python3 talk.py
            docker build -q -t {self.name} good
            docker push {self.name}
            """, files={"talk.py": HALF_MESSAGES})
        self.assertEqual(job.done.code, 0, job.log)
        self.assertIn("said all of it", job.log)
        self.assertEqual(self.pushed_kinds(), {"good"})

    def test_links_in_the_context_lead_nowhere(self):
        job = self.run_job(f"""
            ln -s /proc/1/root/etc/shadow bad/shadow
            ln -s ../../../../../../../../etc/shadow bad/relative
            ln -s / bad/root
            printf 'FROM base:1\\nCOPY root/etc /etc-of-the-host\\n' > bad/Dockerfile
            docker build -t {self.name} bad
            """)
        self.assertEqual((job.done.code, job.exit_code()), (BUILD_FAILURE, 1), job.log)
        self.assertNotIn("root:", job.log)

    def test_a_dockerfile_that_is_a_link_to_the_hosts_files_is_not_read(self):
        job = self.run_job(f"""
            rm bad/Dockerfile
            ln -s /etc/hostname bad/Dockerfile
            docker build -t {self.name} bad
            """)
        self.assertEqual(job.done.code, BUILD_FAILURE, job.log)

    def test_the_gates_answer_cannot_be_replaced(self):
        # The shim and the socket are the host's: a job that puts a program of its own first on PATH only fools itself.
        job = self.run_job(f"""
            mkdir bin
            printf '#!/bin/sh\\nexit 0\\n' > bin/docker
            chmod 755 bin/docker
            (echo x > /scangate/bin/docker) 2>/dev/null || echo read-only
            (rm /scangate/gate.sock) 2>/dev/null || echo stays
            PATH=$PWD/bin:$PATH docker push {self.name}
            """)
        self.assertEqual(job.done.code, 0, job.log)
        self.assertIn("read-only", job.log)
        self.assertIn("stays", job.log)
        self.assertEqual(self.registry.repositories(), [])

    def test_a_job_that_fills_the_disk_harms_nobody_else(self):
        # The store on a small disk of its own, in a mount namespace that goes with the test.
        script = f"""
            set -e
            mkdir -p {self.store}
            mount -t tmpfs -o size=64m tmpfs {self.store}
            exec /usr/bin/python3 -c 'import attack_test, sys; attack_test.disk_filler(sys.argv[1])' {self.folder}
            """
        done = subprocess.run(["unshare", "--mount", "sh", "-c", script], env=self.environment(PYTHONPATH=".", **self.own_variables()), capture_output=True, text=True, timeout=240)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("No space left on device", done.stdout)

    @staticmethod
    def own_variables():
        return {name: os.environ[name] for name in ("SCANGATE", "SCANGATE_SOURCE")}


def disk_filler(folder):
    """Runs inside the namespace: one job fills the disk, the next one finds room and works."""
    case = Attack()
    case.folder, case.store = pathlib.Path(folder), pathlib.Path(folder) / "s"
    case.config = case.folder / "config.yaml"
    case.name = "app:1"
    case.import_advisories()
    case.import_base("base:1")
    first = Job(case, ["dd if=/dev/zero of=big bs=1M"])
    done = first.run()
    print(first.log)
    case.assertEqual((done.code, first.exit_code()), (BUILD_FAILURE, 1), first.log)
    case.assertEqual(first.cleanup().code, 0)
    second = Job(case, ["docker build -q -t app:1 ."], files={"Dockerfile": "FROM base:1\nCOPY Dockerfile /\n"})
    done = second.run()
    case.assertEqual(done.code, 0, second.log)
    case.assertEqual(second.cleanup().code, 0)


if __name__ == "__main__":
    main()
