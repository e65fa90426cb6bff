"""_core.pyi says of the native module what the native module says of itself."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import thinset
from thinset import _core

PACKAGE = Path(thinset.__file__).parent


def signature(function):
    """Names, kinds and defaults of a function's arguments, as text; annotations do not count."""
    arguments = function.args
    for argument in ast.walk(arguments):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    return ast.unparse(arguments)


def stubbed():
    """Signatures by function name, one per overload, from the stub file."""
    functions = {}
    for node in ast.parse((PACKAGE / "_core.pyi").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            functions.setdefault(node.name, []).append(signature(node))
    return functions


def documented(function):
    """Signatures from the first lines that pybind11 puts into docstrings, one per overload."""
    first_line = rf"^(?:\d+\. )?({function.__name__}\(.*\) -> .*)$"
    lines = re.findall(first_line, function.__doc__, re.MULTILINE)
    return [signature(ast.parse(f"def {line}: ...").body[0]) for line in lines]


def public_functions():
    return {n: f for n, f in vars(_core).items() if callable(f) and not isinstance(f, type)}


def test_the_stub_names_what_the_module_holds():
    tree = ast.parse((PACKAGE / "_core.pyi").read_text(encoding="utf-8"))
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    public = {name for name in vars(_core) if not name.startswith("_")}
    assert stubbed().keys() | classes == public
    assert stubbed().keys() == public_functions().keys()
    assert ast.get_docstring(tree) == _core.__doc__


@pytest.mark.parametrize("name", public_functions())
def test_arguments_are_those_of_the_module(name):
    actual = documented(getattr(_core, name))
    assert actual
    assert stubbed()[name] == actual


def test_errors_are_what_the_stub_says():
    assert _core.FormatError.__bases__ == (ValueError,)


def test_stubtest_finds_nothing(tmp_path):
    pytest.importorskip("mypy")
    # The stub alone, so that mypy need not analyse the package around it.
    package = tmp_path / "thinset"
    package.mkdir()
    (package / "__init__.pyi").touch()
    shutil.copy(PACKAGE / "_core.pyi", package)
    result = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "thinset._core"],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(tmp_path), "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert result.returncode == 0, result.stdout + result.stderr
