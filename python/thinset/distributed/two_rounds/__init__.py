"""Approximate selections in two rounds: each worker chooses rows of its part, then from these."""
