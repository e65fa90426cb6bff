"""Selections on terms answer as their definitions do, to the last bit, alone and in combination."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from exactness.choices import METHODS, N_THREADS, library, questions, right
from exactness.suite import bits
from oracles.choice import TooFewRowsError

pytestmark = pytest.mark.filterwarnings("ignore::thinset.ConstantColumnsWarning")

# Cases of each method in every run, and in the slow one.
N_FAST = 250
N_FULL = 2500
N_LARGE = 6


def assert_one_right(question, n_threads=1, answer=library):
    """Raise AssertionError where the library, or `answer` in its place, is wrong."""
    try:
        rows, gains, spent = right(question)
    except TooFewRowsError:
        with pytest.raises(ValueError, match="."):
            library(question, n_threads)
        return
    if not rows and "min_distance" not in question.terms:
        with pytest.raises(ValueError, match="smallest cost|no row may be chosen"):
            library(question, n_threads)
        return
    found, found_gains, found_spent = answer(question, n_threads)
    assert found == rows, question
    assert bits(found_gains) == bits(gains), question
    assert found_spent == spent, question


def assert_right(method, n_cases, *, sizes=(1, 60), repeatable=True, answer=library):
    @settings(
        max_examples=n_cases,
        derandomize=repeatable,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(questions(method, sizes), st.sampled_from(N_THREADS))
    def assert_each(question, n_threads):
        assert_one_right(question, n_threads, answer)

    assert_each()


@pytest.mark.parametrize("method", METHODS)
def test_small(method):
    assert_right(method, N_FAST)


@pytest.mark.parametrize("method", METHODS)
def test_large(method):
    assert_right(method, N_LARGE, sizes=(600, 1500))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("method", METHODS)
def test_full(method):
    assert_right(method, N_FULL, repeatable=False)
    assert_right(method, N_FULL // 20, sizes=(300, 2500), repeatable=False)


def _without(name):
    def change(question):
        return question.with_terms(**{name: None}) if name in question.terms else question

    return change


def _changed(name, change):
    def apply(question):
        if name not in question.terms:
            return question
        return question.with_terms(**{name: change(question.terms[name])})

    return apply


# Groups need a rule: this one changes nothing.
_ANY = 2**62


def _of_any_size(name):
    """Without the rule `name` of groups."""

    def apply(question):
        if name not in question.terms:
            return question
        return question.with_terms(**{"max_per_group": _ANY, **question.terms, name: False})

    return apply


# What a library that gets one term wrong would answer.
WRONG = {
    "ignores exclude": (_without("exclude"), "max_min"),
    "excludes one row less": (_changed("exclude", lambda rows: rows[1:]), "max_sum"),
    "ignores among": (_without("among"), "random"),
    "ignores existing": (_without("existing"), "max_min"),
    "loses a row of existing": (_changed("existing", lambda rows: rows[:-1] if len(rows) > 1 else rows), "max_sum"),  # noqa: E501
    "ignores scores": (_changed("scores", np.ones_like), "topk"),
    "rounds scores to float32": (
        _changed("scores", lambda scores: scores.astype(np.float32).astype(float)), "max_sum"),
    "squares scores": (_changed("scores", np.square), "max_min"),
    "one row more of a group": (_changed("max_per_group", lambda most: most + 1), "topk"),
    "ignores the groups": (_changed("max_per_group", lambda _: _ANY), "kmeans"),
    "does not count by costs": (_changed("costs", np.ones_like), "max_min"),
    "a larger budget": (_changed("budget", lambda budget: 1.1 * budget), "max_sum"),
    "a min_distance too short": (_changed("min_distance", lambda d: 0.9 * d), "max_min"),
    "splits groups": (_of_any_size("whole_groups"), "max_sum"),
    "forgets small groups": (_of_any_size("one_per_group_first"), "max_min"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_versions_are_found(name):
    change, method = WRONG[name]

    def wrong(question, n_threads):
        changed = change(question)
        try:
            return library(changed, n_threads)
        except ValueError:
            return library(question, n_threads)

    with pytest.raises(AssertionError):
        assert_right(method, N_FAST, answer=wrong)
