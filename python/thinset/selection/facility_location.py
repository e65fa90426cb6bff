"""Facility location: a few rows that are close to all rows."""

from __future__ import annotations

from thinset.selection.method import Method

FACILITY_LOCATION = Method(
    "facility_location",
    "smallest summed distance of all rows to their nearest chosen row, greedily; gains are the "
    "decreases of that sum",
)
