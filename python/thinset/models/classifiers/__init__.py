"""Image classifiers, and the short names that settings may call them by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thinset.models.classifiers.paper import paper_classifier
from thinset.models.classifiers.vgg import small_vgg

if TYPE_CHECKING:
    from collections.abc import Callable

CLASSIFIERS: dict[str, Callable[..., Any]] = {"paper": paper_classifier, "vgg": small_vgg}
"""By name: functions of the image shape (H, W, C), the number of classes, `width`, `generator`."""
