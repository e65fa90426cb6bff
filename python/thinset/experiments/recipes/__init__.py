"""Presets of run, plan and compare."""
