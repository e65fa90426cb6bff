"""Dataset distillation: learns a small training set."""
