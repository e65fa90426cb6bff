"""Converts settings of earlier versions to the current form."""

from __future__ import annotations

from typing import Any

from thinset.results.arm import Arm
from thinset.results.selection_rule import SelectionRule


def upgraded_settings(table: dict[str, Any]) -> dict[str, Any]:
    """`table` with the arm of a run in one entry; everything else is unchanged.

    Earlier runs kept a table `selection` with the method, its options and the size.
    """
    selection = table.get("selection")
    if not isinstance(selection, dict):
        return table
    rest = {name: value for name, value in table.items() if name != "selection"}
    try:
        values = dict(selection)
        size, method = values.pop("n_samples"), values.pop("method")
        rule = SelectionRule.of(method, **values)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"settings.json: selection is damaged: {error}") from error
    return {**rest, "arm": str(Arm(rule)), "size": size}
