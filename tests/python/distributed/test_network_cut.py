"""A network that is cut in mid-run: a clear error that can be continued, or the same result.

Two ranks of torch.distributed, or two nodes of Ray, in two network namespaces, joined by a pair of
virtual interfaces, one of which is then set down. Needs root and `ip`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

import thinset
from ray_clusters import CLOSES_LATE
from sharded_rows import same

pytestmark = CLOSES_LATE
K = 40
ADDRESSES = ("10.213.77.1", "10.213.77.2")
RAY_HEAD = f"{ADDRESSES[0]}:6399"

# Rank 0 cuts the link after a few rounds, from its side: no connection is closed, nothing arrives.
RANK = """
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

# Each node has a CPU for one of the two workers.
DRIVER = """
import os, subprocess, sys
import ray
from thinset import distributed
from thinset.distributed.ray_engine import RayEngine
address, link, folder, result, *shards = sys.argv[1:]
ray.init(address=address, log_to_driver=False, logging_level="error")
engine = RayEngine(2, wait=60)
def cut_link(done, total):
    if link and done == 5:
        subprocess.run(["ip", "link", "set", link, "down"], check=True)
        print("cut", flush=True)
try:
    chosen = distributed.select(
        shards, 40, "max_sum", engine=engine, folder=folder, checkpoint_seconds=0, progress=cut_link
    )
except distributed.WorkerLostError as error:
    print(error, flush=True)
    os._exit(0)
chosen.save(result)
print(engine.traffic.replaced, "replaced", flush=True)
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


def test_both_ranks_end_with_an_error_and_continue_afterwards(X, shards, tmp_path, namespaces):
    pytest.importorskip("torch")
    program = tmp_path / "program.py"
    program.write_text(RANK)
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


class Cluster:
    """Nodes of Ray in two network namespaces, the first of which is the head."""

    def __init__(self, namespaces, temporary):
        self.namespaces, self.temporary, self.nodes = namespaces, temporary, []

    def inside(self, side, *arguments):
        return subprocess.Popen(
            ["ip", "netns", "exec", self.namespaces[side][0], sys.executable, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={
                **os.environ,
                "RAY_AUTH_MODE": "disabled",
                "RAY_health_check_initial_delay_ms": "1000",
                "RAY_health_check_period_ms": "500",
                "RAY_health_check_timeout_ms": "1000",
                "RAY_health_check_failure_threshold": "3",
            },
        )

    def start_node(self, side):
        place = [f"--address={RAY_HEAD}"]
        if not self.nodes:
            place = ["--head", "--port=6399", "--include-dashboard=false"]
            place.append(f"--temp-dir={self.temporary}")
        address = f"--node-ip-address={ADDRESSES[side]}"
        options = ["--num-cpus=1", "--block", "--disable-usage-stats"]
        command = ["-m", "ray.scripts.scripts", "start", *place, address, *options]
        node = self.inside(side, *command)
        self.nodes.append(node)
        for line in node.stdout:
            if "Ray runtime started" in line:
                return
        raise AssertionError("the node did not start")

    def close(self):
        for node in reversed(self.nodes):
            node.send_signal(signal.SIGTERM)
            node.communicate(timeout=60)


@pytest.fixture
def cluster(namespaces):
    pytest.importorskip("ray", reason="needs the extra 'ray'")
    # Not in tmp_path: paths of sockets may not be longer than 107 bytes.
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as temporary:
        cluster = Cluster(namespaces, temporary)
        try:
            cluster.start_node(0)
            cluster.start_node(1)
            yield cluster
        finally:
            cluster.close()


@pytest.mark.slow
@pytest.mark.parametrize("has_another", [True, False])
def test_a_node_of_ray_that_is_cut_off_counts_as_dead(X, shards, tmp_path, cluster, has_another):
    program = tmp_path / "program.py"
    program.write_text(DRIVER)
    link = cluster.namespaces[0][1]
    arguments = [str(tmp_path / "run"), str(tmp_path / "chosen.npz"), *map(str, shards)]
    driver = cluster.inside(0, program, RAY_HEAD, link, *arguments)
    assert driver.stdout.readline() == "cut\n"
    if has_another:
        cluster.start_node(0)
        assert driver.communicate(timeout=120)[0].endswith("\n1 replaced\n")  # Ray warns before
    else:
        assert "did not start the worker of part" in driver.communicate(timeout=120)[0]
        for name, end in cluster.namespaces:
            assert ip("-n", name, "link", "set", end, "up").returncode == 0
        cluster.start_node(1)
        driver = cluster.inside(0, program, RAY_HEAD, "", *arguments)
        assert driver.communicate(timeout=120)[0].endswith("0 replaced\n")
    same(thinset.Selection.load(tmp_path / "chosen.npz"), thinset.select(X, K, "max_sum"))
