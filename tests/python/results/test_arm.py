from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from thinset import select
from thinset.results import BALANCED, FULL, LOSS_PRUNING, RANDOM, Arm, SelectionRule
from thinset.results.arm_options import AUGMENTATIONS, GENERATORS, generator_of

TEXTS = [
    "full",
    "full:resident",
    "full:balanced",
    "full:dedup=0.2",
    "full:resident:balanced:dedup=0",
    "full:dedup=0.2:weighted",
    "full:resident:dedup=0:weighted",
    "full:logit_adjusted",
    "full:logit_adjusted=0.5",
    "full:resident:logit_adjusted:dedup=0.2",
    "full:effective",
    "full:effective=0.99:dedup=0.2",
    "full+data:made:effective",
    "full:progressive",
    "full:cached",
    "full:draft",
    "full:cached:draft:balanced:progressive",
    "full:resident:balanced:progressive=0.25:dedup=0.2",
    "full:logit_adjusted:progressive:augment=rot",
    "full+data:made:progressive:then=loss_pruning",
    "full+data:made:logit_adjusted:then=loss_pruning",
    "full+data:made",
    "full+data:made:resident:balanced",
    "full+data:made:then=loss_pruning",
    "loss_pruning",
    "repeated_random",
    "repeated_random:then=loss_pruning",
    "random",
    "random:stratified",
    "random:dedup=0.2",
    "topk",
    "topk:per_class:dedup=0.25:mode=abs:refill=false:then=loss_pruning",
    "kmeans:per_class=proportional:n_iterations=3",
    "kmeans:weighted",
    "facility_location:metric=cosine",
    "file:folder/k=3/mine.npz",
    "file:mine.npz:then=loss_pruning",
    "data:generated",
    "data:distilled:ordinary",
    "data:distilled:ordinary:then=loss_pruning",
    "full:augment=rot",
    "full:resident:balanced:augment=cdcgan",
    "kmeans:augment=flow",
    "random:augment=augorig:then=loss_pruning",
    "topk:per_class:dedup=0.25:mode=abs:augment=interpolate",
    "generated:flow",
    "generated:cdcvae",
    "generated:sngan",
    "full:augment=sngan",
    "generated:sngan:keep=coverage",
    "generated:cdcgan:keep=coverage",
    "generated:cdcgan:keep=typicality:then=loss_pruning",
    "generated:flow:keep=confidence",
    "distilled:dm",
    "distilled:gm:init=kmeans",
    "distilled:dd:ordinary",
    "distilled:soft:init=real:start=pretrained:then=loss_pruning",
    "distilled:dd:start=fixed:fixed_layers=0",
    "distilled:dd:start=fixed:new_weights",
    "distilled:gan-difference:start=pretrained:weight=1.5:on=both:only",
    "distilled:gan-magnitude:weight=2:on=discriminator",
    "distilled:latent",
    "distilled:latent:steps=0",
    "distilled:latent:init=kmeans:start=pretrained:alpha=1:beta=-0.5:constraint=sphere:steps=300",
    "data:distilled:new_weights",
]


@pytest.mark.parametrize("text", TEXTS)
def test_an_arm_is_written_as_it_is_read(text: str) -> None:
    arm = Arm.parse(text)
    assert str(arm) == text
    assert Arm.parse(str(arm)) == Arm.recorded(text) == arm
    assert copy.deepcopy(arm) == pickle.loads(pickle.dumps(arm)) == arm
    assert len({arm, Arm.parse(text)}) == 1


def test_arms_of_other_meaning_differ() -> None:
    assert len(set(map(Arm.parse, TEXTS))) == len(TEXTS)
    assert Arm.parse("full") != "full"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("kmeans:per_class", "kmeans:per_class=balanced"),
        ("kmeans:per_class", "kmeans:per_class=true"),
        ("kmeans:weighted", "kmeans:weighted=true"),
        ("kmeans", "kmeans:weighted=false"),
        ("kmeans", "kmeans:seeding=kmeans++:n_iterations=10"),
        ("topk:mode=abs:per_class", "topk:per_class:mode=abs"),
        ("topk", "topk:metric=euclidean:then=full"),
        ("topk", "topk:drop_constant"),
        ("full:balanced:dedup=0.2", "full:dedup=0.20:balanced=true"),
        ("full", "full:balanced=false"),
        ("full:dedup=0.2:weighted", "full:weighted=true:dedup=0.20"),
        ("full:dedup=0.2", "full:weighted=false:dedup=0.2"),
        ("full:dedup=0:weighted", "full:dedup=-0.0:weighted"),
        ("full:logit_adjusted", "full:logit_adjusted=1.0"),
        ("full:logit_adjusted=2", "full:logit_adjusted=2.0"),
        ("full:logit_adjusted", "full:logit_adjusted=true:effective=false"),
        ("full:effective", "full:effective=0.9999"),
        ("full:progressive", "full:progressive=0.50:effective=false"),
        ("full:progressive:dedup=0.2:weighted", "full:weighted:dedup=0.2:progressive=true"),
        ("full:effective=0.9:dedup=0.2", "full:dedup=0.2:effective=9e-1"),
        ("random:dedup=0", "random:dedup=0.0"),
        ("full:dedup=0", "full:dedup=-0.0"),
        ("topk", "topk:metric=cosine"),
        ("random", "random:metric=sqeuclidean"),
        ("kmeans", "kmeans:metric=sqeuclidean"),
        ("data:good", "data:./good/"),
        ("file:a/x.npz", "file:a/b/../x.npz"),
        ("full:augment=blur:balanced", "full:balanced:augment=blur"),
        ("topk:augment=rot:per_class", "topk:per_class:augment=rot:then=full"),
        ("generated:flow:keep=coverage", "generated:keep=coverage:flow=true"),
        ("generated:flow", "generated:flow:then=full"),
        ("distilled:dd", "distilled:init=noise:dd:start=random"),
        ("distilled:gm", "distilled:gm:init=real:ordinary=false"),
        ("distilled:gan-difference", "distilled:weight=1.0:gan-difference:on=generator"),
        ("distilled:latent", "distilled:latent:constraint=free:alpha=1:beta=0:init=noise"),
    ],
)
def test_two_texts_of_one_meaning_are_one_arm(one: str, other: str) -> None:
    assert Arm.parse(one) == Arm.parse(other)
    assert hash(Arm.parse(one)) == hash(Arm.parse(other))


def test_an_arm_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="an Arm is immutable: cannot set 'distinct'"):
        Arm.parse("full").distinct = 0.5


def test_training_on_everything_has_no_fast_phase() -> None:
    arms = [Arm.parse(text) for text in TEXTS if text.startswith(("full", "loss"))]
    assert not any(arm.has_fast_phase for arm in arms)
    assert {arm.kind for arm in arms} == {"full", "data"}
    assert [arms[0], arms[2]] == [FULL, BALANCED]
    assert LOSS_PRUNING in arms
    both = Arm.parse("full:resident:dedup=0:balanced")
    assert (both.is_resident, both.is_balanced, both.distinct) == (True, True, 0.0)
    assert (both.needs_embeddings, BALANCED.needs_embeddings) == (True, False)
    assert LOSS_PRUNING.fine_tuning == "loss_pruning"
    weighted = Arm.parse("full:dedup=0.2:weighted")
    assert (weighted.distinct, weighted.down_weighted, weighted.is_weighted) == (None, 0.2, False)
    assert weighted.needs_embeddings


def test_random_arms_need_no_embeddings() -> None:
    arms = [
        Arm.parse(t) for t in ("random", "random:stratified", "repeated_random", "random:dedup=0.2")
    ]
    assert [arm.kind for arm in arms] == ["random"] * 4
    assert [arm.needs_embeddings for arm in arms] == [False, False, False, True]
    assert arms[0] == RANDOM
    assert arms[1].rule is not None
    assert arms[1].rule.method_options == {"stratified": True}
    assert (arms[2].is_repeated, arms[2].rule) == (True, None)


def test_options_go_where_they_belong() -> None:
    arm = Arm.parse("topk:per_class:mode=abs:metric=cosine:dedup=0.25:then=loss_pruning")
    assert arm.rule == SelectionRule("topk", "balanced", "euclidean", 0.25, (("mode", "abs"),))
    assert (arm.kind, arm.fine_tuning) == ("selected", "loss_pruning")
    assert arm.rule.method_options == {"drop_constant": True, "mode": "abs"}


def test_sets_that_bring_their_own_size() -> None:
    arms = {text: Arm.parse(text) for text in ("file:mine.npz", "data:made", "topk")}
    assert [arm.has_own_size for arm in arms.values()] == [True, True, False]
    assert [arm.kind for arm in arms.values()] == ["selected", "data", "selected"]
    assert (arms["file:mine.npz"].file, arms["data:made"].data) == ("mine.npz", "made")
    assert Arm.parse("full+data:made").added == "made"


def test_enlarged_and_generated_data() -> None:
    full, subset = Arm.parse("full:augment=rot"), Arm.parse("topk:per_class:augment=flow")
    generated = Arm.parse("generated:cdcvae:keep=typicality:then=loss_pruning")
    assert (full.augment, full.kind, full.has_fast_phase) == ("rot", "data", False)
    assert (subset.augment, subset.kind, subset.has_fast_phase) == ("flow", "selected", True)
    assert subset.rule == SelectionRule("topk", "balanced")
    assert (generated.generated, generated.keep) == ("cdcvae", "typicality")
    assert (generated.kind, generated.has_fast_phase) == ("data", True)
    assert (generated.has_own_size, generated.fine_tuning) == (False, "loss_pruning")
    assert [arm.needs_embeddings for arm in (full, subset, generated)] == [False, True, False]
    assert all(arm.needs_images for arm in (full, subset, generated))
    assert not Arm.parse("topk").needs_images
    assert not any(arm.is_plain for arm in (full, subset, generated))
    assert Arm.parse("random:augment=blur").kind == "random"


def test_arms_name_every_way_to_make_images() -> None:
    from thinset.augmentation.apply import augmentations
    from thinset.augmentation.generators import generators

    assert augmentations() == AUGMENTATIONS
    assert generators() == GENERATORS
    assert generator_of("interpolate") in GENERATORS
    assert [generator_of(name) for name in GENERATORS] == list(GENERATORS)
    assert generator_of("rot") is None


def test_only_methods_that_draw_lots_depend_on_the_seed() -> None:
    rules = [SelectionRule.of(method) for method in ("random", "kmeans", "topk", "max_min")]
    assert [rule.depends_on_seed for rule in rules] == [True, True, False, False]


def test_a_record_may_name_an_arm_of_another_program() -> None:
    other = Arm.recorded("my own: way")
    assert (str(other), other.other, other.kind) == ("my own: way", "my own: way", "selected")
    assert other == Arm.recorded("my own: way") != Arm.recorded("another way")


@pytest.mark.parametrize("per_class", [None, "balanced", "proportional"])
@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cosine"])
@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("topk", {}),
        ("topk", {"mode": "best"}),
        ("topk", {"mode": "min", "drop_constant": False}),
        ("topk", {"refill": 3}),
        ("max_sum", {}),
        ("max_min", {}),
        ("facility_location", {}),
        ("kmeans", {}),
        ("kmeans", {"n_iterations": 3, "seeding": "random"}),
        ("kmeans", {"seeding": "best"}),
        ("kmeans", {"n_iterations": -1}),
        ("random", {"stratified": True}),
        ("random", {"mode": "max"}),
    ],
)
def test_a_rule_is_refused_where_selecting_by_it_would_be(
    method: str, options: dict[str, object], metric: str, per_class: str | None
) -> None:
    rows = np.array([[1.0, 2.0], [2.0, 5.0], [3.0, 1.0], [4.0, 4.0]])

    def is_refused(action: object) -> bool:
        try:
            action()  # type: ignore[operator]
        except ValueError:
            return True
        return False

    def selected() -> None:
        labels = np.array([0, 1, 0, 1])
        select(rows, 2, method, labels=labels, per_class=per_class, metric=metric, **options)

    def written() -> None:
        SelectionRule.of(method, per_class=per_class, metric=metric, options=options)

    assert is_refused(written) == is_refused(selected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("best", "arm 'best': the name must be one of full, loss_pruning, .*topk"),
        ("file", "arm 'file' must name a file or folder, such as file:mine.npz"),
        ("data", "arm 'data' must name a file or folder, such as data:generated"),
        ("full+data", "must name a file or folder, such as full\\+data:generated"),
        ("file:a.npz:b.npz", "has no option 'b.npz'; a path must not hold a colon: rename it"),
        ("data:a:balanced", "has no option 'balanced'"),
        ("file:a:ordinary", "has no option 'ordinary'"),
        ("full:", "ends with a colon"),
        ("full::balanced", "has no option ''"),
        ("full:dedup=0.2:dedup=0.3", "has the option 'dedup' twice"),
        ("full:balanced=1", "balanced must be True, got 1"),
        ("random:dedup=0.2_0", "dedup must be at least 0 and below 1, got 0.2_0"),
        ("full+data:made:dedup=0.2", "dedup does not apply to added data"),
        ("full+data:made:balanced:then=loss_pruning", "exclude each other"),
        ("kmeans:n_iterations=" + "9" * 5000, "n_iterations"),
        ("full:k=3", "arm 'full:k=3' has no option 'k'"),
        ("kmeans:per_klass", "has no option 'per_klass'; it takes .*per_class"),
        ("full:resident=no", "resident must be True, got no"),
        ("full:balanced=2", "balanced must be True, got 2"),
        ("full:weighted", "weighted needs dedup, .*such as full:dedup=0.2:weighted"),
        ("full:dedup=0.2:weighted=2", "weighted must be True, got 2"),
        ("full:dedup=0.2:weighted:balanced", "weighted and balanced exclude each other"),
        ("full:dedup=0.2:weighted:effective", "weighted and effective exclude each other"),
        ("full:dedup=0.2:weighted:logit_adjusted", "weighted and logit_adjusted exclude each"),
        ("full:dedup=0.2:weighted:augment=rot", "augment and dedup exclude each other"),
        ("full+data:made:dedup=0.2:weighted", "dedup does not apply to added data"),
        ("random:dedup=0.2:weighted", "full:dedup=0.2:weighted weighs near-duplicates"),
        ("full:logit_adjusted=0", "logit_adjusted must be above 0 and at most 100, got 0"),
        ("full:logit_adjusted=-1", "logit_adjusted must be above 0 and at most 100, got -1"),
        ("full:logit_adjusted=nan", "logit_adjusted must be above 0 and at most 100, got nan"),
        ("full:logit_adjusted=much", "logit_adjusted must be above 0 .*, got much"),
        ("full:effective=1", "effective must be above 0 and below 1, got 1"),
        ("full:effective=0.0", "effective must be above 0 and below 1, got 0.0"),
        ("full:effective=", "effective must be above 0 and below 1, got $"),
        ("full:cached=2", "cached must be True, got 2"),
        ("full:resident:cached", "cached and resident exclude each other"),
        ("full:draft:dedup=0.2", "draft and dedup exclude each other"),
        ("full:cached:dedup=0.2:weighted", "cached and dedup exclude each other"),
        ("full:draft:augment=rot", "draft and augment exclude each other"),
        ("full+data:made:cached", "cached does not apply to added data"),
        ("random:cached", "has no option 'cached'"),
        ("full:progressive=1", "progressive must be above 0 and below 1, got 1"),
        ("full:progressive=-0.5", "progressive must be above 0 and below 1, got -0.5"),
        ("full:progressive=small", "progressive must be above 0 and below 1, got small"),
        ("random:progressive", "has no option 'progressive'"),
        ("full:balanced:effective", "balanced and effective exclude each other"),
        ("full:logit_adjusted:effective", "logit_adjusted and effective exclude each other"),
        ("full:balanced:logit_adjusted=2", "balanced and logit_adjusted exclude each other"),
        ("full+data:a:effective:then=loss_pruning", "effective and then=loss_pruning exclude"),
        ("random:logit_adjusted", "has no option 'logit_adjusted'"),
        ("loss_pruning:effective", "has no option 'effective'"),
        ("full:dedup", "dedup must be at least 0 and below 1, got True"),
        ("full:dedup=1", "dedup must be at least 0 and below 1, got 1"),
        ("full:dedup=nan", "dedup must be at least 0 and below 1, got nan"),
        ("loss_pruning:share=0.5", "has no option 'share'"),
        ("repeated_random:stratified", "has no option 'stratified'"),
        ("topk:refil=false", "method 'topk' has no option 'refil'"),
        ("topk:mode=best", "mode must be one of max, min, abs"),
        ("topk:per_class=some", "per_class must be True or balanced or proportional, got some"),
        ("topk:metric=l1", "metric must be .*, got l1"),
        ("topk:weighted", "only the clusters of kmeans have sizes"),
        ("kmeans:metric=cosine", "kmeans takes the metrics euclidean, sqeuclidean; got cosine"),
        ("random:dedup", "dedup must be at least 0 and below 1, got True"),
        ("random:dedup=2", "dedup must be at least 0 and below 1, got 2"),
        ("random:then=rest", "then must be full or loss_pruning, got rest"),
        ("random:stratified:per_class", "stratified"),
        ("full:augment", "augment must be one of augorig, blur, .*, sngan, got True"),
        ("full:augment=sharpen", "augment must be one of augorig, blur, .*, got sharpen"),
        ("full:augment=1", "augment must be one of .*, got 1"),
        ("full:augment=rot:augment=rot", "has the option 'augment' twice"),
        ("full:augment=rot:dedup=0.2", "augment and dedup exclude each other"),
        ("full:augment=rot:then=loss_pruning", "has no option 'then'"),
        ("full+data:made:augment=rot", "augment does not apply to added data"),
        ("loss_pruning:augment=rot", "has no option 'augment'"),
        ("repeated_random:augment=rot", "has no option 'augment'"),
        ("file:a.npz:augment=rot", "has no option 'augment'"),
        ("data:made:augment=rot", "has no option 'augment'"),
        ("kmeans:weighted:augment=rot", "weighted and augment exclude each other"),
        ("generated", "must name a generator, .*, flow, sngan, such as generated:flow"),
        ("generated:", "ends with a colon"),
        ("generated:rot", "must name a generator, cdcgan, cdcvae, flow"),
        ("generated:keep=coverage", "must name a generator"),
        ("generated:flow:cdcvae", "must name a generator"),
        ("generated:flow=2", "must name a generator"),
        ("generated:flow:flow", "has the option 'flow' twice"),
        ("generated:flow:keep=all", "keep must be coverage or typicality or confidence, got all"),
        ("generated:flow:keep=", "keep must be coverage or typicality or confidence"),
        ("generated:flow:dedup=0.2", "has no option 'dedup'"),
        ("generated:flow:augment=rot", "has no option 'augment'"),
    ],
)
def test_a_mistake_is_quoted(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        Arm.parse(text)
    assert text in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("distilled", "must name a method, dd, soft, gm, dm"),
        ("distilled:dd:gm", "must name a method"),
        ("distilled:mtt", "must name a method"),
        ("distilled:dd:init=random", "init must be noise or real or topk"),
        ("distilled:dm:start=fixed", "dm has no start and no fixed_layers"),
        ("distilled:gm:fixed_layers=1", "gm has no start and no fixed_layers"),
        ("distilled:dm:new_weights", "new_weights does not apply to a method that stores no steps"),
        ("distilled:dd:ordinary:new_weights", "ordinary training starts from new weights anyway"),
        ("distilled:gm:ordinary", "ordinary does not apply to a method that stores no steps"),
        ("distilled:dd:fixed_layers=2", "fixed_layers needs start=fixed"),
        ("distilled:dd:start=fixed:fixed_layers=-1", "whole number of at least 0, got -1"),
        ("distilled:dd:start=fixed:fixed_layers=1.5", "whole number of at least 0, got 1.5"),
        ("distilled:dd:start=fixed:fixed_layers", "whole number of at least 0, got True"),
        ("distilled:dd:per_class", "has no option 'per_class'"),
        ("distilled:dm:weight=2", "has no option 'weight'"),
        ("distilled:gan-difference:weight=-1", "weight must be at least 0, got -1"),
        ("distilled:gan-difference:weight=nan", "weight must be a finite number, got nan"),
        ("distilled:gan-difference:weight", "weight needs a value, such as weight=0.1"),
        ("distilled:gan-difference:on=R", "on must be generator or discriminator or both, got R"),
        ("distilled:gan-magnitude:init=kmeans", "init must be noise, got kmeans"),
        ("distilled:gan-magnitude:start=fixed", "start must be fresh or pretrained, got fixed"),
        ("distilled:gan-magnitude:ordinary", "ordinary does not apply to a method"),
        ("distilled:gan-magnitude:fixed_layers=2", "has no option 'fixed_layers'"),
        ("distilled:latent:alpha=-1", "alpha must be at least 0, got -1"),
        ("distilled:latent:beta=inf", "beta must be a finite number, got inf"),
        ("distilled:latent:steps=-1", "steps must be a whole number of at least 0, got -1"),
        ("distilled:latent:steps=1.5", "steps must be a whole number of at least 0, got 1.5"),
        ("distilled:latent:constraint=box", "constraint must be free or l2 or sphere, got box"),
    ],
)
def test_distilled_arms_that_make_no_sense_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        Arm.parse(text)
    assert repr(text) in str(caught.value)


def test_what_distilled_arms_need() -> None:
    noise, selected = Arm.parse("distilled:dd"), Arm.parse("distilled:dm:init=kmeans")
    assert (noise.kind, noise.has_fast_phase, noise.has_own_size) == ("data", True, False)
    assert (noise.needs_images, noise.needs_embeddings) == (True, False)
    assert (selected.needs_images, selected.needs_embeddings) == (True, True)
    assert noise.distilled is not None
    assert selected.distilled is not None
    assert noise.distilled.selection is None
    assert selected.distilled.selection == SelectionRule("kmeans", "balanced")
