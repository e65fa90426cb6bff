"""Lengths of training, with units: thinset.duration, under the name of the package it serves."""

from __future__ import annotations

from thinset.duration import UNITS, Duration

__all__ = ["UNITS", "Duration"]
