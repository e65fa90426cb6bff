"""What the results of a run depend on, as plain values that a checkpoint is compared by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thinset.training.loop.protocol import as_description
from thinset.training.loop.settings import dataset_fingerprint, describe

if TYPE_CHECKING:
    from thinset.data.batches import ImageRows
    from thinset.training.learners.learner import Learner
    from thinset.training.loop.schedule import Schedule
    from thinset.training.loop.settings import LoopSettings


def run_identity(
    learner: Learner,
    schedule: Schedule,
    settings: LoopSettings,
    *,
    test_data: ImageRows | None,
    validation_data: ImageRows | None,
) -> dict[str, Any]:
    """Return every setting that decides the weights and scores of a run, by name."""
    identity = {
        **settings.identity(),
        "device": learner.device.type,
        "learner": f"{type(learner).__module__}.{type(learner).__qualname__}",
    }
    for name, value in as_description(learner, learner.describe()).items():
        identity[f"learner {name}"] = describe(value)
    for number, stage in enumerate(schedule.stages):
        phase = stage.phase
        identity[f"phase {number}"] = {
            "name": phase.name,
            "dataset": dataset_fingerprint(phase.dataset),
            "length": str(phase.length),
            "learning_rate": describe(phase.learning_rate),
            "order": describe(phase.order),
        }
    for name, data in (("test_data", test_data), ("validation_data", validation_data)):
        identity[name] = None if data is None else dataset_fingerprint(data)
    return identity


def first_phase_identity(identity: dict[str, Any], schedule: Schedule) -> dict[str, Any]:
    """Return what decides the first phase except its length; evaluations depend on the total."""
    phase = {name: value for name, value in identity["phase 0"].items() if name != "length"}
    settings = {name: value for name, value in identity.items() if not name.startswith("phase ")}
    return {**settings, "total steps": schedule.n_steps, "first phase": phase}
