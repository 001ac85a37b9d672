"""Ten jobs at once on one host, half of them killed at random moments, round after round: nothing may be left over, the store stays whole, and every job
that was let be is right.

    SCANGATE_SOAK_ROUNDS=100 tests/e2e/soak_test.py     (2 when not said; SCANGATE_SOAK_SEED repeats a run)
"""

import hashlib
import json
import os
import random
import signal
import subprocess
import threading

from executor_test import BUILD_FAILURE, Job
from support import SCANGATE, Case, main

JOBS = 10
ROUNDS = int(os.environ.get("SCANGATE_SOAK_ROUNDS", "2"))
SEED = int(os.environ.get("SCANGATE_SOAK_SEED", str(random.randrange(1 << 30))))


class SoakJob(Job):
    """Its build_script may be ended early, by the signal and after the time it was given."""

    def __init__(self, case, number, lines, files, image, kill):
        super().__init__(case, lines, files=files, image=image)
        self.temporary = case.folder / f"runner-{number}"
        self.temporary.mkdir(exist_ok=True)
        self.exit_file = self.temporary / "exit_code"
        self.exit_file.unlink(missing_ok=True)
        self.response_file = self.temporary / "response.json"
        self.response["id"] = number
        self.kill = kill

    def stage(self, stage, lines):
        if stage != "build_script" or self.kill is None:
            return super().stage(stage, lines)
        number, seconds = self.kill
        process = subprocess.Popen([str(SCANGATE), "executor", "run", self.script_file(stage, lines), stage], env=self.environment(), cwd=self.temporary,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            out, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, number)  # the runner signals the group
            out, _ = process.communicate()
        self.log += out.decode(errors="replace")
        return None


class Soak(Case):
    def test_killed_jobs_leave_nothing_and_others_are_right(self):
        print(f"seed {SEED}, {ROUNDS} rounds of {JOBS} jobs", flush=True)
        rng = random.Random(SEED)
        registry = self.start_registry()
        self.import_advisories()
        self.import_base("base:1")
        self.import_base(f"{registry.host}/tools:1")
        self.ok("-q", "push", f"{registry.host}/tools:1")
        for turn in range(ROUNDS):
            jobs, threads = [], []
            for i in range(JOBS):
                number = turn * JOBS + i + 1
                name = f"{registry.host}/group/app:{number}"
                good = rng.random() < 0.7
                files = {"Dockerfile": f"FROM base:1\nRUN echo {rng.randrange(3)} > /shared && mkdir /d && for k in 1 2 3 4 5 6 7 8; do echo {number} > /d/$k; done\nCOPY own /own\n" + ("" if good else "EXPOSE 22\n"),
                         "own": f"job {number}\n"}
                kill = (rng.choice((signal.SIGKILL, signal.SIGTERM)), rng.uniform(0.02, 2.0)) if i % 2 else None
                image = rng.choice(("docker:latest", f"{registry.host}/tools:1"))
                job = SoakJob(self, number, [f"docker build -t {name} .", f"docker push {name}"], files, image, kill)
                job.good, job.name, job.result = good, name, None
                jobs.append(job)
            for job in jobs:
                threads.append(threading.Thread(target=self.drive, args=(job,)))
                threads[-1].start()
            for thread in threads:
                thread.join()
            pushed = registry.repositories()
            for job in jobs:
                tag = job.name.split("/", 1)[1]
                if job.kill is None:
                    self.assertEqual(job.result, 0 if job.good else BUILD_FAILURE, job.log)
                    self.assertEqual(tag in pushed, job.good, job.log)
                else:
                    self.assertTrue(job.good or tag not in pushed, job.log)
            # The next use of the store sweeps what killed processes left in its work folder.
            self.ok("-q", "image", "ls")
            self.assertEqual(self.left_over(), [], f"seed {SEED}, round {turn}")
            self.verify_store()
            self.verify_images(registry, [job for job in jobs if job.kill is None and job.good])

    def drive(self, job):
        try:
            done = job.run()
            job.result = done.code if done else None
        finally:
            job.cleaned = job.cleanup().code

    def verify_store(self):
        blobs = self.store / "blobs/sha256"
        for path in blobs.iterdir():
            digest = hashlib.sha256()
            with path.open("rb") as blob:
                while piece := blob.read(1 << 20):
                    digest.update(piece)
            self.assertEqual(digest.hexdigest(), path.name)
        for line in self.ok("image", "ls").out.splitlines()[1:]:
            words = line.split()
            if words and words[0] != "<none>":
                self.ok("-q", "image", "inspect", f"{words[0]}:{words[1]}" if ":" not in words[0].rsplit("/")[-1] else words[0])

    def verify_images(self, registry, jobs):
        for job in jobs:
            archive = self.folder / "image.tar"
            self.ok("-q", "pull", job.name)
            self.ok("-q", "image", "export", job.name, f"docker-archive:{archive}")
            manifest = json.loads(subprocess.run(["tar", "-xOf", archive, "manifest.json"], check=True, capture_output=True).stdout)
            layer = subprocess.run(["tar", "-xOf", archive, manifest[0]["Layers"][-1]], check=True, capture_output=True).stdout
            own = subprocess.run(["tar", "-xO", "own"], input=layer, check=True, capture_output=True).stdout
            self.assertEqual(own, job.files["own"].encode())
            archive.unlink()


if __name__ == "__main__":
    main()
