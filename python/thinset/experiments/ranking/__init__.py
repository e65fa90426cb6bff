"""Ranking hyper-parameters on subsets."""
