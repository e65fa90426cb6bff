"""Converts settings of earlier versions to the current form."""

from __future__ import annotations

import json
from typing import Any

from thinset.augmentation.generators import sngan
from thinset.experiments.distillation import DistillationSettings
from thinset.experiments.generation import GenerationSettings
from thinset.files.decoding import encode
from thinset.results.arm import Arm
from thinset.results.selection_rule import SelectionRule

_ADDED: dict[str, Any] = {
    "share": 1.0,
    "split_seed": 0,
    "optimizer": "sgd",
    "keep": "last",
    "padding": 0,
    "standardise": "auto",
    "function": None,
    "weights": None,
    "feature_layer": None,
    "unit_length": False,
    # Through JSON and back, because tuples become lists.
    "generation": json.loads(json.dumps(encode(GenerationSettings()))),
    "distillation": json.loads(json.dumps(encode(DistillationSettings()))),
    # In "generation".
    "precision": "float32",
    "sngan": json.loads(json.dumps(encode(sngan.Settings()))),
}

_OF_RANKINGS = "reference_total"
"""A setting that rankings have, and nothing else"""


def upgraded_settings(table: dict[str, Any]) -> dict[str, Any]:
    """`table` with the arm of a run in one entry, and the sizes of a ranking in a list.

    Earlier runs kept a table `selection` with the method, its options and the size. Earlier
    rankings had one size.
    """
    if _OF_RANKINGS in table and "size" in table:
        rest = {name: value for name, value in table.items() if name != "size"}
        return {"sizes": [table["size"]], **rest}
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


def with_added_settings(stored: dict[str, Any], here: dict[str, Any]) -> dict[str, Any]:
    """The stored settings of a folder with those of `here` that did not exist when it was begun.

    They have the values that earlier versions worked by, so that such a folder can be continued.
    The one size of earlier rankings is left out: their sizes may grow now.
    """
    filled = {name: value for name, value in _ADDED.items() if name in here} | stored
    for name, table in here.items():
        if isinstance(table, dict) and isinstance(stored.get(name), dict):
            filled[name] = with_added_settings(stored[name], table)
    if _OF_RANKINGS in here and "size" not in here:
        filled.pop("size", None)
    return filled
