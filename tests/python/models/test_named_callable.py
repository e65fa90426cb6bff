"""Functions by their name MODULE:FUNCTION, and what is said of other names."""

from __future__ import annotations

import sys

import pytest

from thinset.models.named_callable import callable_named

MODULE = """
import functools
SIZE = 3
nothing = None
def three():
    return SIZE
partial = functools.partial(int, "3")
class Three:
    pass
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    (tmp_path / "threes_by_name.py").write_text(MODULE)
    (tmp_path / "broken_by_name.py").write_text("def (:\n")
    (tmp_path / "raising_by_name.py").write_text("1 / 0\n")
    (tmp_path / "lacking_by_name.py").write_text("import no_such_library\n")
    (tmp_path / "needing_by_name.py").write_text("from json import nothing_of_it\n")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("attribute", ["three", "partial"])
def test_functions_of_modules_in_the_current_folder_are_found(attribute):
    path = list(sys.path)
    assert callable_named(f"threes_by_name:{attribute}")() == 3
    assert sys.path == path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", r"encoder must be MODULE:FUNCTION, such as my_models:small; got ''"),
        ("threes_by_name", r"must be MODULE:FUNCTION.*got 'threes_by_name'"),
        (":three", r"must be MODULE:FUNCTION.*got ':three'"),
        ("threes_by_name:", r"must be MODULE:FUNCTION.*got 'threes_by_name:'"),
        (".threes_by_name:three", r"not a path; got '\.threes_by_name:three'"),
        ("threes_by_name.py:three", r"not a path; got 'threes_by_name\.py:three'"),
        ("./threes_by_name:three", r"not a path"),
        (
            "no_such_module:three",
            r"encoder .*: No module named .*, neither in the current folder nor among installed",
        ),
        ("lacking_by_name:three", r"'lacking_by_name:three': No module named 'no_such_library'$"),
        ("threes_by_name:four", r"threes_by_name has no callable named 'four'"),
        ("threes_by_name:nothing", r"threes_by_name has no callable named 'nothing'"),
        ("threes_by_name:SIZE", r"no callable named 'SIZE': it is of type int"),
        ("broken_by_name:three", r"importing broken_by_name fails: SyntaxError"),
        ("raising_by_name:three", r"importing raising_by_name fails: ZeroDivisionError"),
    ],
)
def test_other_names_are_refused(name, message):
    path = list(sys.path)
    with pytest.raises(ValueError, match=message):
        callable_named(name, "encoder")
    assert sys.path == path


def test_a_library_that_a_module_needs_is_an_import_error():
    with pytest.raises(ImportError, match="nothing_of_it"):
        callable_named("needing_by_name:three")
