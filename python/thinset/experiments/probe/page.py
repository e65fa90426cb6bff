"""The page of a finished probe, from its folder; needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from thinset.experiments.run_folder import read_settings_object
from thinset.report import write_probe_report
from thinset.results.probe import FILE, Probe

if TYPE_CHECKING:
    import os


def is_probe(out: str | os.PathLike[str]) -> bool:
    """Whether the folder `out` holds a finished probe."""
    return (Path(out) / FILE).exists()


def write_page(out: str | os.PathLike[str]) -> Path:
    """Write the page of the probe in the folder `out`; returns its path.

    Raises FileNotFoundError if a part is missing, ValueError if one is damaged, and ImportError
    without the extra `report`.
    """
    path = Path(out)
    stored = read_settings_object(path / "settings.json")
    command, settings = stored["notes"].get("command", ""), stored.get("probe")
    if not isinstance(command, str) or not isinstance(settings, dict):
        raise ValueError(f"{path / 'settings.json'} is not the settings of a probe")
    return write_probe_report(Probe.load(path / FILE), command, settings, path / "report")
