"""The training loop: schedule, steps, checkpoints and history."""
