"""Computes embeddings of samples: autoencoder, principal components, or any torch module."""

from __future__ import annotations

from thinset.embeddings.activations import activation_scores
from thinset.embeddings.describe import EmbeddingFacts, describe_embeddings
from thinset.embeddings.encode import encode
from thinset.embeddings.named_encoder import NamedEncoder, load_encoder
from thinset.embeddings.pca import pca
from thinset.embeddings.train_encoder import (
    TrainedAutoencoder,
    load_autoencoder,
    save_autoencoder,
    train_autoencoder,
)
from thinset.transforms.crops import CenterCrop, RandomCrop

__all__ = [
    "CenterCrop",
    "EmbeddingFacts",
    "NamedEncoder",
    "RandomCrop",
    "TrainedAutoencoder",
    "activation_scores",
    "describe_embeddings",
    "encode",
    "load_autoencoder",
    "load_encoder",
    "pca",
    "save_autoencoder",
    "train_autoencoder",
]
