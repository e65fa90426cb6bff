from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np

from thinset import _core
from thinset.results import describe_hardware, describe_versions, hardware

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_machine_is_described_in_plain_json() -> None:
    described = json.loads(json.dumps(describe_hardware(), allow_nan=False))
    assert set(described) == {"cpu", "cores", "memory_gib", "gpus", "system", "machine"}
    assert 1 <= described["cores"] <= (os.cpu_count() or 1)
    assert described["cores"] == _core.available_processors()
    assert described["memory_gib"] > 0.1
    assert described["cpu"]


def test_neither_host_nor_user_is_named() -> None:
    described = json.dumps(describe_hardware())
    assert platform.node() not in described.split('"')


def test_gpus_are_those_of_a_torch_that_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = SimpleNamespace(
        is_available=lambda: True, device_count=lambda: 2, get_device_name="GPU {}".format
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert describe_hardware()["gpus"] == ["GPU 0", "GPU 1"]


def test_the_cpu_model_is_read_where_the_system_gives_it(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Some CPU: fast\n", encoding="utf-8")
    assert hardware._cpu_model(cpuinfo) == "Some CPU: fast"
    cpuinfo.write_text("processor\t: 0\n", encoding="utf-8")
    assert hardware._cpu_model(cpuinfo) == (platform.processor() or platform.machine())


def test_versions_are_those_in_use() -> None:
    versions = describe_versions()
    assert versions["python"] == platform.python_version()
    assert versions["numpy"] == np.__version__


def test_describing_and_importing_load_no_heavy_library() -> None:
    program = (
        "import sys, thinset.results as results; results.describe_hardware(); "
        "print([name for name in ('torch', 'matplotlib', 'PIL') if name in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "[]"
