"""Reads and writes files without losing data."""
