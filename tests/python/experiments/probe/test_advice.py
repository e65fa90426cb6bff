"""The advice of a probe: each rule, and what it must never say."""

from __future__ import annotations

import shlex

import numpy as np
import pytest

from thinset.command_line import COMMANDS
from thinset.experiments.plan.rules import few_labels
from thinset.experiments.probe.advice import BOTH, DISTINCT, Case, Costs, advise
from thinset.results import BALANCED, FULL, Arm
from thinset.results.probe import ArmScores

KMEANS, RANDOM = Arm.parse("kmeans:per_class"), Arm.parse("random:per_class")
CASE = Case(source="my data", n_samples=1000, costs=Costs(2.0, 1.0, 5.0, 3_000_000, 0.5))


def arms(**scores):
    names = {"full": FULL, "kmeans": KMEANS, "random": RANDOM, "balanced": BALANCED,
             "distinct": DISTINCT, "both": BOTH}  # fmt: skip
    return tuple(ArmScores(names[name], tuple(values)) for name, values in scores.items())


def case(**changes):
    return Case(**{**vars(CASE), **changes})


def test_calm_data_are_not_selected_from() -> None:
    advice = advise(CASE)
    assert (advice.action, advice.command, advice.cost_seconds) == ("do not select", None, 0.0)
    assert advice.sureness == "medium"
    assert "samples do not repeat" in advice.reason


def test_what_was_not_measured_is_named_and_not_claimed() -> None:
    advice = advise(case(missing=("repetition", "short trainings")))
    assert advice.action == "do not select"
    assert advice.sureness == "low"
    assert "not measured: repetition, short trainings" in advice.why_sure
    assert "samples do not repeat" not in advice.reason


@pytest.mark.parametrize(
    ("reasons", "action", "arm", "seconds"),
    [
        ({"balance": "sizes differ"}, "balance", "full:balanced", 0.0),
        ({"distinct": "samples repeat"}, "deduplicate", "full:dedup=0.2", 3.0),
        (
            {"balance": "sizes differ", "distinct": "samples repeat"},
            "balance and deduplicate", "full:balanced:dedup=0.2", 3.0,
        ),
    ],
)  # fmt: skip
def test_each_rule_has_its_advice(reasons, action, arm, seconds) -> None:
    advice = advise(case(**reasons))
    assert (advice.action, advice.cost_seconds) == (action, pytest.approx(seconds))
    assert arm in shlex.split(advice.command)
    assert advice.sureness == "medium"
    for reason in reasons.values():
        assert reason in advice.reason


def test_images_that_training_waits_for_are_kept_decoded() -> None:
    advice = advise(case(in_memory="70 % is waiting", balance="sizes differ"))
    assert (advice.action, advice.cost_seconds) == ("keep decoded images", 5.0)
    assert shlex.split(advice.command) == ["thinset", "data", "import", "my data", "-o", "decoded"]
    assert "3 MB of decoded images" in advice.cost
    assert advice.also == (
        "If all classes count alike, show every class equally often and train on everything.",
    )


def test_short_trainings_confirm_or_contradict_a_rule() -> None:
    full = (50.0, 51.0, 50.5)
    better = advise(case(balance="sizes differ", arms=arms(full=full, balanced=(60, 61.5, 60.8))))
    assert (better.action, better.sureness) == ("balance", "high")
    same = advise(case(balance="sizes differ", arms=arms(full=full, balanced=(50, 52, 50))))
    assert (same.action, same.sureness) == ("balance", "medium")
    assert "do not settle it" in same.why_sure
    worse = advise(case(balance="sizes differ", arms=arms(full=full, balanced=(40, 41.5, 40.8))))
    assert worse.action == "do not select"
    assert "short trainings contradict full:balanced" in worse.reason


@pytest.mark.parametrize(
    "kmeans",
    [
        (60.0, 51.0, 51.0),  # a higher mean, but the interval contains zero
        (51.0, 52.0, 51.5),  # always one point more: an interval of no width is no evidence
        (49.0, 50.0, 49.0),
        (80.0,),  # a single seed has no interval
    ],
)
def test_a_subset_is_never_advised_where_the_interval_contains_zero(kmeans) -> None:
    tried = arms(full=(50.0, 51.0, 50.5), kmeans=kmeans, random=(48.0, 49.5, 49.0))
    assert advise(case(arms=tried)).action == "do not select"


def test_no_random_scores_make_it_advise_a_subset_with_zero_inside() -> None:
    generator = np.random.default_rng(0)
    n_selected = 0
    for _ in range(300):
        n_seeds = int(generator.integers(1, 4))
        tried = arms(
            full=generator.normal(50, 3, n_seeds),
            kmeans=generator.normal(55, 3, n_seeds),
            random=generator.normal(50, 3, n_seeds),
        )
        if advise(case(arms=tried)).action == "select":
            n_selected += 1
            found = [arm for arm in tried[1:] if arm.minus(tried[0]).interval[0] > 0]
            assert found
    assert 0 < n_selected < 300


def test_a_subset_must_also_beat_other_ways_to_train_on_everything() -> None:
    full, kmeans = (50.0, 51.0, 50.5), (55.0, 56.2, 55.4)
    advice = advise(case(arms=arms(full=full, kmeans=kmeans)))
    assert (advice.action, advice.sureness) == ("select", "low")
    assert "kmeans:per_class" in shlex.split(advice.command)
    # Deduplication is better still, so it is advised, and not the subset.
    ways = arms(full=full, distinct=(60.0, 61.0, 60.2), kmeans=kmeans)
    for distinct in (None, "samples repeat"):
        assert advise(case(arms=ways, distinct=distinct)).action == "deduplicate"
    # It shows no difference to everything, but the subset does not beat it.
    ways = arms(full=full, distinct=(40.0, 70.0, 60.2), kmeans=kmeans)
    assert advise(case(arms=ways)).action == "do not select"


def test_repetition_below_the_rule_is_stated_not_denied() -> None:
    assert "samples do not repeat" in advise(case(repeated_share=0.002)).reason
    assert "(40.5 % repeat others)" in advise(case(repeated_share=0.405)).reason


def test_few_labels_are_spent_on_rows_chosen_by_kmeans() -> None:
    most = few_labels(embeddings_given=False)
    advice = advise(case(label_budget=most, distinct="samples repeat"))
    assert (advice.action, advice.sureness) == ("choose rows to label", "low")
    embed, select = advice.command.split(" && ")
    assert "pca" in shlex.split(embed)
    assert shlex.split(select)[3:] == ["-m", "kmeans", "-n", str(most), "-o", "chosen.npz"]
    assert advice.cost_seconds == pytest.approx(2.5)
    assert advice.also[0].startswith("Samples repeat")
    given = advise(case(label_budget=50, embeddings="mine.npy"))
    assert shlex.split(given.command)[:3] == ["thinset", "select", "mine.npy"]
    assert (given.cost_seconds, given.sureness) == (0.5, "medium")


def test_given_embeddings_raise_the_number_of_labels_worth_choosing() -> None:
    most = few_labels(embeddings_given=True)
    assert most > few_labels(embeddings_given=False)
    chosen, drawn = (
        advise(case(label_budget=n, embeddings="mine.npy")).action for n in (most, most + 1)
    )
    assert (chosen, drawn) == ("choose rows to label", "label random rows")


def test_many_labels_are_spent_on_random_rows() -> None:
    advice = advise(case(label_budget=few_labels(embeddings_given=False) + 1))
    assert advice.action == "label random rows"
    assert "random" in shlex.split(advice.command)


@pytest.mark.parametrize("budget", [1000, 5000])
def test_a_budget_for_all_labels_leaves_nothing_to_choose(budget) -> None:
    advice = advise(case(label_budget=budget))
    assert (advice.action, advice.command) == ("label everything", None)


@pytest.mark.parametrize(
    "changes",
    [
        {"balance": "b"},
        {"distinct": "d", "embeddings": "mine.npy"},
        {"in_memory": "m"},
        {"label_budget": 50},
        {"label_budget": 500, "image_size": (8, 8)},
        {"arms": arms(full=(50.0, 51.0, 50.5), kmeans=(55.0, 56.2, 55.4))},
        {"balance": "b", "image_size": (8, 8)},
    ],
)
def test_every_command_can_be_run(changes) -> None:
    import importlib

    from thinset.command_line.parsing import parse

    modules = {one.name: one.module for one in COMMANDS}
    for line in advise(case(**changes)).command.split(" && "):
        program, *words = shlex.split(line)
        n_words = 2 if " ".join(words[:2]) in modules else 1
        module = importlib.import_module(modules[" ".join(words[:n_words])])
        assert program == "thinset"
        assert parse(module.Command, line, words[n_words:])


def test_data_without_labels_are_pointed_to_the_label_budget() -> None:
    assert advise(case()).also == ()
    (also,) = advise(case(has_labels=False)).also
    assert "--label-budget N" in also
