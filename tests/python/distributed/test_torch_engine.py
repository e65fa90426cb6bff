"""torch.distributed: every rank gets the rows of one machine, and the error of any rank."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import pytest

import thinset
from thinset import distributed

pytest.importorskip("torch")

K = 40

# Every rank writes what it got. Rank 1 then breaks a shard in its own memory, at last it dies.
PROGRAM = """
import json, os, signal, sys
from pathlib import Path
import numpy as np
from thinset import distributed
out, *shards = sys.argv[1:]
rank = int(os.environ["RANK"])
said = {}
for method in distributed.exact_methods():
    chosen = distributed.select(shards, 40, method, engine="torch", folder=f"{out}/{method}")
    said[method] = [chosen.indices.tolist(), chosen.gains.tolist()]
again = distributed.select(shards, 40, "topk", engine="torch", folder=f"{out}/topk")
said["again"] = again.indices.tolist()
said["groups"] = distributed.deduplicate(shards, 1.5, engine="torch").groups.tolist()
try:
    distributed.select(shards[rank:], 40, engine="torch")
except distributed.ShardError as error:
    said["other shards"] = str(error)
try:
    distributed.select([*shards, "missing"] if rank else shards, 40, engine="torch")
except FileNotFoundError as error:
    said["missing"] = str(error)
for method in ("random", "kmeans"):
    drawn = distributed.select(shards, 40, method, engine="torch", random_state=None)
    said[f"drawn by {method}"] = [drawn.indices.tolist(), drawn.params["random_state"]]
try:
    distributed.select(shards, 40 + rank, engine="torch")
except ValueError as error:
    said["other request"] = str(error).split(" is ")[0]  # each rank names the other one
damaged = Path(f"{out}/bad\\udcff.npy")  # a name that is not UTF-8
if rank == 0:
    damaged.write_bytes(b"nothing")
distributed.select(shards, 40, engine="torch")  # until it is written
try:
    distributed.select(damaged, 40, engine="torch")
except distributed.ShardError as error:
    said["damaged"] = str(error)
X = np.load(shards[-2])
X[0, 0] = np.nan
try:
    distributed.select(X, 40, engine="torch")
except distributed.ShardError as error:
    said["not finite"] = str(error)
def die(done, total):
    if rank == 1:
        Path(f"{out}/{rank}.json").write_text(json.dumps(said))
        os.kill(os.getpid(), signal.SIGKILL)
try:
    distributed.select(shards, 40, "max_min", rounds=2, engine="torch", progress=die)
except distributed.WorkerLostError as error:
    said["lost"] = str(error)
Path(f"{out}/{rank}.json").write_text(json.dumps(said))
"""


def started(program, arguments):
    """Two ranks. Not torchrun: it would end the first before it reports the loss of the second."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    return [
        subprocess.Popen(
            [sys.executable, program, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "RANK": str(rank),
                "WORLD_SIZE": "2",
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": port,
            },
        )
        for rank in range(2)
    ]


def test_ranks_agree_on_the_rows_of_one_machine_and_on_errors(X, shards, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    ranks = started(program, [tmp_path, *shards])
    for rank in ranks:
        rank.communicate(timeout=120)
    codes = [rank.returncode for rank in ranks]
    assert codes == [0, -9]
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    assert "start all ranks again: with the same folder they continue" in first.pop("lost")
    assert first == second
    for method in distributed.exact_methods():
        expected = thinset.select(X, K, method)
        assert first[method] == [expected.indices.tolist(), expected.gains.tolist()]
    assert first["again"] == first["topk"][0]
    assert first["groups"] == thinset.deduplicate(X, 1.5).groups.tolist()
    assert "rank 1 sees other shards than rank 0" in first["other shards"]
    assert "shard not found" in first["missing"]
    assert first["other request"] == "all ranks must select the same: n_samples"
    assert "bad\udcff.npy' is not a usable .npy file" in first["damaged"]
    assert "row 0, column 0 is nan (row 0 of shard 0)" in first["not finite"]


def test_without_torchrun_the_error_says_how_to_start(X):
    with pytest.raises(ValueError, match="start the program with torchrun"):
        distributed.select(X, K, engine="torch")


SILENT = """
import os, signal, sys
from thinset import distributed
from thinset.distributed.torch_engine import TorchEngine
engine = TorchEngine(wait=3)
def stop(done, total):
    if os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGSTOP)
try:
    distributed.select(sys.argv[1:], 40, "max_sum", engine=engine, progress=stop)
except distributed.WorkerLostError as error:
    print(error, flush=True)
    os._exit(0)
"""


def test_a_rank_that_falls_silent_counts_as_lost(shards, tmp_path):
    """As one whose network is cut: its connections stay open, and nothing comes."""
    program = tmp_path / "program.py"
    program.write_text(SILENT)
    first, silent = started(program, shards)
    try:
        said, _ = first.communicate(timeout=60)
    finally:
        silent.kill()
        silent.communicate()
    assert first.returncode == 0
    assert "a rank died or cannot be reached" in said
