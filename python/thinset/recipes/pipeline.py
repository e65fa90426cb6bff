"""The whole way: data, embeddings, selection, subset, training of every arm, report."""

from __future__ import annotations

import dataclasses
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thinset.recipes.arms import ArmRun, train_arm
from thinset.recipes.preparation import (
    Subset,
    TrainAndTest,
    prepare_data,
    prepare_embeddings,
    prepare_subset,
)
from thinset.recipes.report_page import write_run_report
from thinset.recipes.run_folder import RunFolder, read_settings
from thinset.recipes.schema import RunSettings, from_table
from thinset.report.records import RunRecord
from thinset.training import Duration

if TYPE_CHECKING:
    import os

    import numpy as np

    from thinset.recipes.schema import SelectionSettings


@dataclass(frozen=True)
class Prepared:
    """What every run of a pipeline starts from."""

    data: TrainAndTest
    embeddings: np.ndarray[Any, Any]
    selected: Subset
    preparation_seconds: dict[str, float]


def run_pipeline(
    source: str,
    out: str | os.PathLike[str],
    settings: RunSettings,
    *,
    device: str = "auto",
    command: str = "",
    show_progress: bool = False,
) -> Path:
    """Do everything `settings` asks for on `source` and return the path of the report page.

    Every stage leaves its result in the folder `out`; the same call on the same folder goes on
    where the last one stopped, in mid-training too. See RunFolder for what is refused.
    """
    # Settled before anything long: a mistake in a duration must not cost an encoder's training.
    for length in (settings.steps, settings.encoder.length, settings.time):
        if length is not None:
            Duration.parse(length)
    folder = RunFolder(
        Path(out),
        {"source": source, "device": device, "command": command, "settings": asdict(settings)},
    )
    data = prepare_data(source, folder, settings, show_progress=show_progress)
    settings = settings.resolved_for(data.train.image_shape)
    prepared = _prepare(data, folder, settings, device=device, show_progress=show_progress)
    for seed in settings.seeds:
        _run_seed(
            seed, prepared, folder, settings, device=device, command=command,
            show_progress=show_progress,
        )  # fmt: skip
    return write_run_report(folder, prepared.data.train, prepared.embeddings, settings, command)


def rewrite_report(out: str | os.PathLike[str]) -> Path:
    """Write the report page of the run in the folder `out` again; returns its path.

    Raises FileNotFoundError where a part of the run is missing, ValueError where one is damaged.
    """
    stored = read_settings(Path(out))
    settings = from_table(RunSettings, stored["settings"], "settings.json")
    folder = RunFolder(Path(out), stored)
    data = prepare_data(stored["source"], folder, settings, show_progress=False)
    settings = settings.resolved_for(data.train.image_shape)
    if not folder.records.exists():
        raise FileNotFoundError(f"{out} holds no finished training; run it first")
    embeddings = prepare_embeddings(
        data.train, folder, settings.encoder, seed=settings.seeds[0], device="auto",
        show_progress=False,
    )  # fmt: skip
    return write_run_report(folder, data.train, embeddings, settings, stored["command"])


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
        seed=settings.seeds[0],
        device=device,
        show_progress=show_progress,
    )
    selected = prepare_subset(
        "selected", data.train, embeddings, folder, settings.selection, seed=settings.seeds[0]
    )
    seconds = folder.stage_seconds
    embedding_stages = ("encoder training", "encoding", "principal components")
    preparation = {stage: seconds[stage] for stage in embedding_stages if stage in seconds}
    return Prepared(data, embeddings, selected, {**preparation, **selected.seconds})


def _run_seed(
    seed: int,
    prepared: Prepared,
    folder: RunFolder,
    settings: RunSettings,
    *,
    device: str,
    command: str,
    show_progress: bool,
) -> None:
    """All arms at equal steps, then all at equal wall-clock time."""

    def train(run: ArmRun) -> RunRecord:
        path = folder.record(run.name)
        if path.exists():
            return RunRecord.load(path)
        checkpoint = folder.checkpoint(run.name)
        _, record = train_arm(
            run,
            prepared.data,
            settings,
            device=device,
            command=command,
            checkpoint_path=checkpoint,
            show_progress=show_progress,
        )
        record.save(path)
        checkpoint.unlink(missing_ok=True)
        return record

    chance = dataclasses.replace(
        settings.selection, method="random", n_samples=len(prepared.selected.selection)
    )
    random_subset = _random_subset(seed, prepared, folder, chance)
    selected = ArmRun(
        "selected",
        "steps",
        settings.selection.method,
        seed,
        settings.steps,
        prepared.selected.data,
        prepared.preparation_seconds,
    )
    chosen_by_chance = dataclasses.replace(
        selected,
        arm="random",
        method="random",
        subset=random_subset.data,
        preparation_seconds=random_subset.seconds,
    )
    full = dataclasses.replace(
        selected, arm="full", method="full", subset=None, preparation_seconds={}
    )
    at_equal_steps = train(selected)
    train(chosen_by_chance)
    train(full)

    budget = settings.time
    if budget is None:
        # The selected arm's run is in both comparisons: the others get the time that it took.
        budget = f"{at_equal_steps.total_seconds:.3f}s"
        same_run = dataclasses.replace(at_equal_steps, comparison="time", total=budget)
        same_run.save(folder.record(dataclasses.replace(selected, comparison="time").name))
    else:
        train(dataclasses.replace(selected, comparison="time", total=budget))
    for run in (chosen_by_chance, full):
        train(dataclasses.replace(run, comparison="time", total=budget))


def _random_subset(
    seed: int, prepared: Prepared, folder: RunFolder, chance: SelectionSettings
) -> Subset:
    # Drawn anew for every seed, so that the spread between seeds includes that of the draw.
    name = f"random-seed{seed}"
    return prepare_subset(name, prepared.data.train, prepared.embeddings, folder, chance, seed=seed)
