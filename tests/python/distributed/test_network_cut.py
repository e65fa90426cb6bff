"""A network that is cut in mid-run: both sides end with a clear error, and continue afterwards.

Two ranks of torch.distributed in two network namespaces, joined by a pair of virtual interfaces,
one of which is then set down. Needs root and `ip`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

import thinset
from sharded_rows import same

pytest.importorskip("torch")

K = 40
ADDRESSES = ("10.213.77.1", "10.213.77.2")

# Rank 0 cuts the link after a few rounds, from its side: no connection is closed, nothing arrives.
PROGRAM = """
import os, subprocess, sys
from torch.distributed import init_process_group
from thinset import distributed
from thinset.distributed.torch_engine import TorchEngine
init_process_group("gloo")  # the ranks may start long after each other
engine = TorchEngine(wait=5)
cut, folder, result, *shards = sys.argv[1:]
def cut_link(done, total):
    if cut == "cut" and engine.is_first and done == 5:
        subprocess.run(["ip", "link", "set", os.environ["GLOO_SOCKET_IFNAME"], "down"], check=True)
try:
    chosen = distributed.select(
        shards, 40, "max_sum", engine=engine, folder=folder, checkpoint_seconds=0, progress=cut_link
    )
except distributed.WorkerLostError as error:
    print(error, flush=True)
    os._exit(0)  # a barrier at exit would wait for the other side
if engine.is_first:
    chosen.save(result)
os._exit(0)
"""


def ip(*arguments):
    return subprocess.run(
        ["ip", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def namespaces():
    """Two joined network namespaces, and the interface of each."""
    if shutil.which("ip") is None:
        pytest.skip("needs the program ip (iproute2)")
    names = [f"thinset-{os.getpid()}-{side}" for side in "ab"]
    ends = [f"ts{os.getpid()}{side}" for side in "ab"]
    try:
        for name in names:
            made = ip("netns", "add", name)
            if made.returncode:
                pytest.skip(f"needs network namespaces: {made.stderr.strip()}")
        made = ip(
            *("link", "add", ends[0], "netns", names[0]),
            *("type", "veth", "peer", "name", ends[1], "netns", names[1]),
        )
        if made.returncode:
            pytest.skip(f"needs virtual network interfaces: {made.stderr.strip()}")
        for name, end, address in zip(names, ends, ADDRESSES, strict=True):
            for command in (
                ("addr", "add", f"{address}/30", "dev", end),
                ("link", "set", "lo", "up"),
                ("link", "set", end, "up"),
            ):
                assert ip("-n", name, *command).returncode == 0, command
        yield list(zip(names, ends, strict=True))
    finally:
        for name in names:
            ip("netns", "del", name)


def ranks(namespaces, program, arguments):
    return [
        subprocess.Popen(
            ["ip", "netns", "exec", name, sys.executable, program, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "RANK": str(rank),
                "WORLD_SIZE": "2",
                "MASTER_ADDR": ADDRESSES[0],
                "MASTER_PORT": "29511",
                "GLOO_SOCKET_IFNAME": end,
            },
        )
        for rank, (name, end) in enumerate(namespaces)
    ]


def outputs(started):
    try:
        return [rank.communicate(timeout=120)[0] for rank in started]
    finally:
        for rank in started:
            rank.kill()


def test_both_sides_end_with_an_error_and_continue_afterwards(X, shards, tmp_path, namespaces):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    folder, result = tmp_path / "run", tmp_path / "chosen.npz"
    for said in outputs(ranks(namespaces, program, ["cut", folder, result, *shards])):
        assert "a rank died or cannot be reached" in said
        assert "with the same folder they continue after the last finished round" in said
    assert (folder / "state.npz").exists()
    assert not result.exists()
    for name, end in namespaces:
        assert ip("-n", name, "link", "set", end, "up").returncode == 0
    assert outputs(ranks(namespaces, program, ["whole", folder, result, *shards])) == ["", ""]
    same(thinset.Selection.load(result), thinset.select(X, K, "max_sum"))
