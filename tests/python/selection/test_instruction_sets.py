"""Every instruction set that this processor runs gives the answers of the definitions."""

from __future__ import annotations

import json
import platform
import re
from pathlib import Path

import numpy as np
import pytest

import thinset
from exactness import suite
from exactness.answers import ORACLES, library
from golden import inputs
from thinset import _core, deduplicate

pytestmark = pytest.mark.filterwarnings("ignore::thinset.ConstantColumnsWarning")

AVAILABLE = _core.available_instruction_sets()


@pytest.fixture(params=AVAILABLE)
def instruction_set(request):
    """One set after the other is used; the widest again at the end."""
    _core.use_instruction_set(request.param)
    yield request.param
    _core.use_instruction_set(AVAILABLE[-1])


def test_the_widest_set_is_in_use():
    assert AVAILABLE[0] == "plain"
    assert _core.instruction_set() == AVAILABLE[-1]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="other processors have one set")
def test_what_the_system_reports_is_available():
    """Some compilers' way to ask the processor finds nothing, which only costs time."""
    flags = set(re.search(r"flags\s*:(.*)", Path("/proc/cpuinfo").read_text())[1].split())
    sets = {
        "plain": set(),
        "avx2": {"avx2", "fma", "f16c"},
        "avx512": {"avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512dq", "avx512vl"},
    }
    assert list(AVAILABLE) == [name for name, needed in sets.items() if needed <= flags]


def test_golden_selections(instruction_set):
    path = Path(__file__).parents[2] / "golden" / "selections.json"
    for name, case in json.loads(path.read_text(encoding="utf-8")).items():
        options = {"labels": inputs.labels(), **case["options"]}
        found = thinset.select(inputs.embeddings(), case["n_samples"], case["method"], **options)
        assert found.indices.tolist() == case["indices"], name
        assert found.gains.tolist() == case["gains"], name


@pytest.mark.parametrize("method", ORACLES)
def test_answers_are_exact(instruction_set, method):
    pytest.importorskip("torch")  # for bfloat16
    assert _core.instruction_set() == instruction_set
    suite.check(library, method, "small", 40)
    suite.check(library, method, "mid", 3)


def test_near_duplicates_are_the_same_groups(instruction_set):
    generator = np.random.default_rng(0)
    X = generator.standard_normal((60, 37), dtype=np.float32)
    X = np.concatenate([X, X + 0.05 * generator.standard_normal(X.shape, dtype=np.float32)])
    apart = np.linalg.norm(X[:, None].astype(np.float64) - X[None], axis=2)
    found = deduplicate(X, 0.5)
    assert _core.instruction_set() == instruction_set
    # A row and its copy are some 0.3 apart, rows of different kinds more than 4.
    assert ((apart <= 0.5) == (found.groups[:, None] == found.groups[None])).all()
    assert len(found.representatives) == 60


def test_a_set_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="no instruction set 'mmx'"):
        _core.use_instruction_set("mmx")
    assert _core.instruction_set() == AVAILABLE[-1]
