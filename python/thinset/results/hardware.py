"""The machine and the software that figures were measured with."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from typing import Any

from thinset import _core

_PACKAGES = ("thinset", "numpy", "torch")


def describe_hardware() -> dict[str, Any]:
    """Return CPU model, usable cores, memory in GiB, GPUs and operating system as plain JSON.

    GPUs are listed only if torch is already imported, because importing it is slow. Nothing that
    identifies the machine or its user is included.
    """
    return {
        "cpu": _cpu_model(),
        "cores": _core.available_processors(),
        "memory_gib": _memory_gib(),
        "gpus": _gpus(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
    }


def describe_versions() -> dict[str, str]:
    """Return the versions of Python and of the installed packages that decide the results."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions


def _cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float:
    bytes_in_all = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return round(bytes_in_all / 2**30, 1)


def _gpus() -> list[str]:
    torch: Any = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
