"""`import thinset` is quick, quiet and light."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap

import pytest


def run_python(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=True, timeout=60
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


def test_import_takes_less_than_a_fifth_of_a_second():
    def seconds():
        report = run_python("-X", "importtime", "-c", "import thinset").stderr
        row = re.search(r"\|\s*(\d+) \| thinset$", report, re.MULTILINE)
        return int(row[1]) / 1e6

    # The best of three: the first may compile byte code, and the machine may be busy.
    assert min(seconds() for _ in range(3)) < 0.2


def test_training_is_loaded_with_its_first_use():
    pytest.importorskip("torch")
    program = "import sys, thinset; thinset.training.Duration; print('torch' in sys.modules)"
    assert run_python("-c", program).stdout == "True\n"
