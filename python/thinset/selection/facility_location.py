"""Facility location: few rows that all rows are near to."""

from __future__ import annotations

from thinset.selection.method import Method

FACILITY_LOCATION = Method(
    "facility_location",
    "greedily the smallest summed distance of all rows to their nearest row chosen; gains are by "
    "how much it falls",
)
