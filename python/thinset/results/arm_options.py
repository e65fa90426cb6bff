"""Reads the options in the text of an arm."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from thinset.results.selection_rule import SelectionRule, Value, require_dedup
from thinset.selection.methods import require_options

if TYPE_CHECKING:
    from collections.abc import Callable

AUGMENTATIONS = (
    "augorig", "blur", "cdcgan", "cdcvae", "flow", "interpolate", "rot", "rotblur", "sngan",
)  # fmt: skip
"""Names of the ways to make one image for each sample; see thinset.augmentation"""
GENERATORS = ("cdcgan", "cdcvae", "flow", "sngan")
"""Those of them that draw images by class alone"""
_INTERPOLATED_BY = "cdcvae"  # whose encoder and decoder interpolate
Keep: TypeAlias = Literal["coverage", "typicality", "confidence"]
_KEEP: tuple[Keep, ...] = ("coverage", "typicality", "confidence")
_METRICS = ("sqeuclidean", "cosine")
TAU = 1.0
"""The strength of logit adjustment that an arm has by default"""
_MOST_TAU = 100
BETA = 0.9999
"""The beta of effective numbers of samples that an arm has by default"""
SMALLEST = 0.5
"""The share of their sides that images have at first in progressive resizing, by default"""


def generator_of(augmentation: str) -> str | None:
    """The generator that makes the images of an augmentation; None if there is none."""
    if augmentation == "interpolate":
        return _INTERPOLATED_BY
    return augmentation if augmentation in GENERATORS else None


@dataclass
class ArmOptions:
    """The options of an arm that are not yet used."""

    text: str
    values: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str, rest: str) -> ArmOptions:
        values: dict[str, Any] = {}
        for word in rest.split(":") if rest else ():
            key, sign, value = word.partition("=")
            if key in values:
                raise ValueError(f"arm {text!r} has the option {key!r} twice")
            values[key] = _value(value) if sign else True
        return cls(text, values)

    def take(self, name: str, default: Any, allowed: tuple[Any, ...]) -> Any:
        value = self.values.pop(name, default)
        # By type, too: 1 is not True.
        if not any(value == one and type(value) is type(one) for one in (default, *allowed)):
            raise ValueError(
                f"arm {self.text!r}: {name} must be {' or '.join(map(str, allowed))}, got {value}"
            )
        return value

    def take_dedup(self) -> float | None:
        dedup = self.values.pop("dedup", None)
        if dedup is None:
            return None
        try:
            require_dedup(dedup)
        except ValueError as error:
            raise ValueError(f"arm {self.text!r}: {error}") from None
        return abs(float(dedup))  # -0.0 is 0.0

    def take_of_full(self) -> dict[str, Any]:
        taken = {
            "is_resident": self.take("resident", False, (True,)),
            "is_cached": self.take("cached", False, (True,)),
            "is_draft": self.take("draft", False, (True,)),
            "is_balanced": self.take("balanced", False, (True,)),
            "logit_adjusted": self._take_strength("logit_adjusted", TAU, _require_tau),
            "effective": self._take_strength("effective", BETA, _require_share),
            "progressive": self._take_strength("progressive", SMALLEST, _require_share),
            **self._take_near_duplicates(),
            "augment": self.take_augment(),
        }
        self.refuse_others()
        self._refuse_two_balances(taken)
        self._refuse_decoded(taken)
        dedup = (taken["distinct"], taken["down_weighted"])
        if taken["augment"] is not None and dedup != (None, None):
            raise ValueError(f"arm {self.text!r}: augment and dedup exclude each other")
        return taken

    def _take_near_duplicates(self) -> dict[str, float | None]:
        """The distance of near-duplicates, which are left out or weighted down."""
        is_weighted = self.take("weighted", False, (True,))
        distance = self.take_dedup()
        if is_weighted and distance is None:
            raise ValueError(
                f"arm {self.text!r}: weighted needs dedup, which says what near-duplicates are, "
                "such as full:dedup=0.2:weighted"
            )
        return {
            "distinct": None if is_weighted else distance,
            "down_weighted": distance if is_weighted else None,
        }

    def _take_strength(
        self, name: str, default: float, require: Callable[[str, Any], None]
    ) -> float | None:
        """The number of an option that has a default one; None without the option."""
        value = self.values.pop(name, False)
        if value is False:
            return None
        if value is True:
            return default
        try:
            require(name, value)
        except ValueError as error:
            raise ValueError(f"arm {self.text!r}: {error}") from None
        return float(value)

    def _refuse_two_balances(self, taken: dict[str, Any]) -> None:
        """Each changes how much samples count; two at once would do so twice."""
        options = {
            "weighted": taken["down_weighted"] is not None,
            "balanced": taken["is_balanced"],
            "logit_adjusted": taken["logit_adjusted"] is not None,
            "effective": taken["effective"] is not None,
        }
        given = [name for name, is_given in options.items() if is_given]
        if len(given) > 1:
            raise ValueError(f"arm {self.text!r}: {' and '.join(given)} exclude each other")

    def _refuse_decoded(self, taken: dict[str, Any]) -> None:
        """These arms decode all images first, so that no image is decoded in the loop."""
        for option in ("cached", "draft"):
            if not taken[f"is_{option}"]:
                continue
            for name, is_given in (
                ("resident", taken["is_resident"]),
                ("dedup", (taken["distinct"], taken["down_weighted"]) != (None, None)),
                ("augment", taken["augment"] is not None),
            ):
                if is_given:
                    raise ValueError(f"arm {self.text!r}: {option} and {name} exclude each other")

    def take_augment(self) -> str | None:
        """The value of `augment`."""
        value: Any = self.values.pop("augment", None)
        if value is not None and value not in AUGMENTATIONS:
            raise ValueError(
                f"arm {self.text!r}: augment must be one of {', '.join(AUGMENTATIONS)}, got {value}"
            )
        return None if value is None else str(value)

    def take_generated(self) -> dict[str, Any]:
        """The generator, the first word, and how its images are kept."""
        named = [name for name, value in self.values.items() if value is True]
        if len(named) != 1 or named[0] not in GENERATORS:
            raise ValueError(
                f"arm {self.text!r} must name a generator, {', '.join(GENERATORS)}, such as "
                "generated:flow"
            )
        del self.values[named[0]]
        keep = self.take("keep", None, _KEEP)
        self.refuse_others()
        return {"generated": named[0], "keep": keep}

    def take_uses_of_steps(self, *, has_steps: bool) -> dict[str, Any]:
        """What is not used of distilled data, of which `has_steps` says whether they have steps."""
        ordinary = self.take("ordinary", False, (True,))
        new_weights = self.take("new_weights", False, (True,))
        for name, value in (("ordinary", ordinary), ("new_weights", new_weights)):
            if value and not has_steps:
                raise ValueError(
                    f"arm {self.text!r}: {name} does not apply to a method that stores no steps"
                )
        if ordinary and new_weights:
            raise ValueError(f"arm {self.text!r}: ordinary training starts from new weights anyway")
        return {"is_ordinary": ordinary, "has_new_weights": new_weights}

    def take_rule(self, method: str) -> SelectionRule:
        per_class = self.take("per_class", None, (True, "balanced", "proportional"))
        metric = self.take("metric", "euclidean", _METRICS)
        dedup = self.take_dedup()
        try:
            require_options(method, self.values, others=("per_class", "metric", "dedup"))
            return SelectionRule.of(
                method, per_class=per_class, metric=metric, dedup=dedup, options=self.values
            )
        except ValueError as error:
            raise ValueError(f"arm {self.text!r}: {error}") from None

    def refuse_others(self) -> None:
        if not self.values:
            return
        names_path = self.text.startswith(("file:", "data:"))
        colons = "; a path must not hold a colon: rename it, or link to it" if names_path else ""
        raise ValueError(f"arm {self.text!r} has no option {next(iter(self.values))!r}{colons}")


def _require_tau(name: str, value: Any) -> None:
    """As thinset.losses.LogitAdjusted; 0 would be the arm without the option."""
    if isinstance(value, str) or not 0 < value <= _MOST_TAU:
        raise ValueError(f"{name} must be above 0 and at most {_MOST_TAU}, got {value}")


def _require_share(name: str, value: Any) -> None:
    """As thinset.training.EffectiveNumber and thinset.transforms.ProgressiveResizing.

    An effective number at 0, and resizing to 1, would be the arm without the option.
    """
    if isinstance(value, str) or not 0 < value < 1:
        raise ValueError(f"{name} must be above 0 and below 1, got {value}")


def _value(text: str) -> Value:
    words = {"true": True, "false": False}
    if text in words:
        return words[text]
    if re.fullmatch(r"[+-]?\d{1,18}", text):
        return int(text)
    try:
        # Python would read 0.2_5 as well.
        return text if "_" in text else float(text)
    except ValueError:
        return text
