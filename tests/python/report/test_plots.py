from __future__ import annotations

import dataclasses
import io
import sys
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from thinset.report import plots
from thinset.report.plots.curves import mean_curve
from thinset.report.plots.embedding_map import MAX_ROWS, read_rows
from thinset.report.plots.samples import embedding_map_of, grid_shape, tile_mosaic
from thinset.report.plots.timeline import mean_stage_seconds
from thinset.report.principal_axes import principal_axes
from thinset.results.grouping import FULL_COLOUR, RANDOM_COLOUR, SELECTED_COLOUR

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from conftest import MakeRecord
    from thinset.results import RunRecord


def _pixels(figure: Figure) -> NDArray[np.uint8]:
    from matplotlib.image import imread

    picture = imread(io.BytesIO(plots.rendered(figure, "png")), format="png")
    return (255.0 * picture[:, :, :3]).round().astype(np.uint8)


def _legend(figure: Figure) -> list[str]:
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes)]
    return [text.get_text() for legend in legends if legend for text in legend.get_texts()]


def test_few_steps_have_no_ticks_between_them(comparison_records: list[RunRecord]) -> None:
    runs = [run for run in comparison_records if run.comparison == "steps"]
    short = [
        dataclasses.replace(
            run,
            curve=tuple(
                dataclasses.replace(point, step=step) for step, point in enumerate(run.curve, 1)
            )[:3],
        )
        for run in runs
    ]
    figure = plots.score_against_steps(short)
    figure.canvas.draw()
    ticks = figure.axes[0].get_xticks()
    np.testing.assert_array_equal(ticks, np.round(ticks))


def test_curves_show_every_seed_and_the_mean(comparison_records: list[RunRecord]) -> None:
    runs = [run for run in comparison_records if run.comparison == "steps"]
    figure = plots.score_against_steps(runs)
    assert _legend(figure) == ["top-k, n = 3", "random samples, n = 3", "everything, n = 3"]
    strong = [line for line in figure.axes[0].lines if line.get_linewidth() > 2]
    selected = next(line for line in strong if line.get_color() == SELECTED_COLOUR)
    np.testing.assert_allclose(selected.get_xdata(), [10, 20, 30, 40])
    np.testing.assert_allclose(selected.get_ydata(), 51.0 * np.arange(1, 5) / 4)
    thin = [line for line in figure.axes[0].lines if line.get_linewidth() < 1]
    assert sum(line.get_color() == SELECTED_COLOUR for line in thin) == 3


def test_the_start_of_fine_tuning_is_marked(comparison_records: list[RunRecord]) -> None:
    figure = plots.score_against_steps(comparison_records[:9])
    assert [text.get_text() for text in figure.axes[0].texts] == ["fine-tuning"]
    assert figure.axes[0].texts[0].xy[0] == 20


def test_seconds_start_at_zero_and_show_the_preparation(make_record: MakeRecord) -> None:
    figure = plots.score_against_seconds([make_record("topk"), make_record("random")])
    axes = figure.axes[0]
    assert axes.get_xlim()[0] == 0.0
    assert [text.get_text() for text in axes.texts] == ["preparing top-k: 3.50 s"]
    bar = next(line for line in axes.lines if line.get_linewidth() == 5)
    np.testing.assert_allclose(bar.get_xdata(), [0.0, 3.5])


@pytest.mark.parametrize("share", [0.1, 0.24, 0.26, 0.6, 0.95])
def test_the_label_of_the_preparation_stays_inside(make_record: MakeRecord, share: float) -> None:
    right = plots.score_against_seconds([make_record("topk")]).axes[0].get_xlim()[1]
    long = {"encoder training": share * right}
    arm = "kmeans:per_class=proportional"
    figure = plots.score_against_seconds([make_record(arm, preparation_seconds=long)])
    figure.canvas.draw()
    axes = figure.axes[0]
    (label,) = axes.texts
    box, inside = label.get_window_extent(), axes.get_window_extent()
    assert inside.x0 <= box.x0 < box.x1 <= inside.x1


def test_a_run_without_measurements_draws_no_curve(make_record: MakeRecord) -> None:
    figure = plots.score_against_seconds([make_record(), make_record(seed=1, curve=())])
    assert _legend(figure) == ["top-k, n = 2"]


def test_the_mean_covers_the_common_range_alone() -> None:
    first = (np.array([0.0, 2.0, 4.0]), np.array([0.0, 20.0, 40.0]))
    second = (np.array([1.0, 5.0]), np.array([30.0, 70.0]))
    mean = mean_curve([first, second])
    assert mean is not None
    np.testing.assert_allclose(mean[0], [1.0, 2.0, 4.0])
    np.testing.assert_allclose(mean[1], [20.0, 30.0, 50.0])


def test_curves_without_a_common_range_have_no_mean() -> None:
    first = (np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    second = (np.array([2.0, 3.0]), np.array([0.0, 1.0]))
    assert mean_curve([first, second]) is None
    assert mean_curve([first]) is None


def test_stage_seconds_add_up_to_the_total(make_record: MakeRecord) -> None:
    runs = [make_record(seed=0), make_record(seed=1, preparation_seconds={"selection": 1.5})]
    stages = mean_stage_seconds(runs)
    assert stages == {
        "encoder training": 1.5,
        "selection": 1.0,
        "fast": 2.0,
        "fine-tuning": 1.5,
        "evaluation": 0.5,
    }
    assert sum(stages.values()) == pytest.approx(np.mean([run.total_seconds for run in runs]))


def test_the_timeline_stacks_stages_end_to_end(comparison_records: list[RunRecord]) -> None:
    axes = plots.two_phase_timeline(comparison_records).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()][:3] == [
        "top-k, equal time",
        "random samples, equal time",
        "everything, equal time",
    ]
    first_row = [bars[0] for bars in axes.containers]
    widths = [bar.get_width() for bar in first_row]
    assert widths == [3.0, 0.5, 2.0, 1.5, 0.5]
    np.testing.assert_allclose(
        [bar.get_x() for bar in first_row], np.cumsum([0.0, *widths[:-1]]), atol=1e-12
    )


def test_tick_labels_keep_what_tells_arms_apart(make_record: MakeRecord) -> None:
    arm = "distilled:dd:start=fixed:fixed_layers=3"
    records = [make_record(arm), make_record(f"{arm}:new_weights")]
    labels = plots.two_phase_timeline(records).axes[0].get_yticklabels()
    assert [label.get_text().splitlines()[2] for label in labels] == [
        "equal steps",
        "from new initial weights, equal",
    ]


def test_curves_of_one_generator_have_one_label() -> None:
    scores = {"discriminator_loss": [1.0, 2.0], "fid": [3.0, 2.0]}
    figure = plots.generator_curves(
        {"10 %": ([2, 4], scores), "100 %": ([2, 4], scores)}, "#0072B2"
    )
    assert len([axes for axes in figure.axes if axes.lines]) == 2
    assert _legend(figure) == ["10 %", "100 %"]
    # The largest size has the colour of the generator, the smallest is lighter.
    small, large = (to_rgb(line.get_color()) for line in figure.axes[0].lines)
    assert large == pytest.approx(to_rgb("#0072B2"))
    assert all(one > other for one, other in zip(small, large, strict=True))


@pytest.mark.parametrize("shape", [(8, 8, 1), (32, 32, 3), (5, 7, 2), (3, 2, 4), (400, 300, 3)])
def test_a_contact_sheet_is_drawn_for_any_image_shape(shape: tuple[int, int, int]) -> None:
    images = np.random.default_rng(1).integers(0, 256, (7, *shape), dtype=np.uint8)
    for sheet in (plots.contact_sheet(images, columns=3), plots.contact_sheet(images / 9.0)):
        assert _pixels(sheet).std() > 0


def test_a_contact_sheet_keeps_order_and_exact_colours() -> None:
    images = np.zeros((3, 48, 48, 3), dtype=np.uint8)
    images[0], images[1], images[2] = (250, 10, 20), (30, 240, 50), (70, 80, 230)
    pixels = _pixels(plots.contact_sheet(images, columns=2))
    assert pixels.shape == (96 + 6 + 96, 96 + 6 + 96, 3)
    assert (pixels[:96, :96] == (250, 10, 20)).all()
    assert (pixels[:96, 102:] == (30, 240, 50)).all()
    assert (pixels[102:, :96] == (70, 80, 230)).all()
    assert (pixels[102:, 102:] == 255).all()


def test_constant_float_images_do_not_divide_by_zero() -> None:
    assert (_pixels(plots.contact_sheet(np.full((1, 4, 4, 1), 7.0))) == 0).all()


@pytest.mark.parametrize("shape", [(0, 8, 8, 1), (8, 8, 1)])
def test_what_is_no_batch_of_images_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="images must be a non-empty"):
        plots.contact_sheet(np.zeros(shape, dtype=np.uint8))


def test_tiles_are_laid_out_row_by_row() -> None:
    tiles = np.arange(3, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 1, 3), np.uint8)
    mosaic = tile_mosaic(tiles, columns=2, gap=1)
    w = 255
    expected = [[0, w, 1], [0, w, 1], [w, w, w], [2, w, w], [2, w, w]]
    np.testing.assert_array_equal(mosaic[:, :, 0], expected)


@pytest.mark.parametrize(
    ("n", "shape"), [(1, (1, 1)), (2, (1, 2)), (7, (3, 3)), (24, (4, 6)), (216, (12, 18))]
)
def test_grids_are_full_where_they_can_be(n: int, shape: tuple[int, int]) -> None:
    assert grid_shape(n) == shape


def test_an_embedding_keeps_its_channels_apart() -> None:
    embedding = np.arange(8.0).reshape(2, 2, 2)
    nan = np.nan
    expected = [[0, 2, nan, 1, 3], [4, 6, nan, 5, 7]]
    np.testing.assert_array_equal(embedding_map_of(embedding), expected)
    np.testing.assert_array_equal(embedding_map_of(np.arange(4.0)), [[0, 1], [2, 3]])


def test_reproductions_need_one_length() -> None:
    images = np.zeros((3, 4, 4, 1))
    with pytest.raises(ValueError, match="got 3, 2 and 3"):
        plots.reconstruction_triples(images, np.zeros((2, 5)), images)


def test_reproductions_draw_three_rows() -> None:
    images = np.random.default_rng(2).random((4, 6, 6, 1))
    figure = plots.reconstruction_triples(images, np.zeros((4, 5)), images + 1.0)
    assert len(figure.axes) == 12
    assert (np.asarray(figure.axes[8].images[0].get_array()) == 255).all()


def test_principal_axes_are_those_of_the_exact_decomposition() -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(300, 40)) * np.geomspace(8.0, 0.5, 40)
    centred = rows - rows.mean(axis=0)
    axes = principal_axes(centred, rng=np.random.default_rng(4))
    exact = np.linalg.svd(centred, full_matrices=False)[2][:2].T
    np.testing.assert_allclose(axes.T @ axes, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(np.abs((axes * exact).sum(axis=0)), 1.0, atol=1e-6)
    assert (axes[np.abs(axes).argmax(axis=0), [0, 1]] > 0).all()


def test_a_lone_or_constant_column_still_gives_a_plane() -> None:
    rng = np.random.default_rng(5)
    lone = principal_axes(np.array([[1.0], [-1.0]]), rng=rng)
    np.testing.assert_allclose(np.abs(lone), [[1.0, 0.0]])
    assert np.isfinite(principal_axes(np.zeros((4, 3)), rng=rng)).all()


def test_the_map_reads_a_bounded_number_of_rows_and_colours_by_class() -> None:
    class CountingRows(np.ndarray):
        n_read = 0

        def __getitem__(self, key):
            CountingRows.n_read += len(key)
            return np.asarray(self)[key]

    n = 4 * MAX_ROWS
    embeddings = np.random.default_rng(6).random((n, 3), dtype=np.float32).view(CountingRows)
    labels = np.arange(n) % 3
    selected = np.arange(0, n, 100)
    figure = plots.embedding_map(
        embeddings, selected, labels, ["a", "b", "c"], rng=np.random.default_rng(1)
    )
    assert CountingRows.n_read == MAX_ROWS + len(selected)
    assert _legend(figure) == ["dropped", "a", "b", "c"]
    n_drawn = [len(points.get_offsets()) for points in figure.axes[0].collections]
    assert n_drawn[0] <= MAX_ROWS
    assert len(selected) in n_drawn


def test_the_map_does_without_labels_and_with_many_classes() -> None:
    embeddings = np.random.default_rng(6).random((60, 3))
    for labels in (None, np.arange(60)):
        figure = plots.embedding_map(
            embeddings, np.arange(30), labels, None, rng=np.random.default_rng(1)
        )
        assert _legend(figure) == ["dropped", "kept"]


def test_embeddings_that_are_not_finite_are_refused_by_row() -> None:
    embeddings = np.zeros((5, 2))
    embeddings[3, 1] = np.nan
    with pytest.raises(ValueError, match="row 3"):
        read_rows(embeddings, np.array([1, 3]))


def test_class_balance_draws_percentages() -> None:
    figure = plots.class_balance(
        {"full data": np.array([0, 1, 1, 1]), "random": np.array([1, 1])}, ["x", "y", "never"]
    )
    axes = figure.axes[0]
    heights = [[bar.get_height() for bar in bars] for bars in axes.containers]
    assert heights == [[25.0, 75.0, 0.0], [0.0, 100.0, 0.0]]
    assert [bars[0].get_facecolor() for bars in axes.containers] == [
        mpl.colors.to_rgba(FULL_COLOUR),
        mpl.colors.to_rgba(RANDOM_COLOUR),
    ]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["x", "y", "never"]


def test_class_balance_refuses_unknown_arms() -> None:
    with pytest.raises(ValueError, match="arms must be among"):
        plots.class_balance({"other": np.array([0])}, None)


def test_figures_are_the_same_bytes_every_time(comparison_records: list[RunRecord]) -> None:
    drawings = [
        plots.rendered(plots.score_against_steps(comparison_records), kind)
        for kind in ("svg", "png")
        for _ in range(2)
    ]
    assert drawings[0] == drawings[1]
    assert drawings[2] == drawings[3]


def test_the_users_matplotlib_settings_are_neither_used_nor_changed(
    comparison_records: list[RunRecord],
) -> None:
    expected = plots.rendered(plots.two_phase_timeline(comparison_records), "svg")
    with mpl.rc_context({"font.size": 30.0, "axes.facecolor": "black"}):
        drawn = plots.rendered(plots.two_phase_timeline(comparison_records), "svg")
        assert mpl.rcParams["font.size"] == 30.0
    assert drawn == expected


def test_a_missing_matplotlib_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.style", None)
    with pytest.raises(ImportError, match=r"thinset\[report\]"):
        plots.contact_sheet(np.zeros((1, 4, 4, 1), dtype=np.uint8))


def test_two_arms_of_one_colour_differ_in_style(make_record: MakeRecord) -> None:
    runs = [make_record(split=split) for split in (0.5, 0.9)]
    figure = plots.score_against_steps([dataclasses.replace(run, seed=1) for run in runs])
    styles = {line.get_linestyle() for line in figure.axes[0].lines if len(line.get_xdata()) == 0}
    assert styles == {"-", "--"}


@pytest.mark.parametrize("span", [1.5, 2.7, 6.0, 100.0])
def test_an_axis_of_losses_has_several_labels(make_record, span):
    curve = [(10, 1.7, 0.4), (20, 1.7 / span**0.5, 0.5), (30, 1.7 / span, 0.6)]
    record = dataclasses.replace(make_record(), comparison="time")
    points = tuple(
        dataclasses.replace(
            record.curve[0],
            step=step,
            seconds=float(step),
            train_loss=loss,
            scores={"loss": loss, "accuracy": accuracy},
        )
        for step, loss, accuracy in curve
    )
    figure = plots.loss_against_seconds([dataclasses.replace(record, curve=points)])
    figure.canvas.draw()
    for axes in figure.axes:
        low, high = axes.get_ylim()
        shown = [tick for tick in axes.get_yticks() if low <= tick <= high]
        assert 2 <= len(shown) <= 12
