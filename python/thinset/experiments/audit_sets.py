"""The sets of an audit, and the networks that train on them."""

from __future__ import annotations

import copy
import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data.soft_labels import class_numbers
from thinset.distillation.distilled_for import DistilledFor, prepared_for_replay
from thinset.distillation.evaluation import predictions, train_teacher
from thinset.distillation.initial_weights import ROLE
from thinset.distillation.networks import NetworkKind, statistics_of
from thinset.distillation.small_set import SmallSet
from thinset.experiments.prepare.baselines import (
    NAMES,
    NEEDS_EMBEDDINGS,
    OF_REAL_IMAGES,
    Baseline,
    baseline_set,
    counts_of,
    grown,
    require_enough,
)
from thinset.experiments.prepare.data import prepare_parts
from thinset.experiments.prepare.embeddings import prepare_embeddings
from thinset.files.json import read_json, write_json_with_digest
from thinset.models.batch_statistics import layer_with_batch_statistics
from thinset.results.audit import EQUAL_BYTES, THE_SET, Labels, SetBytes, Teacher, Way
from thinset.training import generator_for, load_weights, save_weights

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import nn

    from thinset.data import Dataset
    from thinset.experiments.audit_settings import AuditSettings
    from thinset.experiments.prepare.data import Splits
    from thinset.experiments.run_folder import RunFolder
    from thinset.experiments.where import Where

_BYTES_OF_FLOAT = 4
_MOST_VALIDATION = 5000
_TEACHER_STAGE = "training the teacher"


class AuditSets:
    """The audited set, and the sets of real images beside it, made when they are wanted.

    whole: the real training data, of which train and validation are the parts, unless there is a
    validation split; sets are made of `train` alone. test: the real test data. kinds: the networks
    by name. names: of the sets, in order. notes: sentences on what is left out. Raises ValueError
    for networks that do not take these images, and for sets of more images of a class than there
    are real ones to compare with.
    """

    def __init__(
        self,
        dataset: Dataset,
        data: Splits,
        folder: RunFolder,
        where: Where,
        settings: AuditSettings,
    ) -> None:
        self.dataset, self.folder, self.where, self.settings = dataset, folder, where, settings
        self.whole = data.train
        self.n_classes = data.train.n_classes
        mean, deviation = statistics_of(data.train)
        self.kinds: Mapping[str, NetworkKind] = {
            name: NetworkKind(
                name, settings.width, data.train.image_shape, self.n_classes, mean, deviation
            )
            for name in settings.networks
        }
        self._examples = {
            name: kind.new(generator_for(0, "example")) for name, kind in self.kinds.items()
        }
        count = max(1, min(_MOST_VALIDATION, round(settings.validation * len(data.train))))
        parts = prepare_parts(data, folder, validation=count, share=1.0, seed=0)
        assert parts.validation is not None
        self._has_split = data.validation is not None
        self.train, self.validation, self.test = parts.train, parts.validation, data.test
        self._made_for = DistilledFor.of(dataset)
        labels = class_numbers(dataset)
        assert labels is not None
        self._own = SmallSet(
            np.array(dataset.images),
            np.array(labels, np.int64),
            None if dataset.soft_labels is None else np.array(dataset.soft_labels),
        )
        self.own_labels: Labels = "hard" if dataset.soft_labels is None else "own"
        self._counts = counts_of(self._own.labels, self.n_classes)
        n_equal = self.n_bytes.total // self._bytes_of_image
        self._more = grown(self._counts, n_equal) if n_equal > len(dataset) else None
        self.notes: list[str] = []
        baselines = list(settings.baselines)
        for name in ("kmeans_means", "eigenimages"):
            if name in baselines and "means" in baselines and self._counts.max() <= 1:
                baselines.remove(name)
                self._note(f"with one image of each class, {NAMES[name]} are the class means")
        self._by_name: dict[str, Baseline] = {NAMES[name]: name for name in baselines}
        self.names = [THE_SET, *self._by_name]
        if self._more is not None:
            equal = [name for name in baselines if name in OF_REAL_IMAGES]
            self._by_name |= {NAMES[name] + EQUAL_BYTES: name for name in equal}
            self.names += [NAMES[name] + EQUAL_BYTES for name in equal]
        self._small = functools.lru_cache(maxsize=8)(self._made)
        require_enough(self.train, self._counts if self._more is None else self._more)

    @property
    def _bytes_of_image(self) -> int:
        return int(np.prod(self.dataset.image_shape))

    @property
    def n_bytes(self) -> SetBytes:
        """What the audited set takes to store."""
        schedule, soft = self.dataset.schedule, self.dataset.soft_labels
        weights = self.dataset.manifest.arrays.get(ROLE)
        is_used = weights is not None and self._made_for.has_stored_weights
        return SetBytes(
            images=len(self.dataset) * self._bytes_of_image,
            soft_labels=0 if soft is None else _BYTES_OF_FLOAT * soft.size,
            step_sizes=0 if schedule is None else _BYTES_OF_FLOAT * len(schedule.steps),
            initial_weights=(
                _BYTES_OF_FLOAT * int(np.prod(weights.shape)) if is_used and weights else 0
            ),
        )

    def labels_of(self, name: str) -> tuple[Labels, ...]:
        """The kinds of labels that a set is trained on with."""
        if self.own_labels == "hard" or name.endswith(EQUAL_BYTES):
            return ("hard",)
        return ("hard", "own" if name == THE_SET else "teacher")

    def size_of(self, name: str, labels: Labels, *, replays: bool) -> tuple[int, int]:
        """The number of images of a set, and of its bytes; see SetBytes."""
        if name == THE_SET:
            n_bytes = self.n_bytes
            n_soft = 0 if labels == "hard" else n_bytes.soft_labels
            n_steps = n_bytes.step_sizes if replays else 0
            return len(self.dataset), n_bytes.images + n_soft + n_steps
        n_images = int(self._counts_of(name).sum())
        n_soft = n_images * self.n_classes * _BYTES_OF_FLOAT if labels == "teacher" else 0
        return n_images, n_images * self._bytes_of_image + n_soft

    def small(self, name: str, labels: Labels, seed: int) -> SmallSet:
        """A set with these labels; `seed` decides what is drawn."""
        if name == THE_SET:
            return self._own.with_hard_labels() if labels == "hard" else self._own
        return self._small(name, labels, seed)

    def replays_on(self, network: str) -> tuple[Way, ...]:
        """How the audited set is replayed on a network; a note says why it is not.

        Raises ValueError where it cannot be replayed, such as for damaged stored weights.
        """
        ways = self._ways_on(network)
        if ways:
            # A copy, because it is changed.
            example = copy.deepcopy(self._examples[network])
            prepared_for_replay(example, self.dataset, new_weights="replay" not in ways)
        return ways

    def _ways_on(self, network: str) -> tuple[Way, ...]:
        if self.dataset.schedule is None:
            return ()
        made_for = self._made_for
        layer = layer_with_batch_statistics(self._examples[network])
        if layer is not None and not (made_for.freezes_statistics and made_for.name == network):
            self._note(f"no replay on {network}: its {layer} uses the statistics of a batch")
            return ()
        if not made_for.has_stored_weights:
            return ("replay",)
        if (made_for.name, made_for.width) != (network, self.settings.width):
            self._note(
                f"no replay on {network} from the stored initial weights, which are of "
                f"{made_for.name}, width {made_for.width:g}"
            )
            return ("replay from new weights",)
        if self.replays_one_network:
            self._note(
                f"replayed on {network}, all networks start from the stored weights and are the "
                "same: there is one, without a spread"
            )
        return ("replay", "replay from new weights")

    @property
    def replays_one_network(self) -> bool:
        """Whether all weights are stored, so that all replays from them are the same."""
        return not self._made_for.has_random_weights

    @property
    def teacher_facts(self) -> Teacher | None:
        """The network whose predictions label the baselines; None if none is needed."""
        if self.own_labels == "hard":
            return None
        assert self._teacher is not None  # trains it where no baseline did
        accuracy = read_json(self._teacher_path / "teacher.json")["validation_accuracy"]
        return Teacher(self.settings.networks[0], accuracy)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _counts_of(self, name: str) -> np.ndarray[Any, np.dtype[np.int64]]:
        if name.endswith(EQUAL_BYTES):
            assert self._more is not None
            return self._more
        return self._counts

    def _made(self, name: str, labels: Labels, seed: int) -> SmallSet:
        if labels == "teacher":
            made = self._small(name, "hard", seed)
            soft = predictions(self._teacher, made, device=self.where.device)
            return dataclasses.replace(made, soft_labels=soft)
        kind = self._by_name[name]
        embeddings = self._embeddings if kind in NEEDS_EMBEDDINGS else None
        return baseline_set(kind, self.train, embeddings, self._counts_of(name), seed)

    @functools.cached_property
    def _embeddings(self) -> np.ndarray[Any, Any]:
        """Those of the samples of `train`."""
        embeddings = prepare_embeddings(
            self.whole,
            self.folder,
            self.settings.encoder,
            device=self.where.device,
            show_progress=self.where.show_progress,
        )
        if self._has_split:
            return embeddings
        return np.asarray(embeddings[np.asarray(self.train.array("indices"))])

    @property
    def _teacher_path(self) -> Path:
        return self.folder.path / "teacher"

    @functools.cached_property
    def _teacher(self) -> nn.Module:
        settings, path = self.settings, self._teacher_path
        kind = self.kinds[settings.networks[0]]
        if not self.folder.is_made(path, _TEACHER_STAGE):
            with self.folder.making(path, _TEACHER_STAGE) as partial:
                teacher, accuracy = train_teacher(
                    self.train,
                    kind,
                    settings.training,
                    length=settings.teacher_length,
                    learning_rate=settings.teacher_rate,
                    validation_data=self.validation,
                    seed=0,
                    device=self.where.device,
                    show_progress=self.where.show_progress,
                )
                partial.mkdir()
                save_weights(teacher, partial / "classifier.safetensors")
                write_json_with_digest(
                    partial / "teacher.json", {"validation_accuracy": 100 * accuracy}
                )
        teacher = kind.new(generator_for(0, "example"))
        load_weights(teacher, path / "classifier.safetensors")
        return teacher
