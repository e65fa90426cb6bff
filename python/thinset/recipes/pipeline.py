"""The whole way: data, embeddings, selection, subset, training of every arm, report."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from thinset.recipes.comparisons import Comparisons, Prepared
from thinset.recipes.preparation import (
    TrainAndTest,
    embedding_seconds,
    prepare_data,
    prepare_embeddings,
    prepare_subset,
)
from thinset.recipes.report_page import write_run_report
from thinset.recipes.run_folder import RunFolder, identity_of, image_size_of, read_settings
from thinset.recipes.schema import RunSettings, from_table
from thinset.training import Duration

if TYPE_CHECKING:
    import os


def run_pipeline(
    source: str,
    out: str | os.PathLike[str],
    settings: RunSettings,
    *,
    device: str = "auto",
    command: str = "",
    image_size: tuple[int, int] | None = None,
    show_progress: bool = False,
) -> Path:
    """Do everything `settings` asks for on `source` and return the path of the report page.

    Every stage leaves its result in the folder `out`; the same call on the same folder goes on
    where the last one stopped, in mid-training too. `image_size` = (height, width) resizes the
    images. See RunFolder and `prepare_data` for what is refused.
    """
    # Settled before anything long: a mistake in a duration must not cost an encoder's training.
    for length in (settings.steps, settings.encoder.length, settings.time):
        if length is not None:
            Duration.parse(length)
    folder = RunFolder(
        Path(out),
        {**identity_of(source, device, image_size), "settings": asdict(settings)},
        notes={"command": command},
    )
    data = prepare_data(
        source,
        folder,
        hold_out_share=settings.hold_out,
        image_size=image_size,
        show_progress=show_progress,
    )
    settings = settings.resolved_for(data.train.image_shape)
    prepared = _prepare(data, folder, settings, device=device, show_progress=show_progress)
    comparisons = Comparisons(
        prepared, folder, settings, device=device, command=command, show_progress=show_progress
    )
    comparisons.train_at_equal_steps()
    comparisons.train_at_equal_time()
    return write_run_report(folder, prepared.data.train, prepared.embeddings, settings, command)


def rewrite_report(out: str | os.PathLike[str]) -> Path:
    """Write the report page of the run in the folder `out` again; returns its path.

    Raises FileNotFoundError where a part of the run is missing, ValueError where one is damaged.
    """
    stored, notes = read_settings(Path(out))
    settings = from_table(RunSettings, stored["settings"], "settings.json")
    folder = RunFolder(Path(out), stored, notes=notes)
    data = prepare_data(
        stored["source"],
        folder,
        hold_out_share=settings.hold_out,
        image_size=image_size_of(stored),
        show_progress=False,
    )
    settings = settings.resolved_for(data.train.image_shape)
    if not folder.records.exists():
        raise FileNotFoundError(f"{out} holds no finished training; run it first")
    embeddings = prepare_embeddings(
        data.train, folder, settings.encoder, device="auto", show_progress=False
    )
    return write_run_report(folder, data.train, embeddings, settings, notes["command"])


def _prepare(
    data: TrainAndTest,
    folder: RunFolder,
    settings: RunSettings,
    *,
    device: str,
    show_progress: bool,
) -> Prepared:
    embeddings = prepare_embeddings(
        data.train,
        folder,
        settings.encoder,
        device=device,
        show_progress=show_progress,
    )
    selected = prepare_subset(
        "selected", data.train, embeddings, folder, settings.selection, seed=settings.seeds[0]
    )
    preparation = {**embedding_seconds(folder), **selected.seconds}
    return Prepared(data, embeddings, selected, preparation)
