"""Network architectures: plain arguments, images as NCHW floats, nothing of thinset imported."""

from __future__ import annotations

from thinset.models.autoencoder import Autoencoder
from thinset.models.classifiers.paper import Classifier
from thinset.models.classifiers.vgg import SmallVGG

__all__ = ["Autoencoder", "Classifier", "SmallVGG"]
