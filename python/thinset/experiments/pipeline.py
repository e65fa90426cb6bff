"""The whole way: data, embeddings, selection, subset, training of every arm, report."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from thinset.experiments.comparisons import Comparisons, Prepared
from thinset.experiments.finished import store_shown
from thinset.experiments.pages import write_run_page
from thinset.experiments.prepare.preparation import (
    TrainAndTest,
    embedding_facts,
    embedding_seconds,
    prepare_data,
    prepare_embeddings,
    prepare_subset,
    reproductions,
)
from thinset.experiments.run_folder import RunFolder, identity_of
from thinset.experiments.trial import require_model
from thinset.training import Duration
from thinset.training.precision import resolve_device

if TYPE_CHECKING:
    import os

    from thinset.experiments.settings import RunSettings


def run_pipeline(
    source: str,
    out: str | os.PathLike[str],
    settings: RunSettings,
    *,
    device: str = "auto",
    image_size: tuple[int, int] | None = None,
    command: str = "",
    show_progress: bool = False,
) -> Path:
    """Do everything `settings` asks for on `source` and return the path of the report page.

    Every stage leaves its result in the folder `out`; the same call on the same folder resumes
    where the last one stopped, within a training too. `image_size` = (height, width) resizes the
    images. See RunFolder and `prepare_data` for what is refused.
    """
    # Settled before anything long: a mistake in a duration must not cost an encoder's training.
    for length in (settings.steps, settings.encoder.length, settings.time):
        if length is not None:
            Duration.parse(length)
    resolve_device(device)
    require_model(settings.training.model)
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
    train = prepared.data.train
    facts = embedding_facts(prepared.embeddings)
    shown = reproductions(folder, train, settings.encoder)
    store_shown(folder.path, facts, shown)
    return write_run_page(
        folder.path, train, prepared.embeddings, settings, command, facts=facts, shown=shown
    )


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
