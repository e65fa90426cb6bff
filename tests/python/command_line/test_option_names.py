from __future__ import annotations

import pytest

from thinset.command_line.option_names import named_as_options

OPTIONS = {"batch_size": "batch_size", "width": "width", "n_images": "images"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("batch_size must be at least 1", "--batch-size must be at least 1"),
        ("settings: training.width must be above 0", "--width must be above 0"),
        ("settings: width[1] must be above 0", "--width must be above 0"),
        ("n_images must be at most 5", "--images must be at most 5"),
        ("the set is smaller than batch_size", "the set is smaller than --batch-size"),
        ("a batch_size/2 and my.batch_size stay", "a batch_size/2 and my.batch_size stay"),
        ("the width of it is too large", "the width of it is too large"),
        ("--width must be above 0", "--width must be above 0"),
        ("height must be above 0", "height must be above 0"),
    ],
)
def test_settings_are_named_as_the_options_that_give_them(text: str, told: str) -> None:
    with pytest.raises(ValueError) as caught, named_as_options(OPTIONS):
        raise ValueError(text)
    assert str(caught.value) == told
