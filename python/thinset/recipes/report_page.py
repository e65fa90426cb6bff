"""From the folder of a run to its report page."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from thinset.embeddings import CenterCrop, load_autoencoder
from thinset.recipes.preparation import embedding_facts
from thinset.report import ReportInputs, Reproductions, load_records, write_report
from thinset.selection import Selection

if TYPE_CHECKING:
    from pathlib import Path

    from thinset.data import Dataset
    from thinset.recipes.run_folder import RunFolder
    from thinset.recipes.schema import RunSettings

_N_REPRODUCTIONS = 6  # as in the paper's Figure 4


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
        reproductions=_reproductions(folder, data, settings),
        embedding_facts=embedding_facts(embeddings),
        stage_seconds=folder.stage_seconds,
        records=load_records(folder.records),
        settings=asdict(settings),
        command=command,
    )
    return write_report(inputs, folder.report, overwrite=True)


def _reproductions(folder: RunFolder, data: Dataset, settings: RunSettings) -> Reproductions | None:
    if settings.encoder.kind != "autoencoder":
        return None
    model = load_autoencoder(folder.encoder)
    rows = np.random.default_rng(0).choice(
        len(data), min(_N_REPRODUCTIONS, len(data)), replace=False
    )
    images = torch.from_numpy(np.array(data.images[rows])).permute(0, 3, 1, 2)
    assert not isinstance(settings.encoder.crop, str)
    inputs = CenterCrop(settings.encoder.crop)(images)
    with torch.inference_mode():
        embeddings = model.encode(inputs)
        outputs = model(inputs)

    def as_images(batch: torch.Tensor) -> np.ndarray[Any, Any]:
        return batch.clamp(0, 1).permute(0, 2, 3, 1).numpy()

    channels = embeddings.permute(0, 2, 3, 1).numpy() if embeddings.ndim == 4 else embeddings
    return Reproductions(as_images(inputs), np.asarray(channels), as_images(outputs))
