"""The machine and the libraries that figures were measured with."""

from __future__ import annotations

import importlib.metadata
import os

from thinset import _core
from thinset.results.hardware import describe_hardware, describe_versions

_PEERS = (
    "apricot-select",
    "duckdb",
    "faiss-cpu",
    "fpsample",
    "h5py",
    "kmedoids",
    "numba",
    "pyarrow",
    "qc-selector",
    "rdkit",
    "scikit-learn",
    "scikit-learn-intelex",
    "scipy",
    "skmatter",
    "submodlib-py",
    "superkmeans",
)


def describe():
    """Hardware, instruction set and versions as plain JSON."""
    versions = describe_versions() | {name: _version(name) for name in _PEERS}
    return {
        "hardware": describe_hardware() | {"instruction_set": _core.instruction_set()},
        "versions": versions,
        "niceness": os.nice(0),
    }


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
