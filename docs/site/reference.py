"""The reference of the Python package: a page for each public module, made from its docstrings."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

PACKAGE = Path(__file__).parents[2] / "python"

MODULES = (
    "thinset",
    "thinset.selection",
    "thinset.distributed",
    "thinset.data",
    "thinset.data.sources",
    "thinset.data.variants",
    "thinset.embeddings",
    "thinset.training",
    "thinset.transforms",
    "thinset.transforms.images",
    "thinset.transforms.training",
    "thinset.losses",
    "thinset.models",
    "thinset.models.generators",
    "thinset.metrics",
    "thinset.augmentation.train",
    "thinset.augmentation.generate",
    "thinset.augmentation.generators.cdcgan",
    "thinset.augmentation.generators.cdcvae",
    "thinset.augmentation.generators.flow",
    "thinset.augmentation.generators.sngan",
    "thinset.distillation.distill",
    "thinset.distillation.methods.dd",
    "thinset.distillation.methods.dm",
    "thinset.distillation.methods.gm",
    "thinset.experiments.where",
    "thinset.experiments.probe.probing",
    "thinset.experiments.probe.settings",
    "thinset.results",
    "thinset.report",
    "thinset.report.explorer",
    "thinset.report.plots",
    "thinset.integrations.sklearn",
    "thinset.integrations.datasets",
    "thinset.integrations.lightning",
    "thinset.integrations.transformers",
    "thinset.integrations.tensorboard",
    "thinset.integrations.mlflow",
    "thinset.integrations.wandb",
    "thinset.command_line",
)
"""The public modules. A module belongs here if it has `__all__` or the documentation imports it."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages into the navigation."""
    reference = next(entry["Reference"] for entry in config.nav if "Reference" in entry)
    section = next(entry["Python"] for entry in reference if "Python" in entry)
    section += ["reference/index.md"]
    section += [{_short(module): _path(module)} for module in MODULES]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each module, and their list."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, "reference/index.md", content=_index()))
    for module in MODULES:
        files.append(File.generated(config, _path(module), content=page(module)))
    return files


def page(module: str) -> str:
    """The Markdown of a module's page: what it is for, then each public name."""
    about = "\n".join(
        [
            f"# {module}",
            f"::: {module}",
            "    options:",
            "      members: false",
            "      show_root_heading: false",
            "      show_root_toc_entry: false",
            "      show_docstring_description: true",
        ]
    )
    return "\n\n".join([about, *(_entry(module, name) for name in _ordered(module))]) + "\n"


def public_names(module: str) -> list[str]:
    """The names in `__all__`, or those of the functions and classes that the module defines.

    They are read from the source: the libraries that modules stand on need not be installed.
    """
    tree = ast.parse(_source(module).read_text(encoding="utf-8"))
    defined = []
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            return ast.literal_eval(statement.value)
        if isinstance(statement, ast.ClassDef | ast.FunctionDef) and statement.name[0] != "_":
            defined.append(statement.name)
    return defined


def _ordered(module: str) -> list[str]:
    """Functions first, then classes, constants, and warnings and errors."""

    def place(name: str) -> int:
        if name.endswith(("Warning", "Error")):
            return 3
        if name.isupper() or name.startswith("_"):
            return 2
        return 0 if name.islower() else 1

    return sorted(public_names(module), key=place)


def _short(module: str) -> str:
    """The name in the navigation, which is narrow."""
    name = module.removeprefix("thinset.")
    return name if len(name) < 26 else name.partition(".")[2]


def _entry(module: str, name: str) -> str:
    if f"{module}.{name}" in MODULES:  # a submodule
        return f"## {name}\n\nThe module [{module}.{name}]({module}.{name}.md)."
    if not _is_hidden(module, name):
        return f"::: {module}.{name}"
    # The anchor is for links to the public name.
    return f"[](){{#{module}.{name}}}\n\n::: {_defined(module, name)}"


def _is_hidden(module: str, name: str) -> bool:
    """Whether `module`, or one that it takes the name from, has a submodule of that name."""
    if _source(f"{module}.{name}").exists():
        return True
    origin = _imported_from(module).get(name)
    return origin is not None and _is_hidden(origin, name)


def _defined(module: str, name: str) -> str:
    origin = _imported_from(module).get(name)
    return f"{module}.{name}" if origin is None else _defined(origin, name)


def _imported_from(module: str) -> dict[str, str]:
    """The modules of the package that `module` takes names from, by name."""
    tree = ast.parse(_source(module).read_text(encoding="utf-8"))
    return {
        alias.name: statement.module
        for statement in ast.walk(tree)
        if isinstance(statement, ast.ImportFrom) and statement.module
        for alias in statement.names
        if statement.module.startswith("thinset.") and not statement.module.endswith("._core")
    }


def _index() -> str:
    rows = [f"| [{module}]({module}.md) | {_summary(module)} |" for module in MODULES]
    head = "# Python reference\n\nOne page for each public module.\n\n| module | |\n|---|---|\n"
    return head + "\n".join(rows) + "\n"


def _summary(module: str) -> str:
    docstring = ast.get_docstring(ast.parse(_source(module).read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n\n")[0].replace("\n", " ")


def _source(module: str) -> Path:
    path = PACKAGE.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _path(module: str) -> str:
    return f"reference/{module}.md"
