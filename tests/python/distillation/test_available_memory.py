from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from thinset.distillation.available_memory import available_memory

if TYPE_CHECKING:
    from pathlib import Path

CPU = torch.device("cpu")


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with 4 GiB of available memory."""
    write(tmp_path, proc__meminfo="MemTotal: 8388608 kB\nMemAvailable:    4194304 kB\n")
    return tmp_path


def test_this_machine_says_how_much_is_available() -> None:
    found = available_memory(CPU)
    assert found is not None
    assert found > 1e6


def test_without_groups_it_is_that_of_the_machine(machine: Path) -> None:
    assert available_memory(CPU, root=machine) == 4 * 2**30


def test_the_least_of_all_groups_counts(machine: Path) -> None:
    write(machine, proc__self__cgroup="0::/outer/inner\n")
    top = machine / "sys/fs/cgroup/outer"
    (top / "inner").mkdir(parents=True)
    (top / "inner/memory.max").write_text("max\n")
    (top / "inner/memory.current").write_text("700\n")
    (top / "memory.max").write_text("1000\n")
    (top / "memory.current").write_text("700\n")
    (top / "memory.stat").write_text("anon 500\ninactive_file 150\n")
    assert available_memory(CPU, root=machine) == 450


def test_a_group_that_is_named_as_outside_of_the_container(machine: Path) -> None:
    write(machine, proc__self__cgroup="0::/not/visible/here\n")
    top = machine / "sys/fs/cgroup"
    top.mkdir(parents=True)
    (top / "memory.max").write_text("1000\n")
    (top / "memory.current").write_text("1200\n")
    assert available_memory(CPU, root=machine) == 0


def test_groups_of_version_1(machine: Path) -> None:
    write(machine, proc__self__cgroup="9:name=systemd:/\n4:cpu,memory:/job\n")
    folder = machine / "sys/fs/cgroup/memory/job"
    folder.mkdir(parents=True)
    (folder / "memory.limit_in_bytes").write_text("1000\n")
    (folder / "memory.usage_in_bytes").write_text("300\n")
    (folder / "memory.stat").write_text("total_inactive_file 100\n")
    assert available_memory(CPU, root=machine) == 800


def test_unknown_where_the_system_does_not_say(tmp_path: Path) -> None:
    assert available_memory(CPU, root=tmp_path) is None
