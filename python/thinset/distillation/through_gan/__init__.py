"""Distillation through a generator: terms of its training, and a search among its latents.

Generators are trained elsewhere; the parts of this package take any ImageGenerator.
"""
