"""From the folder of a run to its report page."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from thinset.recipes.preparation import embedding_facts, reproductions
from thinset.report import ReportInputs, load_records, write_report
from thinset.selection import Selection

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from thinset.data import Dataset
    from thinset.recipes.run_folder import RunFolder
    from thinset.recipes.schema import RunSettings


def write_run_report(
    folder: RunFolder,
    data: Dataset,
    embeddings: np.ndarray[Any, Any],
    settings: RunSettings,
    command: str,
) -> Path:
    """Write report/index.html, with its plots and records beside it; returns its path."""
    random_name = f"random-seed{settings.seeds[0]}"
    inputs = ReportInputs(
        title=f"thinset on {data.name}",
        dataset_name=data.name,
        images=data.images,
        labels=data.labels,
        class_names=data.class_names,
        selected_indices=Selection.load(folder.selection("selected")).indices,
        random_indices=Selection.load(folder.selection(random_name)).indices,
        embeddings=embeddings,
        reproductions=reproductions(folder, data, settings.encoder),
        embedding_facts=embedding_facts(embeddings),
        stage_seconds=folder.stage_seconds,
        records=load_records(folder.records),
        settings=asdict(settings),
        command=command,
    )
    return write_report(inputs, folder.report, overwrite=True)
