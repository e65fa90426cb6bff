"""The map of the project holds: who may import whom, and what the sources may not contain.

Imports point downwards only: command_line -> experiments -> {augmentation, embeddings, report} ->
{results, metrics, training} -> {data, selection, transforms} -> {models, losses, _core}.
augmentation knows neither arms nor selections: experiments gives it rows. selection and data stand
on the native core and numpy, and so does distributed, which stands on them and loads Ray or torch
when an engine is made; results and report need no torch; integrations stand on these, and
nothing but the command line stands on them. The parts of training that show samples stand on
nothing that trains. In C++, bindings, filter and fuzz stand on the library, which knows none of
them, and include its public headers alone; in the library the folders have an order, too.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "python" / "thinset"
CPP = ROOT / "cpp"

# Everybody may use these; they use each other and, to exchange folders, the native core.
_BASE = {"duration", "files", "progress", "seeds", "threads"}
_MODELS = {"models", "losses"}
_BELOW_TRAINING = {*_BASE, *_MODELS, "data", "selection", "transforms"}
_BELOW_WINGS = {*_BELOW_TRAINING, "training", "metrics", "results"}
_BELOW_EXPERIMENTS = {*_BELOW_WINGS, "augmentation", "distillation", "embeddings", "report"}

# Which units of the package each unit may import, besides itself. "thinset" is the face of the
# package, `_core` the native module.
ALLOWED = {
    "duration": set(),
    "files": {"_core"},
    "progress": set(),
    "seeds": {"files"},
    "threads": {"files"},
    "models": set(),
    "losses": set(),
    "data": {*_BASE, "_core"},
    "selection": {*_BASE, "_core"},
    "distributed": {*_BASE, "_core", "data", "selection"},
    "transforms": {"models", "losses"},
    "results": {*_BASE, "_core", "selection"},
    "training": _BELOW_TRAINING,
    # The device of a network and the fingerprint of its weights are training's.
    "metrics": {*_BELOW_TRAINING, "_core", "training"},
    "embeddings": {*_BELOW_TRAINING, "training"},
    "augmentation": {*_BELOW_TRAINING, "training", "metrics"} - {"selection"},
    "distillation": {*_BELOW_TRAINING, "training"} - {"selection"},
    "report": {*_BASE, "results"},
    # Each module of it stands on one library of other people.
    "integrations": {"data", "selection", "training", "thinset"},
    "experiments": {*_BELOW_EXPERIMENTS, "_core", "thinset"},
    "command_line": {
        *_BELOW_EXPERIMENTS,
        *("distributed", "experiments", "integrations", "_core", "thinset"),
    },
    "__main__": {"command_line"},
    # training and distributed, loaded with their first use.
    "thinset": {"_core", "data", "distributed", "selection", "training"},
}

# Libraries that a unit may import with itself, and inside functions only. A part of a unit has the
# row of the nearest name around it. Units that are not here may import any library that the project
# depends on.
EAGER_LIBRARIES = {
    "duration": set(),
    "files": set(),
    "files.decoding": {"msgspec"},
    "progress": set(),
    "seeds": set(),
    "threads": set(),
    "thinset": set(),
    "models": {"torch"},
    "losses": {"torch"},
    "transforms": {"torch"},
    "selection": {"numpy"},
    "distributed": {"numpy"},
    "data": {"msgspec", "numpy"},
    "data.batches": {"torch"},
    "data.device_rows": {"numpy", "torch"},
    "data.passes": {"torch"},
    "metrics": {"numpy"},
    "metrics.features": {"numpy", "torch"},
    "metrics.inception": {"torch"},
    "results": {"msgspec", "numpy"},
    "report": {"numpy"},
    "integrations": set(),
    "integrations.datasets": {"numpy", "pyarrow", "datasets"},
    "integrations.lightning": {"torch"},
    "integrations.mlflow": {"mlflow"},
    "integrations.sklearn": {"numpy", "sklearn"},
    "integrations.tensorboard": {"torch"},
    "integrations.transformers": {"torch", "transformers"},
    "integrations.wandb": {"wandb"},
}
LAZY_LIBRARIES = {
    "files": {"pyarrow"},
    "progress": {"tqdm"},
    "distributed": {"ray", "torch"},
    "data": {"PIL", "datasets", "pyarrow"},
    "metrics": {"torch_fidelity"},
    "report": {"PIL", "jinja2", "matplotlib"},
}


class Import(NamedTuple):
    module: str
    line: int
    lazy: bool


def _is_type_checking(node):
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def _imported_modules(node, package):
    """The absolute names that one import statement, or call of import_module, stands for."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = package[: len(package) - node.level + 1] if node.level else []
        parts = [*base, *(node.module or "").split(".")]
        module = ".".join(part for part in parts if part)
        # `from thinset import x` may name a module.
        return [f"{module}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
        return [a.value for a in node.args[:1] if isinstance(a, ast.Constant)]
    return []


def imports_of(source, package):
    """Every import of a source text that is carried out when it runs."""
    found = []

    def visit(node, lazy):
        children = node.orelse if _is_type_checking(node) else ast.iter_child_nodes(node)
        for child in children:
            found.extend(
                Import(module, child.lineno, lazy) for module in _imported_modules(child, package)
            )
            is_function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            visit(child, lazy or is_function)

    visit(ast.parse(source), lazy=False)
    return found


def unit_of(module):
    """The part of the package that a module belongs to: "data" of thinset.data.store."""
    name = [*module.split("."), ""][1]
    exists = (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").exists() or name == "_core"
    return name if name and exists else "thinset"


def package_files():
    files = sorted(PACKAGE.rglob("*.py"))
    assert len(files) > 50
    return {file.relative_to(PACKAGE.parent).as_posix(): file for file in files}


def location(file):
    """The dotted name of a file's module and of the package that its relative imports start at."""
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    if parts[-1] == "__init__":
        return ".".join(parts[:-1]), list(parts[:-1])
    return ".".join(parts), list(parts[:-1])


def eager_libraries(own):
    """The row of EAGER_LIBRARIES for "data.sources.mnist", "data.sources" or "data"; or None."""
    parts = own.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((EAGER_LIBRARIES[name] for name in names if name in EAGER_LIBRARIES), None)


@pytest.mark.parametrize("name", package_files())
def test_imports_point_downwards(name):
    file = package_files()[name]
    module, package = location(file)
    unit = unit_of(module)
    assert unit in ALLOWED, f"{unit} has no row in ALLOWED: say what it may import"
    eager = eager_libraries(module.removeprefix("thinset."))
    lazy = LAZY_LIBRARIES.get(unit, set())
    for imported in imports_of(file.read_text(encoding="utf-8"), package):
        where = f"{name}:{imported.line} imports {imported.module}"
        library = imported.module.split(".")[0]
        if library == "thinset":
            target = unit_of(imported.module)
            assert target == unit or target in ALLOWED[unit], f"{where}, which is not below {unit}"
        elif eager is not None and library not in sys.stdlib_module_names:
            allowed = eager | lazy if imported.lazy else eager
            assert library in allowed, f"{where}; {unit} may import {sorted(allowed) or 'none'}"


def test_the_import_rule_sees_every_form_of_import():
    source = """
from __future__ import annotations
import torch.nn as nn
from thinset import selection, select
from ..training import loop
if TYPE_CHECKING:
    import matplotlib
else:
    import tqdm
def late():
    from thinset.report import page
    importlib.import_module("thinset.experiments")
"""
    found = imports_of(source, ["thinset", "data"])
    assert [(i.module, i.lazy) for i in found] == [
        ("__future__.annotations", False),
        ("torch.nn", False),
        ("thinset.selection", False),
        ("thinset.select", False),
        ("thinset.training.loop", False),
        ("tqdm", False),
        ("thinset.report.page", True),
        ("thinset.experiments", True),
    ]
    units = ["selection", "thinset", "training", "report", "experiments"]
    assert [unit_of(i.module) for i in found if i.module.startswith("thinset")] == units


def test_no_module_is_a_drawer():
    drawers = {"util", "utils", "helper", "helpers", "common", "misc"}
    for folder in ("python", "cpp", "tests", "benchmarks"):
        for path in (ROOT / folder).rglob("*"):
            assert path.stem not in drawers, f"{path.relative_to(ROOT)}: say what is in it"


# ---- C++


def cpp_files(*folders):
    files = [
        file
        for folder in folders
        for file in sorted((CPP / folder).rglob("*"))
        if file.suffix in (".hpp", ".cpp")
    ]
    assert files
    return files


def includes_of(file):
    return re.findall(r'^\s*#\s*include\s*([<"][^>"]+)[>"]', file.read_text(), re.MULTILINE)


def without_comments(text):
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)


def test_the_library_knows_no_python_and_never_prints_or_aborts():
    output = {"cstdio", "stdio.h", "iostream", "ostream", "print", "syncstream", "cassert"}
    call = r"\b(f?printf|f?puts|perror|fwrite|abort|terminate|_?exit|quick_exit|assert)\s*\("
    for file in cpp_files("include", "src"):
        names = {include[1:] for include in includes_of(file)}
        assert not names & output, f"{file.name} includes {names & output}"
        assert not [n for n in names if re.search(r"(?i)python|pybind|numpy", n)], file.name
        text = without_comments(file.read_text())
        assert not re.search(rf"{call}|\bstd::c(out|err|log)\b", text), file.name


def test_public_headers_stand_on_the_standard_library_alone():
    for file in cpp_files("include"):
        for include in includes_of(file):
            # Standard headers have no dot and no folder; POSIX ones belong into the sources.
            assert re.fullmatch(r'"thinset/\w+\.hpp|<\w+', include), f"{file.name}: {include}"


_SIMD = CPP / "src" / "simd"
_KERNELS = ("pair_kernels", "rough_kernels", "row_kernels", "screen_kernels")
# Of these headers, kernels use types and constants alone.
_PLAIN = {"<cstddef", "<cstdint", '"thinset/element.hpp'}


def test_every_source_for_one_instruction_set_is_one_of_the_kernels():
    """Whatever else is compiled for AVX could end up in programs that run without it."""
    expected = {f"{name}_{set_}.cpp" for name in _KERNELS for set_ in ("plain", "avx2", "avx512")}
    others = {"instruction_set.cpp", "tile_kernels_amx.cpp"}
    assert {file.name for file in _SIMD.glob("*.cpp")} == others | expected
    assert {file.name for file in _SIMD.glob("*_impl.hpp")} == {f"{k}_impl.hpp" for k in _KERNELS}


@pytest.mark.parametrize("kernels", _KERNELS)
def test_kernels_include_nothing_with_inline_functions_of_its_own(kernels):
    allowed = {"<cstddef", "<cstdint", '"simd/lanes.hpp', f'"simd/{kernels}.hpp', "<immintrin.h"}
    assert set(includes_of(_SIMD / f"{kernels}_impl.hpp")) <= allowed
    header = _SIMD / f"{kernels}.hpp"
    assert set(includes_of(header)) <= _PLAIN
    assert not re.search(r"\binline\b(?! constexpr)", without_comments(header.read_text()))
    for file in _SIMD.glob(f"{kernels}_*.cpp"):
        assert includes_of(file) == [f'"simd/{kernels}_impl.hpp'], file.name


def test_kernels_of_tiles_include_nothing_with_inline_functions_of_its_own():
    header = _SIMD / "tile_kernels.hpp"
    assert set(includes_of(header)) <= _PLAIN
    assert not re.search(r"\binline\b(?! constexpr)", without_comments(header.read_text()))
    source = includes_of(_SIMD / "tile_kernels_amx.cpp")
    assert set(source) == {'"simd/tile_kernels.hpp', "<immintrin.h"}


def test_lanes_include_intrinsics_alone():
    allowed = {*_PLAIN, "<immintrin.h", "<arm_neon.h"}
    assert set(includes_of(_SIMD / "lanes.hpp")) <= allowed


def test_instruction_sets_are_chosen_in_one_place():
    for file in cpp_files("src"):
        text = without_comments(file.read_text())
        chooses = re.search(r"__builtin_cpu|kernels_(plain|avx|amx)", text)
        kernels = file.name.endswith(("_plain.cpp", "_avx2.cpp", "_avx512.cpp", "_amx.cpp"))
        assert not chooses or kernels or file.name == "instruction_set.cpp", file.name


_FILTER = (
    *("choice_files", "commands", "json_writer", "options", "signals", "standard_streams"),
    *("subset_files", "text"),
)
_BINDINGS = (
    *("arrays_read", "bindings", "choice_arguments", "held", "method_options", "numpy_view"),
    "python_monitor",
)


def _headers(*names):
    return rf'"({"|".join(names)})\.hpp'


@pytest.mark.parametrize(
    ("folder", "others"),
    [
        ("filter", _headers(*_FILTER)),
        ("bindings", rf"{_headers(*_BINDINGS)}|<pybind11/\w+\.h"),
        ("fuzz", r'"options\.hpp'),
    ],
)
def test_programs_stand_on_the_public_headers_alone(folder, others):
    allowed = rf'"thinset/\w+\.hpp|<\w+|<(sys/)?\w+\.h|{others}'
    for file in cpp_files(folder):
        for include in includes_of(file):
            assert re.fullmatch(allowed, include), f"{folder}/{file.name} includes {include}"


# From the bottom up: a folder includes from itself and from those before it.
_LAYERS = ("runtime", "simd", "rows", "files", "bounds", "methods", "certificates", "selection")


@pytest.mark.parametrize("layer", _LAYERS)
def test_folders_of_the_library_include_downwards(layer):
    below = "|".join(_LAYERS[: _LAYERS.index(layer) + 1])
    allowed = rf'"thinset/\w+\.hpp|<\w+|<(sys/)?\w+\.h|"({below})/\w+\.hpp'
    for file in cpp_files(f"src/{layer}"):
        for include in includes_of(file):
            assert re.fullmatch(allowed, include), f"{layer}/{file.name} includes {include}"


def test_every_source_of_the_library_lies_in_a_layer():
    layers = {file.parent.relative_to(CPP / "src").as_posix() for file in cpp_files("src")}
    assert layers == set(_LAYERS)


# ---- the project as a whole


def test_the_project_speaks_of_itself_alone():
    """No tracked file names a path of the machine that it was written on."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True)
    if listing.returncode != 0:
        pytest.skip("this is not a git checkout")
    foreign = re.compile(rb"(?<![\w.:/-])/(?:home|root|work|Users)/|\.\./shared")
    tracked = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    assert tracked
    for file in tracked:
        if file.is_file():
            found = foreign.search(file.read_bytes())
            assert found is None, f"{file.relative_to(ROOT)} holds {found[0]!r}"
