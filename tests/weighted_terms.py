"""Terms of the losses with their weights, as keywords of tests give them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thinset.training.learners.image_term import WeightedTerm

if TYPE_CHECKING:
    from thinset.training.learners.image_term import ImageTerm

_NAMES = {"term_weight": "weight", "term_on": "on", "adversarial_weight": "adversarial_weight"}


def take_term(options: dict[str, Any], term: ImageTerm | None) -> WeightedTerm | None:
    """`term` with its weight, side and adversarial weight, which are taken out of `options`."""
    found = {own: options.pop(name) for name, own in _NAMES.items() if name in options}
    return None if term is None else WeightedTerm(term, **{"weight": 0.0, **found})
