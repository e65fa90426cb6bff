"""How an arm selects a subset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from thinset.selection.methods import default_options, resolve_rule

Value: TypeAlias = "bool | int | float | str"

_DEFAULTS: dict[str, dict[str, Any]] = {"topk": {"drop_constant": True}}
_WITHOUT_METRIC = ("topk", "kmeans", "random")
"""Methods that select the same rows by every metric that they take"""


@dataclass(frozen=True)
class SelectionRule:
    """How rows are selected, independent of their number.

    Attributes:
        method: one of thinset.methods().
        per_class: see thinset.select.
        metric: see thinset.select.
        dedup: if given, near-duplicates are removed first (thinset.deduplicate): rows closer than
            this share of the typical distance, the root mean square over all pairs.
        options: the method's own options that differ from their defaults, by name. One default
            is not that of `select`: topk ignores dead embedding elements, which would select
            arbitrary rows.
    """

    method: str
    per_class: Literal["balanced", "proportional"] | None = None
    metric: str = "euclidean"
    dedup: float | None = None
    options: tuple[tuple[str, Value], ...] = ()

    @classmethod
    def of(
        cls,
        method: str,
        *,
        per_class: Any = None,
        metric: str = "euclidean",
        dedup: float | None = None,
        options: dict[str, Any] | None = None,
    ) -> SelectionRule:
        """Check the values, and drop options with their default value.

        Raises ValueError if `select` would refuse them whatever the embeddings.
        """
        if dedup is not None:
            require_dedup(dedup)
        given = {**_DEFAULTS.get(method, {}), **(options or {})}
        per_class, resolved = resolve_rule(method, given, per_class=per_class, metric=metric)
        defaults = {**default_options(method), **_DEFAULTS.get(method, {})}
        differing = tuple(
            (name, value) for name, value in sorted(resolved.items()) if value != defaults[name]
        )
        if method in _WITHOUT_METRIC:
            metric = "euclidean"
        return cls(
            method, per_class, metric, None if dedup is None else abs(float(dedup)), differing
        )

    @property
    def method_options(self) -> dict[str, Any]:
        """The options of the method for `select`."""
        return {**_DEFAULTS.get(self.method, {}), **dict(self.options)}

    @property
    def needs_embeddings(self) -> bool:
        return self.method != "random" or self.dedup is not None

    @property
    def depends_on_seed(self) -> bool:
        """Whether the selected rows may depend on the seed."""
        return self.method in ("random", "kmeans")

    def __str__(self) -> str:
        words = [self.method]
        if self.per_class is not None:
            balanced = self.per_class == "balanced"
            words.append("per_class" if balanced else f"per_class={self.per_class}")
        if self.metric != "euclidean":
            words.append(f"metric={self.metric}")
        if self.dedup is not None:
            words.append(f"dedup={as_text(self.dedup)}")
        words += [_option(name, value) for name, value in self.options]
        return ":".join(words)


def require_dedup(share: Any) -> None:
    """Raise ValueError unless `share` is a share of the typical distance: 0 <= share < 1."""
    if isinstance(share, (bool, str)) or not 0 <= share < 1:
        raise ValueError(f"dedup must be at least 0 and below 1, got {share}")


def as_text(value: float) -> str:
    """A number as arms write it: 1 for 1.0."""
    return repr(value).removesuffix(".0")


def _option(name: str, value: Value) -> str:
    return name if value is True else f"{name}={'false' if value is False else value}"
