"""The audit of a small training set: its scores beside those of simple sets trained alike.

One JSON file. What a set gains over random images is divided into parts: the images, their labels,
augmentation in training, and stored steps.
"""

from __future__ import annotations

import itertools
import statistics
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import msgspec

from thinset.files.decoding import AboveZero, Count, Positive, Seconds, decode
from thinset.files.json import read_json, write_json_with_digest
from thinset.results.summaries import PairedDifference, paired_scores

if TYPE_CHECKING:
    import os

FILE = "audit.json"
FORMAT, VERSION = "thinset-audit", 1

THE_SET = "the set"
RANDOM = "random images"
EQUAL_BYTES = ", equal bytes"
"""Ends the name of a set with as many more images as the labels and step sizes take bytes"""

Labels: TypeAlias = Literal["hard", "own", "teacher"]
Way: TypeAlias = Literal["training", "replay", "replay from new weights"]


class SetBytes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a set takes to store: pixels as uint8, soft labels and step sizes as float32.

    Hard labels are not counted: sorted by class, a set needs none. initial_weights, as float32, are
    needed to replay a set that was made for them, but are no part of `total`.
    """

    images: Positive
    soft_labels: Count = 0
    step_sizes: Count = 0
    initial_weights: Count = 0

    @property
    def total(self) -> int:
        """All bytes but those of initial weights."""
        return self.images + self.soft_labels + self.step_sizes


class SeedScores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Test accuracies, in percent, of the networks of one seed."""

    seed: Count
    accuracies: tuple[float, ...]
    n_diverged: Count = 0

    def __post_init__(self) -> None:
        if not self.accuracies:
            raise ValueError("accuracies must hold at least one value")
        for value in self.accuracies:
            if not 0 <= value <= 100:  # NaN fails, too
                raise ValueError(f"accuracies must be from 0 to 100 %, got {value}")


class AuditRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Networks of one architecture, trained on one set in one way.

    name: of the set. labels: "hard", the classes; "own", the soft labels of the set; "teacher",
    those of a network that was trained on real data. is_augmented: by random transforms in
    training. way: ordinary "training", or a "replay" of the stored steps, with the stored initial
    weights or with new ones. n_images: in the set as trained on; n_bytes: of it, see SetBytes.
    learning_rate: the one chosen on validation data; None for a replay. is_edge: it is the lowest
    or the highest of the rates that were tried. scores: one for each seed. is_one_network: nothing
    differs between seeds, and all scores are those of one network.
    """

    network: str
    name: str
    labels: Labels
    is_augmented: bool
    way: Way
    n_images: Positive
    n_bytes: Positive
    learning_rate: AboveZero | None
    is_edge: bool
    scores: tuple[SeedScores, ...]
    is_one_network: bool = False

    def __post_init__(self) -> None:
        seeds = [scores.seed for scores in self.scores]
        if not seeds or len(set(seeds)) < len(seeds):
            raise ValueError(f"scores must be one for each of several seeds, got seeds {seeds}")

    @property
    def accuracies(self) -> tuple[float, ...]:
        """Those of all networks, in percent."""
        return tuple(itertools.chain.from_iterable(one.accuracies for one in self.scores))

    @property
    def n(self) -> int:
        """Number of networks."""
        return 1 if self.is_one_network else len(self.accuracies)

    @property
    def n_diverged(self) -> int:
        """How many of them diverged, which count as guessing."""
        n_diverged = sum(one.n_diverged for one in self.scores)
        return min(n_diverged, 1) if self.is_one_network else n_diverged

    @property
    def mean(self) -> float:
        """Mean accuracy over all networks, in percent."""
        return statistics.fmean(self.accuracies)

    @property
    def standard_deviation(self) -> float | None:
        """Of the sample (n - 1) of all networks; None with one network."""
        return statistics.stdev(self.accuracies) if self.n > 1 else None

    @property
    def by_seed(self) -> dict[int, float]:
        """The mean accuracy of each seed."""
        return {one.seed: statistics.fmean(one.accuracies) for one in self.scores}

    def minus(self, other: AuditRow) -> PairedDifference | None:
        """The difference in percentage points, paired by seed; None without a common seed."""
        return paired_scores(self.by_seed, other.by_seed)


class Part(NamedTuple):
    """A part of what a set gains or loses: what is compared, and the difference in points."""

    network: str
    what: str
    difference: PairedDifference


class Teacher(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The network whose predictions label the other sets softly; accuracy in percent."""

    network: str
    validation_accuracy: float


class Audit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All scores of an audit.

    set_name, n_images, n_bytes: of the audited set. data_name, n_train, n_validation, n_test: of
    the real data: what other sets are chosen from, what learning rates are chosen on, and what
    accuracies are measured on, once. teacher: None where the set has no soft labels. notes: what is
    left out, and why, in sentences. settings, hardware, versions: free JSON.
    """

    set_name: str
    n_images: Positive
    n_bytes: SetBytes
    n_classes: Positive
    data_name: str
    n_train: Positive
    n_validation: Positive
    n_test: Positive
    rows: tuple[AuditRow, ...]
    teacher: Teacher | None = None
    notes: tuple[str, ...] = ()
    seconds: Seconds
    settings: dict[str, Any]
    hardware: dict[str, Any]
    versions: dict[str, Any]
    command: str = ""

    @property
    def networks(self) -> tuple[str, ...]:
        """The architectures, in order."""
        return tuple(dict.fromkeys(row.network for row in self.rows))

    @property
    def parts(self) -> tuple[Part, ...]:
        """What explains the scores of the set, architecture by architecture."""
        return tuple(part for network in self.networks for part in self._parts_of(network))

    def reference_of(self, row: AuditRow) -> AuditRow | None:
        """Random images with equal labels and augmentation; None for these themselves.

        Sets of equal bytes are compared with random images of equal bytes.
        """
        name = RANDOM + (EQUAL_BYTES if row.name.endswith(EQUAL_BYTES) else "")
        if row.name == name:
            return None
        labels: Labels = "hard" if row.labels == "hard" else "teacher"
        return self.find(row.network, name, labels, is_augmented=row.is_augmented)

    def find(
        self,
        network: str,
        name: str,
        labels: Labels,
        *,
        is_augmented: bool = False,
        way: Way = "training",
    ) -> AuditRow | None:
        """The row with these properties, if there is one."""
        wanted = (network, name, labels, is_augmented, way)
        for row in self.rows:
            if (row.network, row.name, row.labels, row.is_augmented, row.way) == wanted:
                return row
        return None

    def _parts_of(self, network: str) -> list[Part]:
        def row(name: str, labels: Labels, *, is_augmented: bool = False) -> AuditRow | None:
            return self.find(network, name, labels, is_augmented=is_augmented)

        own: Labels = "own" if self.n_bytes.soft_labels else "hard"
        plain, with_own = row(THE_SET, "hard"), row(THE_SET, own)
        replayed, from_new = (
            self.find(network, THE_SET, own, way=way)
            for way in ("replay", "replay from new weights")
        )
        of_equal_bytes = row(RANDOM + EQUAL_BYTES, "hard")
        compared: list[tuple[str, AuditRow | None, AuditRow | None]] = [
            ("images: hard labels, against random images", plain, row(RANDOM, "hard")),
            (
                "images: hard labels and augmentation, against random images",
                row(THE_SET, "hard", is_augmented=True),
                row(RANDOM, "hard", is_augmented=True),
            ),
        ]
        if own == "own":
            compared += [
                ("labels: own against hard ones, the set", with_own, plain),
                (
                    "labels: own, against random images with labels of a teacher",
                    with_own,
                    row(RANDOM, "teacher"),
                ),
                (
                    "labels: of a teacher against hard ones, random images",
                    row(RANDOM, "teacher"),
                    row(RANDOM, "hard"),
                ),
            ]
        compared += [
            (
                f"augmentation: with against without, {name}",
                row(name, "hard", is_augmented=True),
                without,
            )
            for name, without in ((THE_SET, plain), (RANDOM, row(RANDOM, "hard")))
        ]
        compared += [
            ("stored steps: replay against training", replayed, with_own),
            (
                "stored steps: replay, against random images with hard labels",
                replayed,
                row(RANDOM, "hard"),
            ),
            (
                "stored steps: replay, against random images with labels of a teacher",
                replayed,
                None if own == "hard" else row(RANDOM, "teacher"),
            ),
            ("initial weights: stored against new ones, replayed", replayed, from_new),
            *(
                (f"bytes: {how}, against random images of equal bytes", one, of_equal_bytes)
                for how, one in (("training", with_own), ("replay", replayed))
            ),
        ]
        found = []
        for what, one, other in compared:
            difference = None if one is None or other is None else one.minus(other)
            if difference is not None:
                found.append(Part(network, what, difference))
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the audit as JSON, atomically; ValueError for a number that is not finite."""
        content = msgspec.to_builtins(self)
        write_json_with_digest(path, {"format": FORMAT, "version": VERSION, **content})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Audit:
        """Read an audit; ValueError, naming the file, if it is not valid."""
        content = read_json(path)
        is_table = isinstance(content, dict)
        header = (content.get("format"), content.get("version")) if is_table else None
        if header != (FORMAT, VERSION):
            raise ValueError(f"{path} must be {FORMAT} version {VERSION}, got {header}")
        rest = {name: value for name, value in content.items() if name not in ("format", "version")}
        return decode(rest, cls, str(path))
