from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from thinset.report.plots import Curve, distilled_images, rendered

LABELS = np.arange(12) % 3


def images(n: int = 12, shape: tuple[int, int, int] = (8, 8, 1)) -> np.ndarray[Any, Any]:
    """Image i is as bright as i / n."""
    return np.broadcast_to(np.arange(n)[:, None, None, None] / n, (n, *shape)).astype(np.float32)


def texts(ticks: Any) -> list[str]:
    return [tick.get_text() for tick in ticks]


def test_each_class_has_a_row_and_images_keep_their_order() -> None:
    figure = distilled_images(images(), LABELS, class_names=("cat", "dog", "emu"))
    (axes,) = figure.axes
    assert texts(axes.get_yticklabels()) == ["cat", "dog", "emu"]
    assert texts(axes.get_xticklabels()) == []
    picture = axes.images[0].get_array()
    assert picture is not None
    for number in range(12):
        row, column = number % 3, number // 3
        place = picture[row * 9 : row * 9 + 8, column * 9 : column * 9 + 8]
        assert np.unique(place).tolist() == [round(255 * number / 12)]


def test_columns_of_one_step_are_labelled_with_it() -> None:
    def labels_of(steps: Any) -> list[str]:
        axes = distilled_images(images(), LABELS, steps=np.asarray(steps)).axes[0]
        assert axes.get_xlabel() == "step of training on them"
        return texts(axes.get_xticklabels())

    assert labels_of(np.arange(12) // 3) == ["1", "2", "3", "4"]
    assert labels_of(np.arange(12) // 6) == ["1", "1", "2", "2"]
    assert labels_of(np.arange(12) // 4) == ["1", "", "", "3"]


def test_curves_stand_beside_the_images() -> None:
    curves = [Curve("loss", [10, 20], [3.0, 2.0]), Curve("accuracy", [20], [0.5])]
    figure = distilled_images(images(shape=(4, 6, 3)), LABELS, curves=curves)
    by_name = {axes.get_ylabel(): axes for axes in figure.axes if axes.lines}
    assert by_name.keys() == {"loss", "accuracy"}
    assert by_name["loss"].lines[0].get_xydata().tolist() == [[10.0, 3.0], [20.0, 2.0]]
    assert rendered(figure, "png").startswith(b"\x89PNG")


def test_many_images_are_cut() -> None:
    labels = np.repeat(np.arange(30), 25)
    (axes,) = distilled_images(images(750), labels).axes
    assert texts(axes.get_yticklabels()) == [str(number) for number in range(20)]
    picture = axes.images[0].get_array()
    assert picture is not None
    assert picture.shape == (20 * 9, 20 * 9, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": np.zeros((0, 8, 8, 1))}, "non-empty"),
        ({"labels": LABELS[1:]}, r"labels must have shape \(12,\), got \(11,\)"),
        ({"steps": LABELS[1:]}, r"steps must have shape \(12,\), got \(11,\)"),
    ],
)
def test_arguments_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        distilled_images(**{"images": images(), "labels": LABELS, **options})
