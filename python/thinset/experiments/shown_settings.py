"""The settings that a page shows: those of parts that its arms use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thinset.files.decoding import encode
from thinset.results.arm_options import GENERATORS, generator_of
from thinset.results.gan_rules import TermRule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from thinset.experiments.settings import DataSettings
    from thinset.results.arm import Arm

_DISTILLED_BY = ("dd", "gm", "dm", "gan", "latent")


def shown_settings(
    settings: DataSettings, image_shape: tuple[int, int, int], arms: Sequence[Arm]
) -> dict[str, Any]:
    """The settings by name, every "auto" settled; without those of parts that no arm uses.

    Those of embeddings, of generators, and of ways to distil may be unused. `image_shape`:
    (height, width, channels).
    """
    shown: dict[str, Any] = encode(settings.resolved_for(image_shape))
    # Both are none of a comparison of subsets.
    images = (*getattr(settings, "shown", ()), *_measured(settings))
    if not any(arm.needs_embeddings for arm in arms):
        del shown["encoder"]
    shown["distillation"] = _of_distillation(shown["distillation"], arms)
    generators = {arm.generator for arm in arms} | {generator_of(name) for name in images}
    generators |= {arm.distilled.generator for arm in arms if arm.distilled is not None}
    is_judged = bool(getattr(settings, "measured", ())) or any(arm.keep for arm in arms)
    shown["generation"] = _of_generation(shown["generation"], generators, is_judged=is_judged)
    return {name: value for name, value in shown.items() if value != {}}


def _measured(settings: DataSettings) -> tuple[str, ...]:
    """The augmentations that are measured; a comparison has a switch of this name."""
    measured = getattr(settings, "measured", ())
    return measured if isinstance(measured, tuple) else ()


def _of_generation(
    table: dict[str, Any], generators: set[str | None], *, is_judged: bool
) -> dict[str, Any]:
    if generators <= {None}:
        return {"classifier_length": table["classifier_length"]} if is_judged else {}
    unused = [name for name in GENERATORS if name not in generators]
    return {name: value for name, value in table.items() if name not in unused}


def _of_distillation(table: dict[str, Any], arms: Sequence[Arm]) -> dict[str, Any]:
    used = set(_distilled_by(arms))
    unused = [name for name in _DISTILLED_BY if name not in used]
    return {name: value for name, value in table.items() if name not in unused} if used else {}


def _distilled_by(arms: Sequence[Arm]) -> Iterator[str]:
    """The names of the settings of each way to distil."""
    for arm in arms:
        rule = arm.distilled
        if rule is not None and rule.through is not None:
            yield "gan" if isinstance(rule.through, TermRule) else "latent"
        elif rule is not None:
            yield "dd" if rule.has_steps else rule.method
