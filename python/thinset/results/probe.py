"""A probe: facts of training data, short paired trainings, and what they advise."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from thinset.files.decoding import Count, Positive, Seconds, decode, encode
from thinset.files.json import read_json, write_json_with_digest
from thinset.results.arm import Arm
from thinset.results.arm_words import plain_name
from thinset.results.data_facts import DataFacts  # noqa: TC001 - decode looks it up
from thinset.results.findings import name_of
from thinset.results.summaries import PairedDifference, paired_scores
from thinset.results.verdicts import describe_difference, verdict_of
from thinset.results.wording import spoken_seconds

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = "thinset-probe"
VERSION = 1
FILE = "probe.json"
"""The name of a probe's file in its folder"""

Action = Literal[
    "label everything",
    "choose rows to label",
    "label random rows",
    "keep decoded images",
    "balance and deduplicate",
    "deduplicate",
    "balance",
    "select",
    "do not select",
]


@dataclass(frozen=True)
class ArmScores:
    """Held-out accuracies of an arm, in percent, one for each of the seeds 0, 1, ..."""

    arm: Arm
    scores: tuple[float, ...]

    def minus(self, other: ArmScores) -> PairedDifference | None:
        """The difference, paired by seed."""
        return paired_scores(dict(enumerate(self.scores)), dict(enumerate(other.scores)))

    def beats(self, other: ArmScores) -> bool:
        """Whether the interval of the difference is above zero."""
        return verdict_of(self.minus(other)) == "better"

    def loses_to(self, other: ArmScores) -> bool:
        """Whether the interval of the difference is below zero."""
        return verdict_of(self.minus(other)) == "worse"


@dataclass(frozen=True)
class ProbeAdvice:
    """What to do, in one sentence, and why.

    command: what to run next; None if there is nothing to run. cost: what it takes, in words;
    cost_seconds: about as long, None if unknown. sureness: see `why_sure`. also: other sentences.
    """

    action: Action
    sentence: str
    reason: str
    command: str | None
    cost: str
    cost_seconds: Seconds | None
    sureness: Literal["high", "medium", "low"]
    why_sure: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Probe:
    """The result of `thinset probe`.

    steps: of each short training, on n_sampled random samples, held-out ones included; 0 if there
    were none. n_held_out: samples that each seed is scored on. arms: the first is everything.
    not_measured: reasons, by the stage that was skipped.
    """

    source: str
    facts: DataFacts
    label_budget: Positive | None
    n_sampled: Count
    steps: Count
    n_held_out: Count
    arms: tuple[ArmScores, ...]
    not_measured: dict[str, str]
    advice: ProbeAdvice
    seconds: Seconds

    def save(self, path: Path) -> None:
        write_json_with_digest(path, {"schema": SCHEMA, "version": VERSION, **encode(self)})

    @classmethod
    def load(cls, path: Path) -> Probe:
        """Read what `save` wrote; ValueError, naming the file, otherwise."""
        content = read_json(path)
        is_probe = isinstance(content, dict) and content.get("schema") == SCHEMA
        if not is_probe or content.get("version") != VERSION:
            raise ValueError(f"{path} is not a {SCHEMA} of version {VERSION}")
        values = {key: content[key] for key in content if key not in ("schema", "version")}
        return decode(values, cls, str(path), parsers={Arm: Arm.recorded})

    def to_json(self) -> str:
        """All values as JSON, and `words`: the facts in the words of `describe`."""
        return json.dumps(
            {**encode(self), "words": self.words(), "differences": self.differences()}, indent=2
        )

    def words(self) -> dict[str, str]:
        """The facts in words, by name."""
        words = self.facts.in_words()
        if self.label_budget is not None:
            share = 100 * min(self.label_budget / self.facts.n_samples, 1)
            words["label budget"] = f"{self.label_budget:,}, {share:.3g} % of the samples"
        return {
            **words,
            **{name: f"not measured: {why}" for name, why in self.not_measured.items()},
        }

    def differences(self) -> dict[str, str]:
        """Each arm minus everything, in points of held-out accuracy, in words."""
        if not self.arms:
            return {}
        full, *others = self.arms
        told = {}
        for arm in others:
            difference = arm.minus(full)
            if difference is not None:
                told[str(arm.arm)] = describe_difference(difference)
        return told

    def describe(self) -> str:
        """The probe as text for a terminal."""
        lines = [f"{name}: {value}" for name, value in self.words().items()]
        if self.arms:
            n_seeds = len(self.arms[0].scores)
            told = (
                f"short trainings: {self.steps:,} steps with {self.n_sampled:,} samples, of which "
                f"{self.n_held_out:,} were held out to score on, {n_seeds} seeds; against "
                f"{name_of(self.arms[0].arm)}:"
            )
            lines += ["", told]
            lines += [
                f"  {name} ({plain_name(Arm.recorded(name))}): {value}"
                for name, value in self.differences().items()
            ]
        advice = self.advice
        lines += [
            "",
            f"advice: {advice.sentence}",
            f"reason: {advice.reason}",
            *(f"also: {sentence}" for sentence in advice.also),
            f"next: {advice.command or 'nothing to run; train as you do now'}",
            f"cost: {advice.cost}",
            f"confidence: {advice.sureness}; {advice.why_sure}",
            f"the probe took {spoken_seconds(self.seconds)}",
        ]
        return "\n".join(lines)
