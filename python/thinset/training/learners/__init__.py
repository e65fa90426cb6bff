"""What a training loop drives: models with their optimisers."""
