"""Writing the figures of a training while it runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thinset.files.atomic import atomic_file, naming
from thinset.files.regular import read_text

if TYPE_CHECKING:
    import os

Log = Callable[[dict[str, float], int], None]
"""`log(values, step)`: figures by name, after so many steps; `wandb.log` and
`mlflow.log_metrics` are such functions."""


class JsonLines:
    """Appends a line of JSON to a file: the step, and the figures by name.

    A training that resumes from a checkpoint repeats some steps: their lines are replaced.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._is_begun = False

    def __call__(self, values: dict[str, float], step: int) -> None:
        if not self._is_begun:
            self._drop_from(step)
            self._is_begun = True
        with naming(self._path), self._path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"step": step, **values}) + "\n")

    def _drop_from(self, step: int) -> None:
        """Keep the lines before `step`; a line that a crash cut off is dropped as well."""
        kept = [json.dumps(point) + "\n" for point in read_log(self._path) if point["step"] < step]
        with atomic_file(self._path) as file:
            file.write_text("".join(kept), encoding="utf-8")


def read_log(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The figures of each line that JsonLines wrote, with "step"; none if there is no file.

    Lines that a crash cut off, and any others without a step, are left out.
    """
    if not Path(path).exists():
        return []
    points = []
    for line in read_text(path).splitlines():
        try:
            point = json.loads(line)
        except ValueError:
            continue
        if isinstance(point, dict) and all(map(_is_number, (point.get("step"), *point.values()))):
            points.append(point)
    return points


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
