"""The list of all commands."""

from __future__ import annotations

from typing import NamedTuple


class ListedCommand(NamedTuple):
    """A command, without its options: their modules may import torch, so --help loads none.

    trains: whether it trains a model. resumes: whether the same call goes on after an interruption,
    or the option with which it does.
    """

    name: str
    summary: str
    trains: bool = False
    resumes: bool | str = True

    @property
    def words(self) -> list[str]:
        """What is typed after `thinset`."""
        return self.name.split()

    @property
    def module(self) -> str:
        """Where its options are."""
        return f"thinset.command_line.{self.name.replace(' ', '_')}"


COMMANDS = (
    ListedCommand(
        "demo", "run every step on the embedded digits dataset, in a few minutes", trains=True
    ),
    ListedCommand("run", "embed, select, write the subset, train every arm, report", trains=True),
    ListedCommand("embed", "turn a dataset into an array of embeddings", trains=True),
    ListedCommand("select", "choose rows of an array of embeddings", resumes="--folder"),
    ListedCommand("deduplicate", "find near-duplicates, and keep one of each group", resumes=False),
    ListedCommand(
        "subset", "write the selected samples in the form that they came in", resumes=False
    ),
    ListedCommand(
        "show", "write a page to look at a selection with, alone or beside another", resumes=False
    ),
    ListedCommand("train", "train on a subset first, then on everything", trains=True),
    ListedCommand(
        "probe",
        "tell whether to select, balance or deduplicate, in about a minute",
        trains=True,
        resumes=False,
    ),
    ListedCommand(
        "plan", "advise how to train within a time budget, with predicted costs", trains=True
    ),
    ListedCommand(
        "compare", "compare selection methods with random selection, paired by seed", trains=True
    ),
    ListedCommand("augment train", "train a generator of labelled images", trains=True),
    ListedCommand("augment sample", "draw images from a trained generator", resumes=False),
    ListedCommand("augment apply", "make one new image for each sample of a dataset"),
    ListedCommand("distill", "learn a small training set from a large one", trains=True),
    ListedCommand("distill evaluate", "compare a small training set with simple ones", trains=True),
    ListedCommand("reproduce", "reproduce a published figure", trains=True),
    ListedCommand("report", "rewrite the report page of a finished run", resumes=False),
    ListedCommand(
        "verify", "check datasets, selections and runs against their digests", resumes=False
    ),
    ListedCommand("data import", "read images from files into a dataset folder", resumes=False),
    ListedCommand(
        "data split", "divide training data by class, with nested subsets", resumes=False
    ),
    ListedCommand("data list", "list the kinds of source that can be imported", resumes=False),
    ListedCommand("data download", "download a public dataset, checked by SHA-256"),
)
