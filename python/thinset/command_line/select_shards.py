"""thinset select --engine: the same command over shards, by several workers."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thinset.command_line.arguments import parse_count
from thinset.command_line.columns import read_column, writes_rows
from thinset.command_line.usage import UsageError
from thinset.data import export_subset
from thinset.distributed import estimate, files_of, select, write_table
from thinset.distributed.engines import engine_of
from thinset.files.atomic import require_file_target
from thinset.files.overlap import require_apart

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thinset.command_line.select import Command

# Options of the command that apply to shards as well.
_APPLY = {
    *("embeddings", "n_samples", "out", "column", "method", "metric", "ids", "seed", "threads"),
    *("mode", "refill", "drop_constant", "n_iterations", "seeding", "kernel", "dry_run"),
    *("engine", "workers", "rounds", "coreset_size", "folder", "table"),
}


def require_applicable(command: Command) -> None:
    """Raise UsageError for options that need all rows on one machine."""
    others = [
        f"--{field.name.replace('_', '-')}"
        for field in dataclasses.fields(command)
        if field.name not in _APPLY and getattr(command, field.name) != field.default
    ]
    if others:
        them = "it" if len(others) == 1 else "them"
        raise UsageError(f"--engine does not take {', '.join(others)}; leave {them} out")
    if command.n_samples is None:
        raise UsageError("--engine needs --n-samples K")


def estimate_shards(command: Command, options: Mapping[str, Any]) -> None:
    """Print what the selection would take, measured on a sample of the rows."""
    assert command.n_samples is not None
    _require_table(command, [Path(file) for file in files_of(_shards(command))])
    predicted = estimate(
        _shards(command),
        parse_count(command.n_samples),
        command.method,
        n_workers=1 if command.workers is None else command.workers,
        rounds=command.rounds,
        coreset_size=command.coreset_size,
        metric=command.metric,
        random_state=command.seed,
        n_threads=command.threads or 1,
        column=command.column,
        **options,
    )
    print(predicted.describe())


def select_shards(command: Command, options: Mapping[str, Any]) -> None:
    """Select, and write the selection; under torchrun, rank 0 writes."""
    files = [Path(file) for file in files_of(_shards(command))]
    _require_table(command, files)
    ids, id_column = _ids(command, files)
    with contextlib.ExitStack() as stack:
        engine, _ = engine_of(command.engine or "local", command.workers)
        stack.enter_context(engine)
        assert command.n_samples is not None
        assert command.out is not None
        selection = select(
            files,
            parse_count(command.n_samples),
            command.method,
            engine=engine,
            rounds=command.rounds,
            coreset_size=command.coreset_size,
            metric=command.metric,
            random_state=command.seed,
            n_threads=command.threads,
            column=command.column,
            ids=ids,
            id_column=id_column,
            folder=command.folder,
            progress=engine.is_first,
            **options,
        )
        if not engine.is_first:
            return
        if writes_rows(command.out):
            export_subset(
                selection, files, command.out, by="rows", overwrite=True, show_progress=True
            )
        else:
            selection.save(command.out)
        if command.table is not None:
            write_table(selection, command.table)
        known = {**selection.objective.known, **selection.certificates.known}
        for name, value in known.items():
            print(f"{name}: {value:.6g}")
        traffic = engine.traffic
        exchanged = traffic.bytes_sent + traffic.bytes_received
        print(
            f"{traffic.rounds:,} rounds, {exchanged:,} bytes, {engine.n_parts} workers"
            if traffic.rounds
            else f"the selection was complete in {command.folder}"
        )
        print(f"{selection!r}: {command.out}")


def _shards(command: Command) -> list[str]:
    return [os.fspath(path) for path in command.embeddings]


def _require_table(command: Command, files: list[Path]) -> None:
    """Refuse a --table that cannot be written, before the work."""
    if command.table is None:
        return
    require_file_target(command.table)
    require_apart(command.table, files)
    if not writes_rows(command.table):
        raise UsageError(f"--table must end in .parquet, got {command.table}")
    if command.out is not None and command.table.resolve() == command.out.resolve():
        raise UsageError(f"--table and -o must be two files, got {command.out} for both")


def _ids(command: Command, files: list[Path]) -> tuple[Any, str | None]:
    """The ids of all rows, or the name of their column in parquet files."""
    if command.ids is None:
        return None, None
    text = os.fspath(command.ids)
    if text.startswith(":") and all(map(writes_rows, files)):
        return None, text[1:]
    return read_column(command.ids, files), None
