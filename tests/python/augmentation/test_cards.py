"""A method card stands beside each method, and is installed with it."""

from __future__ import annotations

import dataclasses
import re
from importlib import resources

import pytest

from thinset.augmentation.generators import generator_named, generators

PARTS = ("What it does.", "Use.", "When to use it.", "Cost.", "Caveats.", "Source.")


def card(folder: str, name: str) -> str:
    return (resources.files(folder) / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*generators(), "interpolate"])
def test_every_method_has_a_card(name: str) -> None:
    folder = "thinset.augmentation" + (".generators" if name in generators() else "")
    text = card(folder, name)
    assert text.startswith(f"# {name}: ")
    assert re.findall(r"^\*\*(.+?)\*\*", text, re.MULTILINE) == list(PARTS)
    assert f"thinset augment apply DATA --method {name} " in text
    assert "Not built: " in text


@pytest.mark.parametrize("name", generators())
def test_a_card_names_every_setting_and_its_default(name: str) -> None:
    text = card("thinset.augmentation.generators", name)
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", text, re.MULTILINE))
    fields = dataclasses.fields(generator_named(name).Settings)
    assert {field.name for field in fields if field.name != "model"} == rows.keys() - {"length"}
    for field in fields:
        # Those that depend on something else or are off are told in words.
        if isinstance(field.default, int | float) and not isinstance(field.default, bool):
            assert rows[field.name] == f"{field.default:g}", field.name
        elif field.name in ("loss", "solver"):
            assert rows[field.name] == f"`{field.default}`"
