"""`import thinset` is quick, quiet and light."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap

import pytest


def run_python(*arguments, environment=None):
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=environment,
    )


@pytest.fixture(scope="module")
def fresh_import():
    """What a fresh process loads and asks of the system while it imports thinset."""
    program = textwrap.dedent("""
        import json, sys
        events = []
        def watch(event, arguments):
            if event.startswith(("socket.", "urllib.", "subprocess.", "os.system")):
                events.append(event)
            if event == "open" and set(str(arguments[1])) & set("wax+"):
                events.append(f"write to {arguments[0]}")
        sys.addaudithook(watch)
        import thinset
        print(json.dumps({"modules": sorted(sys.modules), "events": events}))
    """)
    # -B: byte code is the interpreter's business.
    return json.loads(run_python("-B", "-c", program).stdout)


def test_heavy_libraries_stay_unloaded(fresh_import):
    heavy = {"torch", "matplotlib", "pyarrow", "PIL", "tyro", "urllib.request", "socket"}
    assert heavy.isdisjoint(fresh_import["modules"])
    assert "thinset._core" in fresh_import["modules"]


def test_nothing_is_opened_written_or_started(fresh_import):
    assert fresh_import["events"] == []


@pytest.mark.alone
def test_import_costs_little_beside_numpy(tmp_path):
    # Byte code is kept, as it is where a package is installed, whatever this environment says.
    environment = dict(os.environ, PYTHONPYCACHEPREFIX=str(tmp_path))
    environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def share():
        program = ("-X", "importtime", "-c", "import numpy\nimport thinset")
        report = run_python(*program, environment=environment).stderr
        cost = {
            name: int(re.search(rf"\|\s*(\d+) \| {name}$", report, re.MULTILINE)[1])
            for name in ("numpy", "thinset")
        }
        return cost["thinset"] / cost["numpy"]

    # The best of many: the first compiles byte code, and the machine may be busy. A sixth of
    # NumPy's own import is 10 ms where that takes 60.
    assert min(share() for _ in range(8)) < 1 / 6


def test_training_is_loaded_with_its_first_use():
    pytest.importorskip("torch")
    program = "import sys, thinset; thinset.training.Duration; print('torch' in sys.modules)"
    assert run_python("-c", program).stdout == "True\n"
