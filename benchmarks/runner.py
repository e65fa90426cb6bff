"""Starts races, each in a process of its own, and keeps their records in a folder."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from embedding_data import FILE_VARIABLE
from machine_load import LoadOfOthers
from thinset import _core

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results"
# What the peers' libraries read; thinset is told by argument, and so are some of them.
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "RAYON_NUM_THREADS",
)


@dataclass(frozen=True)
class Runner:
    """Starts races with these settings.

    records: the folder of the records. scratch: a folder for files of the races, which may be
    large. rounds: at least so many of each race. time_limit: seconds for one race. resume: take
    the records of an earlier run of the same code. clock: see race.py.
    """

    records: Path
    scratch: str
    n_threads: int
    rounds: int
    time_limit: float
    resume: bool
    clock: str = "wall"

    def record_of(self, problem, contender, size, data, turn=0):
        """The record of a race: run now, or taken from the folder."""
        name = "-".join([problem, data, "x".join(map(str, size)), contender, str(turn)])
        path = self.records / f"{name}.json"
        mark = f"{fingerprint(self.rounds)} {self.clock}"
        if not (self.resume and _is_final(path, mark)):
            print(f"{name} ...", end="", file=sys.stderr, flush=True)
            start = time.monotonic()
            with LoadOfOthers() as others:
                record = self._race(problem, contender, size, data, path)
            record["fingerprint"] = mark
            record["load_of_others"] = round(others.share, 3)
            path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
            seconds = time.monotonic() - start
            print(f" {record['status']}, {seconds:.0f} s", file=sys.stderr, flush=True)
        return json.loads(path.read_text(encoding="utf-8"))

    def _race(self, problem, contender, size, data, path):
        unfinished = path.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        command = [
            *(sys.executable, str(FOLDER / "race.py"), problem, contender, str(unfinished)),
            *("--size", *map(str, size), f"--data={data}", f"--clock={self.clock}"),
            *(f"--threads={self.n_threads}", f"--rounds={self.rounds}"),
        ]
        failure = {"problem": problem, "contender": contender, "status": "failed"}
        environment = {
            **os.environ,
            **dict.fromkeys(_THREAD_VARIABLES, str(self.n_threads)),
            "TMPDIR": self.scratch,
        }
        try:
            ended = subprocess.run(
                command,
                check=False,
                env=environment,
                timeout=self.time_limit,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
        except subprocess.TimeoutExpired:
            limit = f"not done after {self.time_limit:,.0f} s"
            return failure | {"status": "unfinished", "reason": limit}
        if ended.returncode == 0:
            record = json.loads(unfinished.read_text(encoding="utf-8"))
            unfinished.unlink()
            return record
        last_words = ended.stderr.strip().splitlines()[-1:] or ["without a word"]
        return failure | {"reason": f"exit status {ended.returncode}, {last_words[0][:300]}"}


def fingerprint(least_rounds):
    """Changes with thinset's core, with any file of the benchmarks and with what is asked for."""
    digest = hashlib.sha256(str(least_rounds).encode())
    for file in [Path(_core.__file__), *sorted(FOLDER.rglob("*.py"))]:
        digest.update(file.read_bytes())
    data = os.environ.get(FILE_VARIABLE, "")
    if data and Path(data).exists():
        status = Path(data).stat()
        digest.update(f"{status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()[:32]


def _is_final(path, fingerprint):
    """Whether a record of the same code is there that another try would not change."""
    if not path.exists():
        return False
    record = json.loads(path.read_text(encoding="utf-8"))
    is_done = record["status"] in ("timed", "wrong", "unfinished")
    return is_done and record.get("fingerprint") == fingerprint
