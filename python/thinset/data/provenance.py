"""Where a dataset came from, as its manifest says it.

One type for each kind; "kind" in the manifest names it. Provenance of other kinds, which other
programs write, and that of manifests of version 1 is free JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from thinset.files.decoding import Count, Digest, Positive, decode

if TYPE_CHECKING:
    from thinset.data.store import Dataset


class Parent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The dataset that another one was made from; `name` and `fingerprint` are those of Dataset."""

    name: str | None = None
    n_samples: Count | None = None
    fingerprint: Digest | None = None

    @classmethod
    def of(cls, dataset: Dataset) -> Parent:
        """Describe an open dataset."""
        return cls(dataset.name, len(dataset), dataset.fingerprint)


class _Kind(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kind"
):
    """Unknown values are omitted from the manifest."""


class ImportedFrom(_Kind, frozen=True, kw_only=True, tag="imported"):
    """Read from a source of the kind `source`: "parquet", "mnist", "map-style", ...

    Attributes:
        path: what was read.
        split: the part of it, such as "train".
        dataset: the type of a map-style dataset.
        credit: whom to cite.
        size: (height, width) that the images were resized to.
        notes: a sentence on everything that was taken for something, left out or converted.
        left_out: the numbers, from 0, of the samples of the source's split that could not be read.
    """

    source: str
    path: str | None = None
    split: str | None = None
    dataset: str | None = None
    credit: str | None = None
    size: tuple[Positive, Positive] | None = None
    notes: list[str] = []
    left_out: tuple[Count, ...] = ()


class SelectedFrom(_Kind, frozen=True, kw_only=True, tag="selected"):
    """Rows of another dataset, chosen by `method` with `params`; None where that is not known.

    Attributes:
        dropped: the parts of the parent that the rows cannot keep, such as "schedule".
    """

    parent: Parent
    method: str | None = None
    params: dict[str, Any] = {}
    dropped: tuple[str, ...] = ()


class JoinedFrom(_Kind, frozen=True, kw_only=True, tag="joined"):
    """All samples of `parents`, one dataset after the other.

    Attributes:
        dropped: the parts of any parent that the whole cannot keep, such as "schedule".
    """

    parents: tuple[Parent, ...]
    dropped: tuple[str, ...] = ()


class GeneratedBy(_Kind, frozen=True, kw_only=True, tag="generated"):
    """Made by the method `by`, from `parent` where there is one.

    Attributes:
        model: SHA-256 of the weights of the generator.
        seed: of the random numbers.
    """

    by: str
    model: Digest | None = None
    parent: Parent | None = None
    seed: Count | None = None
    params: dict[str, Any] = {}


class DistilledBy(_Kind, frozen=True, kw_only=True, tag="distilled"):
    """Learned from `parent` by the method `by`.

    Attributes:
        model: SHA-256 of the weights that training on it starts from, where they are fixed; of the
            generator that drew the images, where there is one.
        seed: of the random numbers.
    """

    by: str
    parent: Parent
    model: Digest | None = None
    seed: Count | None = None
    params: dict[str, Any] = {}


Provenance: TypeAlias = (
    ImportedFrom | SelectedFrom | JoinedFrom | GeneratedBy | DistilledBy | Mapping[str, Any]
)

_TYPES: dict[Any, Any] = {
    kind.__struct_config__.tag: kind
    for kind in (ImportedFrom, SelectedFrom, JoinedFrom, GeneratedBy, DistilledBy)
}


def provenance_type(content: Any) -> Any:
    """The type of the provenance that plain JSON content holds."""
    kind = content.get("kind") if isinstance(content, Mapping) else None
    return _TYPES.get(kind, dict[str, Any]) if isinstance(kind, str) else dict[str, Any]


def as_provenance(given: Provenance | None) -> Provenance:
    """Provenance that is given as plain content, typed where its kind is known.

    Raises ValueError, naming the entry, if it is not one of that kind.
    """
    if not isinstance(given, Mapping):
        return {} if given is None else given
    content = dict(given)
    kind = provenance_type(content)
    return content if kind == dict[str, Any] else decode(content, kind, "provenance")
