"""What comes before training: data, embeddings, subsets."""
