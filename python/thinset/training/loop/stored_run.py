"""The state of an interrupted run in one checkpoint file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from thinset.training.loop.checkpoint import prefixed, read_tensors, unprefixed, write_tensors
from thinset.training.loop.history import History

if TYPE_CHECKING:
    from pathlib import Path

    import torch

VERSION = 2
_VERSION = "run_version"


@dataclass
class Place:
    """Where in the schedule a run is."""

    stage: int = 0
    steps: int = 0  # done in this stage
    began: float = 0.0  # elapsed seconds from which the stage's time counts
    n_evaluations: int = 0
    n_unreported: int = 0  # steps since the last evaluation


@dataclass
class StoredRun:
    """Everything that a run needs to resume exactly.

    identity: see `run_identity`. batches: the state of DeviceBatches. layer_generator: that of the
    global generator which layers draw from. learner: what the learner's `tensors` gave. best: the
    best weights so far; empty where none are kept.
    """

    identity: dict[str, Any]
    seconds_already_spent: float
    place: Place
    history: History
    batches: dict[str, Any]
    layer_generator: torch.Tensor
    learner: dict[str, torch.Tensor]
    best: dict[str, torch.Tensor]

    def write(self, path: Path) -> None:
        """Write the file at once: killed at any moment, it is the previous one or the new one."""
        batches = dict(self.batches)
        tensors = {
            "order_generator": batches.pop("generator_state"),
            "layer_generator": self.layer_generator,
            **prefixed("passes", batches.pop("passes")),
            **prefixed("learner", self.learner),
            **prefixed("best", self.best),
        }
        content = {
            _VERSION: VERSION,
            "settings": self.identity,
            "seconds_already_spent": self.seconds_already_spent,
            "place": dataclasses.asdict(self.place),
            "history": self.history.to_dict(),
            "batches": batches,
        }
        write_tensors(path, tensors, content)

    @classmethod
    def read(cls, path: Path) -> StoredRun:
        """Read what `write` wrote.

        Raises OSError if the file cannot be read, and ValueError, naming it, if it is
        damaged, holds something else, or was written by another version of thinset.
        """
        tensors, content = read_tensors(path)
        version = content.get(_VERSION)
        if version != VERSION:
            found = "version 1 or another kind of file" if version is None else f"version {version}"
            raise ValueError(
                f"{path} must be the checkpoint of a run, version {VERSION}, got {found}; choose "
                "another path, or delete it to train from the beginning"
            )
        try:
            return cls(
                identity=dict(content["settings"]),
                seconds_already_spent=float(content["seconds_already_spent"]),
                place=Place(**content["place"]),
                history=History.from_dict(content["history"]),
                batches={
                    **content["batches"],
                    "generator_state": tensors["order_generator"],
                    "passes": unprefixed("passes", tensors),
                },
                layer_generator=tensors["layer_generator"],
                learner=unprefixed("learner", tensors),
                best=unprefixed("best", tensors),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is damaged: no state of a run: {error}") from error
