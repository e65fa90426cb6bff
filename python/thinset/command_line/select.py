"""thinset select."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset._core import open_npy
from thinset.command_line.arguments import parse_count, require_files
from thinset.command_line.columns import (
    column_files,
    read_column,
    read_numbers,
    read_rows,
    require_rows_of,
    vectors_in,
    writes_rows,
)
from thinset.command_line.option_names import named_as_options, options_of
from thinset.command_line.select_options import SelectOptions
from thinset.command_line.usage import UsageError
from thinset.data import export_subset, open_dataset
from thinset.files.atomic import require_file_target
from thinset.files.overlap import require_apart
from thinset.files.uris import local_path
from thinset.selection import Selection, estimate, estimate_figures, methods, select
from thinset.selection.choice import NAMES as CHOICE
from thinset.selection.methods import default_options

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_FILES = (
    "labels", "initial_subset", "exclude", "among", "existing", "scores", "groups", "costs", "ids",
)  # fmt: skip
_OF_SHARDS = ("workers", "rounds", "coreset_size", "folder", "table")
_METHOD_OPTIONS = (
    "mode", "refill", "drop_constant", "stratified", "n_iterations", "seeding", "max_swaps",
    "kernel", "bandwidth",
)  # fmt: skip
# Terms of the choice that not every method takes.
_METHODS_WITH = {
    "cover": ("facility_location", "kmeans"),
    "existing": ("max_sum", "max_min", "facility_location"),
    "min_distance": ("max_min",),
}
_READERS: dict[str, Callable[[Path, Sequence[Path]], Any]] = {
    "exclude": read_rows,
    "among": read_rows,
    "scores": read_numbers,
    "costs": read_numbers,
}


@dataclass(frozen=True)
class Command(SelectOptions):
    """Choose rows of an array of embeddings and save them as a selection (.npz).

    A FILE with one entry per row may be FILE.parquet:NAME, a column, or :NAME, a column of the
    parquet files EMBEDDINGS.
    """

    def run(self) -> None:
        renamed = {"random_state": "seed", "n_threads": "threads"}
        with named_as_options(options_of(self, "embeddings") | renamed):
            self._run()

    def _run(self) -> None:
        require_files(self.embeddings, "EMBEDDINGS")
        self._require_applicable()
        if self.out is not None:
            self._require_writable(self.out)
        options = self._method_options()
        if self.engine is not None:
            from thinset.command_line.select_shards import estimate_shards, select_shards

            (estimate_shards if self.dry_run else select_shards)(self, options)
            return
        options |= {
            "labels": None if self.labels is None else _labels(self.labels, self.embeddings),
            "per_class": self.per_class,
            "metric": self.metric,
            "n_threads": self.threads,
            "column": self.column,
        }
        n_samples = None if self.n_samples is None else parse_count(self.n_samples)
        if n_samples is None and self.budget is None and self.min_distance is None:
            raise UsageError("select needs --n-samples K, --budget B or --min-distance D")
        # A single file is not a list of shards, so messages need no shard number.
        embeddings: object = self.embeddings[0] if len(self.embeddings) == 1 else self.embeddings
        if self.out is None or self.dry_run:
            self._estimate(embeddings, n_samples, options)
        else:
            self._select(embeddings, n_samples, self.out, options)

    def _require_applicable(self) -> None:
        """Raise UsageError or ValueError for options that do not go together."""
        if self.engine is not None:
            from thinset.command_line.select_shards import require_applicable

            require_applicable(self)
        elif any(self._gives(name) for name in _OF_SHARDS):
            raise UsageError(
                "--workers, --rounds, --coreset-size, --folder and --table need --engine"
            )
        else:
            _require_no_pattern(self.embeddings)
        if self.out is None and not self.dry_run:
            raise UsageError("select needs -o FILE, or --dry-run")
        self._require_method_takes_options()
        if self.labels is not None and self.per_class is None and not self.stratified:
            raise UsageError("--labels needs --per-class, or --stratified with the method random")

    def _require_method_takes_options(self) -> None:
        """Raise UsageError for an option of other methods."""
        given = [*self._method_options(), *(name for name in _METHODS_WITH if self._gives(name))]
        for name in given:
            takers = _METHODS_WITH.get(name) or [
                method for method in methods() if name in default_options(method)
            ]
            if self.method not in takers:
                *others, last = takers
                names = f"methods {', '.join(others)} and {last}" if others else f"method {last}"
                raise UsageError(
                    f"--{name.replace('_', '-')} applies only to the {names}; "
                    f"this one is {self.method}"
                )

    def _require_writable(self, out: Path) -> None:
        """Refuse an output before the work, which may take minutes."""
        require_file_target(out)
        given = [getattr(self, name) for name in _FILES]
        files = [column_files(path, self.embeddings) for path in given if path is not None]
        require_apart(out, self.embeddings, *files)
        if not writes_rows(out) and out.suffix.lower() != ".npz":
            raise UsageError(f"--out must end in .npz or .parquet, got {out}")
        require_rows_of(self.embeddings, out)

    def _method_options(self) -> dict[str, Any]:
        """Those that differ from their defaults: others may belong to another method."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name in _METHOD_OPTIONS and getattr(self, field.name) != field.default
        }

    def _estimate(
        self, embeddings: object, n_samples: float | None, options: dict[str, Any]
    ) -> None:
        if n_samples is None:
            raise UsageError("--dry-run needs --n-samples K, which the cost depends on")
        print(estimate(embeddings, n_samples, self.method, **options).describe())
        not_counted = [
            name
            for name in ("initial_subset", *CHOICE, "dedup_distance", "ids")
            if self._gives(name)
        ]
        if not_counted:
            words = ", ".join(f"--{name.replace('_', '-')}" for name in not_counted)
            print(f"not counted: {words}")
        if self.objective or self.certificates:
            predicted = estimate_figures(
                embeddings,
                n_samples,
                metric=self.metric,
                n_threads=self.threads,
                column=self.column,
                method=self.method,
            )
            print(predicted.describe())

    def _select(
        self, embeddings: object, n_samples: float | None, out: Path, options: dict[str, Any]
    ) -> None:
        selection = select(
            embeddings,
            n_samples,
            self.method,
            random_state=self.seed,
            initial_subset=None
            if self.initial_subset is None
            else read_rows(self.initial_subset, self.embeddings),
            ids=None if self.ids is None else read_column(self.ids, self.embeddings),
            **self._terms(),
            dedup_distance=self.dedup_distance,
            max_memory=self.max_memory,
            progress=True,
            **options,
        )
        writes_columns = writes_rows(out)
        if writes_columns:
            export_subset(
                selection, self.embeddings, out, by="rows", overwrite=True, show_progress=True
            )
        else:
            # The figures may take much longer than the selection: save the selection first.
            selection.save(out)
        figures = self._compute_figures(selection, embeddings)
        if figures and not writes_columns:
            selection.save(out)
        for name, value in figures.items():
            print(f"{name}: {value:.6g}")
        print(f"{selection!r}: {out}")

    def _gives(self, name: str) -> bool:
        value = getattr(self, name)
        return value is not None and value is not False

    def _terms(self) -> dict[str, Any]:
        """What restricts and weighs the choice, with its files opened."""
        given = {name: getattr(self, name) for name in CHOICE if getattr(self, name) is not None}
        terms = {
            name: (
                _READERS.get(name, read_column)(value, self.embeddings)
                if isinstance(value, Path) and name != "existing"
                else value
            )
            for name, value in given.items()
        }
        if self.existing is not None:
            files, column = vectors_in(self.existing, self.embeddings)
            terms |= {"existing": files[0] if len(files) == 1 else files, "existing_column": column}
        return terms

    def _compute_figures(self, selection: Selection, embeddings: object) -> dict[str, float]:
        figures: dict[str, float] = {}
        if len(selection) == 0:
            return figures
        for wanted, compute in (
            (self.objective, selection.objective_from),
            (self.certificates, selection.certificates_from),
        ):
            if wanted:
                figures |= compute(embeddings, n_threads=self.threads, progress=True)
        return figures


def _require_no_pattern(files: Sequence[Path]) -> None:
    """Raise UsageError for a pattern that the shell did not expand, ValueError for a URI."""
    for file in files:
        local_path(file)
        if set("*?[") & set(str(file)) and not file.exists():
            raise UsageError(
                f"no file is named '{file}'; leave a pattern to the shell, without quotes, or add "
                "--engine local"
            )


def _labels(path: Path, embeddings: Sequence[Path]) -> np.ndarray[Any, Any]:
    if not path.is_dir():
        is_column = column_files(path, embeddings) != [path]
        return read_column(path, embeddings) if is_column else open_npy(os.fsencode(path))
    labels = open_dataset(path).labels
    if labels is None:
        raise ValueError(f"the dataset {path} has no labels")
    return labels
