"""Preparation before training: data, embeddings, subsets."""
