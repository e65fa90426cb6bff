"""The settings of dataset distillation, and its card."""

from __future__ import annotations

import dataclasses
import re
from importlib import resources

import numpy as np
import pytest

from thinset.distillation.methods.dd import Settings
from thinset.files.decoding import decode, encode


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_fixed_layers": 2}, "n_fixed_layers needs initial_weights .*; got 2 layers and random"),
        ({"pretrained_path": "a"}, "pretrained_path needs initial_weights .*, got 'random'"),
        (
            {"initial_weights": "pretrained", "freeze_statistics": True},
            "freeze_statistics does not apply to pretrained weights",
        ),
        ({"initial_weights": "pretrained", "pretraining": "3"}, "a length is a number with a unit"),
        ({"length": "long"}, "a length is a number with a unit.*got 'long'"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Settings(**options)


def test_the_learning_rate_is_halved_at_equal_distances() -> None:
    rate = Settings().rate
    epochs = [0, 39.9, 40, 79.9, 80, 399]
    found = [rate(epoch / 400) for epoch in epochs]
    np.testing.assert_allclose(found, [0.01, 0.01, 0.005, 0.005, 0.0025, 0.01 / 2**9])
    assert Settings(n_halvings=0, learning_rate=0.3).rate(0.99) == 0.3


def test_settings_are_read_as_they_were_written() -> None:
    for settings in (
        Settings(),
        Settings(checkpointed=True, n_steps=3, learns_labels=True),
        Settings(initial_weights="pretrained", n_fixed_layers=2, pretrained_path="weights"),
    ):
        assert decode(encode(settings), Settings, "settings") == settings


def test_the_card_names_every_setting_and_its_default() -> None:
    text = (resources.files("thinset.distillation.methods") / "dd.md").read_text(encoding="utf-8")
    assert text.startswith("# dd: ")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", text, re.MULTILINE))
    fields = [field for field in dataclasses.fields(Settings) if field.name != "method"]
    assert {field.name for field in fields} == rows.keys()
    for field in fields:
        if isinstance(field.default, bool):
            assert rows[field.name] == ("on" if field.default else "off"), field.name
        elif isinstance(field.default, int | float):
            assert rows[field.name] == f"{field.default:g}", field.name
        elif isinstance(field.default, str) and field.name not in ("length", "pretraining"):
            assert rows[field.name] == f"`{field.default}`", field.name
