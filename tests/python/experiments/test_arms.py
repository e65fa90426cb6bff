from __future__ import annotations

import pytest

from thinset.experiments.arms import arm_text, parse_arm


def test_an_arm_without_a_subset():
    full, resident, pruning = map(parse_arm, ("full", "full:resident", "loss_pruning"))
    assert [arm.arm for arm in (full, resident, pruning)] == ["full"] * 3
    assert [arm.has_fast_phase for arm in (full, resident, pruning)] == [False] * 3
    assert (full.resident, resident.resident) == (None, True)
    assert (full.then, pruning.then) == ("full", "loss_pruning")


def test_everything_balanced_or_deduplicated():
    balanced, distinct, both = map(
        parse_arm, ("full:balanced", "full:dedup=0.2", "full:resident:dedup=0:balanced")
    )
    assert [arm.arm for arm in (balanced, distinct, both)] == ["full"] * 3
    assert [arm.has_fast_phase for arm in (balanced, distinct, both)] == [False] * 3
    assert [arm.is_balanced for arm in (balanced, distinct, both)] == [True, False, True]
    assert [arm.distinct for arm in (balanced, distinct, both)] == [None, 0.2, 0]
    assert [arm.needs_embeddings for arm in (balanced, distinct, both)] == [False, True, True]
    assert both.resident is True


def test_random_arms_need_no_embeddings():
    random, stratified, repeated = map(
        parse_arm, ("random", "random:stratified", "repeated_random:then=loss_pruning")
    )
    assert [arm.arm for arm in (random, stratified, repeated)] == ["random"] * 3
    assert not any(arm.needs_embeddings for arm in (random, stratified, repeated))
    assert stratified.selection.options == {"stratified": True}
    assert (repeated.is_repeated, repeated.selection, repeated.then) == (True, None, "loss_pruning")
    assert parse_arm("random:dedup=0.2").needs_embeddings


def test_options_go_where_they_belong():
    arm = parse_arm("topk:per_class:mode=abs:metric=cosine:dedup=0.25:then=loss_pruning")
    assert arm.arm == "selected"
    assert arm.then == "loss_pruning"
    selection = arm.selection
    assert (selection.method, selection.per_class) == ("topk", "balanced")
    assert (selection.metric, selection.dedup) == ("cosine", 0.25)
    assert selection.options == {"mode": "abs"}
    assert parse_arm("kmeans:per_class=proportional:n_iterations=3").selection.options == {
        "n_iterations": 3
    }


def test_a_selection_of_ones_own():
    arm = parse_arm("file:folder/mine.npz:then=loss_pruning")
    assert (arm.arm, str(arm.file), arm.then) == ("selected", "folder/mine.npz", "loss_pruning")
    assert (arm.selection, arm.has_fast_phase, arm.needs_embeddings) == (None, True, False)


@pytest.mark.parametrize(
    "text",
    [
        "topk",
        "kmeans:per_class",
        "kmeans:per_class=proportional:n_iterations=3",
        "random:stratified",
        "topk:metric=cosine:dedup=0.25:mode=abs:refill=false",
    ],
)
def test_a_selection_is_told_as_the_arm_is_written(text):
    selection = parse_arm(text).selection
    assert arm_text(selection) == text


def test_only_methods_that_draw_lots_depend_on_the_seed():
    depends = [parse_arm(text).depends_on_seed for text in ("random", "kmeans", "topk", "full")]
    assert depends == [True, True, False, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("best", "arm 'best': the name must be one of full, loss_pruning, .*topk"),
        ("file", "arm 'file' must name one file"),
        ("file:a.npz:b.npz", "must name one file"),
        ("full:k=3", "arm 'full:k=3' has no option 'k'"),
        ("full:resident=no", "resident must be True, got no"),
        ("full:balanced=2", "balanced must be True, got 2"),
        ("full:dedup", "dedup must be at least 0 and below 1, got True"),
        ("full:dedup=1", "dedup must be at least 0 and below 1, got 1"),
        ("loss_pruning:share=0.5", "has no option 'share'"),
        ("repeated_random:stratified", "has no option 'stratified'"),
        ("topk:refil=false", "method 'topk' has no option 'refil'"),
        ("topk:mode=best", "mode must be one of max, min, abs"),
        ("topk:per_class=some", "per_class must be True or balanced or proportional, got some"),
        ("topk:metric=l1", "metric must be .*, got l1"),
        ("topk:weighted", "only the clusters of kmeans have sizes"),
        ("random:dedup", "dedup must be at least 0 and below 1, got True"),
        ("random:dedup=2", "dedup must be at least 0 and below 1, got 2"),
        ("random:then=rest", "then must be full or loss_pruning, got rest"),
    ],
)
def test_a_mistake_is_quoted(text, message):
    with pytest.raises(ValueError, match=message):
        parse_arm(text)
