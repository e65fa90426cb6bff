"""The figures of headlines, computed again from the records beside the page by other means."""

from __future__ import annotations

import html
import json
import re
import shutil
import statistics
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from scipy import stats

from thinset.experiments.pages import write_page
from thinset.report import Progress, StudyInputs, write_study_report

if TYPE_CHECKING:
    from conftest import MakeRecord

GOLDEN = Path(__file__).parents[2] / "golden"
RANDOM = (38.1, 39.4, 38.9)

# Scores by arm and seed; what the sentence says, and the figures in it, in their order: means by
# name, "low" and "high" of the interval of an arm's difference from random, "gain" for its mean.
STUDIES = [
    pytest.param(
        {"kmeans": (55.2, 55.9, 55.4, 90.0), "random": RANDOM},  # the last seed has no partner
        r"Keep k-means: \S+ % against \S+ % with random samples at equal steps; 95 % interval",
        ["kmeans", "random", "low kmeans", "high kmeans"],
        id="better",
    ),
    pytest.param(
        {"topk": (35.2, 36.9, 36.0), "random": RANDOM},
        r"Do not keep top-k: \S+ % against \S+ % with random samples",
        ["topk", "random", "low topk", "high topk"],
        id="worse",
    ),
    pytest.param(
        {"topk": (37.2, 41.9, 38.0), "random": RANDOM},
        r"No clear difference: \S+ % with top-k, \S+ % with random samples",
        ["topk", "random", "low topk", "high topk"],
        id="no difference",
    ),
    pytest.param(
        {"kmeans": (45.2, 46.9, 45.4), "topk": (37.2, 41.9, 38.0), "random": RANDOM},
        r"Keep k-means, the only one of 2 subsets that beats random samples at equal steps: ",
        ["kmeans", "random", "low kmeans", "high kmeans"],
        id="one of two better",
    ),
    pytest.param(
        {"kmeans": (45.2, 46.9, 45.4), "random": RANDOM, "full": (70.3, 71.0, 70.2)},
        r"Train on everything: \S+ % against \S+ % with k-means .*\. K-means beats only random",
        ["full", "kmeans", "low full against kmeans", "high full against kmeans"],
        id="everything better",
    ),
    pytest.param(
        {
            "kmeans": (45.2, 46.9, 45.4), "max_min": (44.0, 44.9, 44.7), "topk": (37.2, 41.9, 38.0),
            "random": RANDOM,
        },
        r"2 of 3 subsets beat random samples \(\S+ %\) at equal steps: k-means \(.*\) or max-min",
        ["random", "low kmeans", "high kmeans", "low max_min", "high max_min"],
        id="two of three better",
    ),
    pytest.param(
        {
            "kmeans": (45.2, 46.9, 45.4), "max_min": (44.0, 44.9, 44.7), "topk": (52.0, 53.9, 53.0),
            "max_sum": (41.0, 42.1, 41.7), "random": RANDOM,
        },
        r"4 of 4 subsets beat random samples \(\S+ %\) at equal steps, by \S+ to \S+ points",
        ["random", "gain max_sum", "gain topk"],
        id="four better",
    ),
    pytest.param(
        {
            "topk": (35.2, 36.9, 36.0), "kmeans": (37.2, 41.9, 38.0), "random": RANDOM,
            "full": (70.3, 71.0, 70.2),
        },
        r"None of 2 subsets clearly beats random samples .*: 1 does worse, 1 shows no clear "
        r"difference\. Training on everything reaches",
        ["random", "full"],
        id="none better",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("scores", "words", "figures"), STUDIES)
def test_the_headline_of_a_study(
    make_record: MakeRecord,
    tmp_path: Path,
    scores: dict[str, tuple[float, ...]],
    words: str,
    figures: list[str],
) -> None:
    records = [
        make_record(arm, seed, score)
        for arm, by_seed in scores.items()
        for seed, score in enumerate(by_seed)
    ]
    # A page of an unfinished study has no plots, whose drawing takes a second.
    inputs = StudyInputs("A study", "noise", records, "thinset compare", progress=Progress(1, 2))
    page = write_study_report(inputs, tmp_path / "report")
    (headline,) = sentences(page, "h1")
    assert re.match(words, headline), headline
    computed = [figure(page, name) for name in figures]
    assert numbers(headline) == pytest.approx(computed, abs=0.0501), headline


def test_the_findings_of_a_trained_study(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "compare_v1", tmp_path / "out")
    page = write_page(tmp_path / "out")
    found = sentences(page, "li")
    for arm, name in (("kmeans:per_class", "k-means per class"), ("topk", "top-k")):
        (sentence,) = [text for text in found if f"% with {name}" in text or f" {name}: " in text]
        low, high = figure(page, f"low {arm}"), figure(page, f"high {arm}")
        assert low < 0 < high
        assert sentence.startswith("No clear difference: ")
        computed = [figure(page, arm), figure(page, "random"), low, high]
        assert numbers(sentence)[:4] == pytest.approx(computed, abs=0.0501), sentence


def sentences(page: Path, tag: str) -> list[str]:
    found = re.findall(f"<{tag}>(.*?)</{tag}>", page.read_text(encoding="utf-8"), re.DOTALL)
    plain = (html.unescape(re.sub("<[^>]*>", "", text)) for text in found)
    return [re.sub(r"\s+", " ", text) for text in plain]


def numbers(sentence: str) -> list[float]:
    """Those with a decimal point: 95 % and counts have none."""
    found = re.findall(r"[+\N{MINUS SIGN}]?\d+\.\d+", sentence)
    return [float(number.replace("\N{MINUS SIGN}", "-")) for number in found]


def figure(page: Path, name: str) -> float:
    """A mean score, or a figure of the difference from random samples or another arm."""
    content = json.loads((page.parent / "records.json").read_text(encoding="utf-8"))
    scores: dict[str, dict[int, float]] = {}
    for run in content["runs"]:
        scores.setdefault(run["arm"], {})[run["seed"]] = run["final"]["accuracy"]["value"]
    what, *arms = name.replace(" against", "").split()
    if what in scores:
        seeds = sorted(scores[what].keys() & scores["random"])
        return statistics.fmean(scores[what][seed] for seed in seeds)
    one, other = (scores[arm] for arm in (*arms, "random")[:2])
    differences = [one[seed] - other[seed] for seed in sorted(one.keys() & other)]
    if what == "gain":
        return statistics.fmean(differences)
    interval = stats.ttest_1samp(differences, 0.0).confidence_interval(0.95)
    return float(getattr(interval, what))
