"""Measures of generated samples: what they look like to a network, and whether they are copies."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from thinset.metrics.copies import NearCopies, near_copies
from thinset.metrics.frechet import FrechetDistance, frechet_distance
from thinset.metrics.kernel import (
    InceptionScore,
    KernelDistance,
    inception_score,
    kernel_distance,
)
from thinset.metrics.manifold import (
    DensityAndCoverage,
    PrecisionAndRecall,
    density_and_coverage,
    precision_and_recall,
)
from thinset.metrics.neighbours import Neighbours, nearest
from thinset.metrics.samples import FewSamplesWarning

if TYPE_CHECKING:
    from thinset.metrics.features import Extractor, ModuleExtractor, features_of
    from thinset.metrics.inception import InceptionExtractor, download_inception

__all__ = [
    "DensityAndCoverage",
    "Extractor",
    "FewSamplesWarning",
    "FrechetDistance",
    "InceptionExtractor",
    "InceptionScore",
    "KernelDistance",
    "ModuleExtractor",
    "NearCopies",
    "Neighbours",
    "PrecisionAndRecall",
    "density_and_coverage",
    "download_inception",
    "features_of",
    "frechet_distance",
    "inception_score",
    "kernel_distance",
    "near_copies",
    "nearest",
    "precision_and_recall",
]

# Loaded on first use: extractors import torch, measures of features do not.
_EXTRACTORS = {
    "Extractor": "features",
    "ModuleExtractor": "features",
    "features_of": "features",
    "InceptionExtractor": "inception",
    "download_inception": "inception",
}


def __getattr__(name: str) -> Any:
    if name in _EXTRACTORS:
        return getattr(importlib.import_module(f"thinset.metrics.{_EXTRACTORS[name]}"), name)
    raise AttributeError(f"module 'thinset.metrics' has no attribute {name!r}")
