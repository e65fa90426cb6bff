"""Network architectures: plain arguments, images as NCHW floats, nothing of thinset imported.

`thinset.models.architecture` and `thinset.models.architecture_space` need no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thinset.models.autoencoder import Autoencoder
    from thinset.models.classifiers.paper import Classifier
    from thinset.models.classifiers.vgg import SmallVGG

__all__ = ["Autoencoder", "Classifier", "SmallVGG"]

_MODULES = {
    "Autoencoder": "thinset.models.autoencoder",
    "Classifier": "thinset.models.classifiers.paper",
    "SmallVGG": "thinset.models.classifiers.vgg",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use: networks import torch, which pages about architectures do without.
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'thinset.models' has no attribute {name!r}")
