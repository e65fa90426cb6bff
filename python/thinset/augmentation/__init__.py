"""Enlarges a labelled dataset by transformed, generated or interpolated images.

Everything that this package writes is an ordinary dataset folder. A method card, NAME.md, stands
beside each method.
"""
