from __future__ import annotations

import io
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from thinset.report import PublishedFigure, StudyInputs, plots, write_study_report
from thinset.report.terminal import spoken_comparison
from thinset.results import FULL, RANDOM, Arm, Score, summarise
from thinset.results.grouping import RANDOM_COLOUR, SELECTED_COLOUR, colour_of, configuration_of
from thinset.results.metrics import Metric, described

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeRecord
    from thinset.results import RunRecord

NBSP = "\N{NO-BREAK SPACE}"


@pytest.fixture
def by_split(make_record: MakeRecord) -> list[RunRecord]:
    """Top-k loses 1 point at a split of one half and 5 on the subset alone, on each seed."""
    gains = {0.5: -1.0, 1.0: -5.0}
    records = [make_record("full", seed, 70.0 + seed) for seed in range(3)]
    for split, seed in itertools.product(gains, range(3)):
        base = 68.0 - 4 * split + seed
        records += [
            make_record("random", seed, base, split=split),
            make_record("random:stratified", seed, base + 0.5, split=split),
            make_record("topk", seed, base + gains[split] + 0.1 * seed, split=split),
        ]
    return records


def page_of(records: list[RunRecord], out: Path, **changes: object) -> str:
    inputs = StudyInputs("A study", "noise: 200 samples", records, "thinset compare noise")
    for name, value in changes.items():
        object.__setattr__(inputs, name, value)
    page = write_study_report(inputs, out)
    return page.read_text(encoding="utf-8")


def test_a_grid_of_splits_is_drawn_with_everything_at_zero(by_split: list[RunRecord]) -> None:
    figure = plots.score_against_split(by_split, RANDOM)
    accuracy, difference = figure.axes
    assert [text.get_text() for text in accuracy.get_xticklabels()] == ["0", "50", "100"]
    lines = {
        line.get_color(): np.asarray(line.get_ydata(orig=False))
        for line in accuracy.lines
        if line.get_marker() == "o" and len(np.asarray(line.get_ydata(orig=False))) == 3
    }
    np.testing.assert_allclose(lines[RANDOM_COLOUR], [71.0, 67.0, 65.0])
    np.testing.assert_allclose(lines[SELECTED_COLOUR], [71.0, 66.1, 60.1])
    drawn = [line for line in difference.lines if line.get_color() == SELECTED_COLOUR]
    np.testing.assert_allclose(drawn[0].get_ydata(orig=False), [-0.9, -4.9])
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["top-k", "random samples", "stratified random samples"]


def test_a_grid_of_sizes_leaves_everything_out(make_record: MakeRecord) -> None:
    records = [make_record("full", seed, 70.0) for seed in range(2)]
    for size, seed in itertools.product((10, 40), range(2)):
        records.append(make_record("random", seed, 40.0 + size, n_subset=size))
        records.append(make_record("topk", seed, 41.0 + size, n_subset=size))
    figure = plots.score_against_size(records, RANDOM)
    labels = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert labels == ["10\n5 %", "40\n20 %"]
    lines = [line for line in figure.axes[0].lines if len(np.asarray(line.get_xdata())) == 2]
    assert {line.get_color() for line in lines} >= {RANDOM_COLOUR, SELECTED_COLOUR}


def test_budgets_are_bars_from_zero_one_per_run(make_record: MakeRecord) -> None:
    records = [
        make_record(arm, seed, 50.0 + seed, comparison=comparison, total="60s")
        for comparison in ("time", "training time")
        for arm in ("topk", "random", "full")
        for seed in range(4)
    ]
    figure = plots.budget_bars(records)
    assert len(figure.axes) == 2
    for axes in figure.axes:
        bars = axes.patches
        assert len(bars) == 12
        assert {bar.get_y() for bar in bars} == {0}
        assert sorted({bar.get_height() for bar in bars}) == [50, 51, 52, 53]
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["60 s, everything counted", "60 s, training alone counted"]


def test_differences_are_drawn_with_their_intervals(by_split: list[RunRecord]) -> None:
    summaries = summarise(by_split)
    compared = [summary for summary in summaries if summary.versus_baseline is not None]
    among = [summary.configuration for summary in summaries]
    axes = plots.differences_to_baseline(compared, among).axes[0]
    bars = [line for line in axes.lines if len(np.asarray(line.get_xdata())) == 2]
    first = compared[0].versus_baseline
    assert first is not None
    np.testing.assert_allclose(bars[0].get_xdata(), first.interval)


def test_losses_have_an_axis_each(make_record: MakeRecord) -> None:
    records = [make_record(arm, seed, 50.0) for arm in ("topk", "random") for seed in range(2)]
    figure = plots.loss_against_seconds(records)
    assert [axes.get_ylabel() for axes in figure.axes] == ["training loss", "test loss"]
    assert [axes.get_yscale() for axes in figure.axes] == ["log", "log"]
    strong = [line for line in figure.axes[1].lines if line.get_linewidth() > 2]
    np.testing.assert_allclose(strong[0].get_ydata(orig=False), [2.1, 2.0, 1.9, 1.8])


def test_variants_of_an_arm_have_colours_of_their_own(by_split: list[RunRecord]) -> None:
    keys = {configuration_of(record) for record in by_split}
    colours = {key.arm: colour_of(key, keys) for key in keys}
    assert len(set(colours.values())) == len(colours) == 4


def test_the_page_shows_losses_and_published_figures(
    by_split: list[RunRecord], tmp_path: Path
) -> None:
    published = (
        PublishedFigure("100/0, top-k", 63.9, Arm.parse("topk"), 1.0),
        PublishedFigure("all at once", 83.3, FULL),
        PublishedFigure("how long", "736 s"),
        PublishedFigure("50/50, k-means", 60.0, Arm.parse("kmeans"), 0.5),
    )
    text = page_of(by_split, tmp_path / "out", source="A paper", published=published)
    assert "topk (100" in text
    assert "None of 2 subsets clearly beats random samples at equal steps: 2 do worse" in text
    assert f"63.9{NBSP}%" in text
    assert f"60.1 ± 1.1{NBSP}% (n = 3)" in text
    assert "not measured here" in text
    assert "736 s" in text
    assert 'id="accuracy-against-split"' in text
    assert 'id="differences-to-random-steps"' in text
    assert (tmp_path / "out" / "plots" / "accuracy-against-split.png").exists()


def test_published_figures_have_the_unit_of_the_metric(
    by_split: list[RunRecord], tmp_path: Path
) -> None:
    kid = [
        replace(
            run,
            metric="kid",
            metrics=described("kid"),
            final={"kid": Score(0.031 + 0.001 * run.seed)},
        )
        for run in by_split
    ]
    published = (PublishedFigure("a generator", 0.05, FULL),)
    text = page_of(kid, tmp_path / "out", source="A paper", published=published)
    assert "<td>a generator</td><td>0.05</td><td>0.0320 ± 0.0010 (n = 3)</td>" in text


def test_names_of_metrics_do_not_lead_out_of_the_folder(
    make_record: MakeRecord, tmp_path: Path
) -> None:
    name = "../../An odd/metric"
    records = [
        replace(
            run,
            metric=name,
            metrics={name: Metric("oddness", "%")},
            final={name: run.final["accuracy"]},
            curve=tuple(
                replace(point, scores={name: point.scores["accuracy"]}) for point in run.curve
            ),
        )
        for run in (make_record(arm, comparison="time", total="8s") for arm in ("topk", "random"))
    ]
    text = page_of(records, tmp_path / "deep" / "out")
    assert 'id="an-odd-metric-against-seconds"' in text
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]
    assert (tmp_path / "deep" / "out" / "plots" / "an-odd-metric-against-seconds.png").exists()


def test_every_comparison_has_its_own_figure_of_differences(
    make_record: MakeRecord, tmp_path: Path
) -> None:
    records = [
        make_record(arm, seed, 50.0 + seed, comparison=comparison, total="60s")
        for comparison in ("time", "training time")
        for arm in ("topk", "random")
        for seed in range(2)
    ]
    text = page_of(records, tmp_path / "out")
    for name in ("differences-to-random-time", "differences-to-random-training-time"):
        assert f'id="{name}"' in text
    assert 'id="fixed-budget"' in text
    assert "accuracy-against-split" not in text


def test_ways_to_train_on_everything_are_drawn_against_the_plain_one(
    make_record: MakeRecord, tmp_path: Path
) -> None:
    plain = [make_record(arm, seed, 50.0 + seed) for arm in ("topk", "full") for seed in (0, 1)]
    assert "differences-to-full" in page_of(plain, tmp_path / "plain")
    with_random = [*plain, make_record("random", 0, 40.0), make_record("random", 1, 41.5)]
    text = page_of(with_random, tmp_path / "random")
    assert "differences-to-random" in text
    assert "differences-to-full" not in text
    balanced = [make_record("full:balanced", seed, 60.0 + 2 * seed) for seed in (0, 1)]
    text = page_of([*plain, *balanced], tmp_path / "out")
    assert 'id="differences-to-full-steps"' in text
    assert "differences-to-random" not in text
    summaries = summarise([*plain, *balanced])
    compared = [summary for summary in summaries if summary.versus_full is not None]
    among = [summary.configuration for summary in summaries]
    axes = plots.differences_to_full(compared, among).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "top-k",
        "everything, classes balanced",
    ]
    bars = [line for line in axes.lines if len(np.asarray(line.get_xdata())) == 2]
    assert compared[1].versus_full is not None
    np.testing.assert_allclose(bars[1].get_xdata(), compared[1].versus_full.interval)


def test_the_terminal_shows_every_arm_and_the_verdicts(by_split: list[RunRecord]) -> None:
    spoken = spoken_comparison(by_split)
    lines = spoken.splitlines()
    assert any(line.startswith("random (100") for line in lines)
    headline = lines[lines.index("") + 1]
    assert headline == (
        "None of 2 subsets clearly beats random samples at equal steps: 2 do worse. "
        "Training on everything reaches 71.0\N{NO-BREAK SPACE}%."
    )
    assert any(
        line.startswith("Do not keep top-k (100\N{NO-BREAK SPACE}% fast): ") for line in lines
    )
    assert any("3 paired seeds" in line for line in lines)


def test_same_records_same_picture(by_split: list[RunRecord]) -> None:
    pictures = [
        plots.rendered(plots.score_against_split(by_split, RANDOM), "png") for _ in range(2)
    ]
    assert pictures[0] == pictures[1]
    assert io.BytesIO(pictures[0]).read(4) == b"\x89PNG"


def test_texts_that_are_not_utf_8_or_endless_are_drawn_and_written(
    make_record: MakeRecord, tmp_path: Path
) -> None:
    r"""Names of files may hold lone surrogates, which no font has and UTF-8 cannot encode."""
    odd = "file:caf\udce9.npz"
    records = [
        make_record(
            arm,
            seed,
            50.0 + seed,
            comparison=comparison,
            total=total,
            command="thinset compare caf\udce9",
            preparation_seconds={"caf\udce9": 1.0, "y" * 5000: 1.0} if arm == odd else {},
        )
        for comparison, total in (("steps", "40st"), ("time", "8s"))
        for arm in ("random", odd)
        for seed in range(2)
    ]
    page = page_of(records, tmp_path / "out")
    assert "caf\\udce9" in page
    labels = plots.style.drawable("x" * 100_000), plots.style.drawable("\udce9")
    assert (len(labels[0]), labels[1]) == (200, "\\udce9")


@pytest.mark.parametrize("label", ["\ud83d", "x" * 100_000])
def test_runs_that_disagree_on_a_metric_say_where_in_short(
    make_record: MakeRecord, label: str
) -> None:
    one, other = make_record(seed=0), make_record(seed=1)
    changed = replace(other.metrics["accuracy"], label=label)
    other = replace(other, metrics={**other.metrics, "accuracy": changed})
    with pytest.raises(
        ValueError, match="must agree on the metric accuracy, but its label is"
    ) as e:
        summarise([one, other])
    assert len(str(e.value)) < 200
