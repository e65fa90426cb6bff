"""Every figure in the size `smoke`, as a person calls for it."""

from __future__ import annotations

import json
import re

import pytest
import torch

from thinset.command_line import main
from thinset.command_line.study_options import StudyOptions
from thinset.distillation.networks import NetworkKind
from thinset.experiments.figures.registry import COMMANDS, figures, settings_of
from thinset.experiments.settings import read_recipe
from thinset.models.batch_statistics import layer_with_batch_statistics
from thinset.results import load_records

REPEATED = ("curated", "repeated_search", "aug-table1", "dd-audit")  # one of each kind that trains
TRAINED = [name for name, figure in figures().items() if figure.kind != "reconstructions"]


@pytest.fixture(scope="module", autouse=True)
def plots():
    """They are drawn here."""


def test_the_list_names_every_figure_and_where_it_stands(capsys):
    assert main(["reproduce", "--list"]) == 0
    output = capsys.readouterr().out
    for name, figure in figures().items():
        assert name in output
        assert figure.title in output
        assert figure.paper in output
    assert {"fig4", "fig5", "fig6", "fig7"} <= set(figures())


def test_one_figure_of_every_kind_is_made_again():
    kinds = {figures()[name].kind for name in TRAINED}
    assert sorted(figures()[name].kind for name in REPEATED) == sorted(kinds)


@pytest.mark.parametrize("name", [*figures(), *COMMANDS])
def test_every_recipe_has_three_sizes_that_can_be_read(name):
    sizes = [size for size in read_recipe(name) if size != "figure"]
    assert sizes == ["smoke", "quick", "paper"]
    assert len({settings_of(name, size) for size in sizes}) == 3


@pytest.mark.parametrize("size", ["smoke", "quick", "paper"])
@pytest.mark.parametrize(
    "name", [name for name, figure in figures().items() if figure.kind == "ranking"]
)
def test_a_ranking_can_take_images_distilled_by_matching(name, size):
    distillation = settings_of(name, size).distillation
    assert distillation.network is not None
    kind = NetworkKind(
        distillation.network, distillation.width or 1.0, (32, 32, 3), 10, (0.5,) * 3, (0.25,) * 3
    )
    assert layer_with_batch_statistics(kind.new(torch.Generator())) is None


@pytest.mark.parametrize("name", [name for name in figures() if name.startswith("aug-")])
def test_short_learning_curves_train_no_encoder(name):
    """Their arms need none; those that users add would train one for longer than all else."""
    assert [settings_of(name, size).encoder.kind for size in ("smoke", "quick")] == ["pca"] * 2


# Generators of a few steps draw nearly the same image again and again.
@pytest.mark.filterwarnings("ignore::thinset.augmentation.train.CollapseWarning")
@pytest.mark.parametrize("name", TRAINED)
def test_a_figure_is_made_in_the_size_smoke(name, tmp_path, capsys):
    assert main(["reproduce", name, "-o", str(tmp_path / "out")]) == 0
    page = tmp_path / "out" / "report" / "index.html"
    assert f"report: {page}" in capsys.readouterr().out
    text = page.read_text(encoding="utf-8")
    assert figures()[name].title in text
    words = re.findall('<span class="word">(.*?)</span>', text)
    assert f"thinset reproduce {name} --out " in " ".join(words)
    records = load_records(page.parent / "records.json")
    if figures()[name].kind not in ("augmentation", "audit"):
        assert "random" in {record.arm.kind for record in records}
        assert len({record.seed for record in records}) >= 2
    assert list((page.parent / "plots").glob("*.png"))
    if name in REPEATED:
        _require_finished(name, tmp_path / "out", capsys)


def _require_finished(name, out, capsys):
    """What is there is not trained again, and the page can be written again from the folder."""
    page = out / "report" / "index.html"
    assert main(["reproduce", name, "-o", str(out)]) == 0
    assert "training 1" not in capsys.readouterr().err
    before = page.read_text(encoding="utf-8")
    assert main(["report", str(out)]) == 0
    assert page.read_text(encoding="utf-8") == before


def test_figure_4_shows_inputs_embeddings_and_reconstructions(tmp_path):
    out = tmp_path / "out"
    assert main(["reproduce", "fig4", "-o", str(out), "--encoder-length", "20st"]) == 0
    text = (out / "report" / "index.html").read_text(encoding="utf-8")
    assert 'id="reconstructions"' in text
    assert "constant columns" in text
    assert main(["report", str(out)]) == 0
    assert (out / "report" / "index.html").read_text(encoding="utf-8") == text


def test_a_seed_is_the_first_of_the_recipes_or_the_encoders():
    options = StudyOptions(seed=7)
    assert options.applied_to(settings_of("fig5", "quick")).seeds == (7, 8, 9)
    assert options.applied_to(settings_of("repeated_search", "smoke")).seeds == (7, 8)
    assert options.applied_to(settings_of("fig4", "smoke")).encoder.seed == 7
    assert options.applied_to(settings_of("fig5", "smoke")).encoder.seed == 0


def test_a_comparison_speaks_plainly_and_grows(tmp_path, capsys):
    arguments = [
        "compare",
        "digits",
        "--size",
        "smoke",
        "--steps",
        "5st",
        "-o",
        str(tmp_path / "c"),
    ]
    assert main([*arguments, "-m", "random", "topk", "--seeds", "0", "1"]) == 0
    output = capsys.readouterr().out
    assert "with top-k" in output or "eep top-k: " in output
    assert "with random samples at equal steps" in output
    assert "2 paired seeds" in output
    assert main([*arguments, "-m", "random", "topk", "--seeds", "0", "1", "2"]) == 0
    captured = capsys.readouterr()
    assert "training 1 of 2:" in captured.err
    assert "3 paired seeds" in captured.out
    notes = json.loads((tmp_path / "c" / "settings.json").read_text())["notes"]
    assert notes["figure"] == "compare"


@pytest.mark.parametrize("baseline", ["random", "full:augment=rot"])
def test_the_baseline_need_not_be_trained_first(baseline, tmp_path, capsys):
    command = f"compare digits --size smoke --steps 3st --seeds 0 1 -m full {baseline}"
    assert main([*command.split(), "--baseline", baseline, "-o", str(tmp_path / "c")]) == 0
    assert (tmp_path / "c" / "report" / "index.html").exists()
    records = json.loads((tmp_path / "c" / "report" / "records.json").read_text())
    assert baseline in json.dumps(records)


def test_the_model_and_the_length_of_a_distillation_are_changed_where_they_apply(tmp_path):
    command = (
        "reproduce dd-fig31 --methods distilled:dd distilled:soft --baseline distilled:dd "
        "--model alexnet --width 0.1 --sizes 10 --seeds 0 --distillation-length 2st -o"
    )
    assert main([*command.split(), str(tmp_path / "figure")]) == 0
    settings = json.loads((tmp_path / "figure" / "settings.json").read_text())["settings"]
    assert settings["training"]["model"] == "alexnet"
    assert settings["distillation"]["dd"]["length"] == "2st"
    published = settings["distillation"]["dm"]["length"]  # no arm uses it
    assert published == "20000st"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["reproduce"], 2, "name a figure"),
        (["reproduce", "fig9", "-o", "out"], 3, "figure must be one of"),
        (["reproduce", "fig5", "--size", "quick", "-o", "out"], 3, "--preset quick needs --data"),
        (
            ["reproduce", "fig4", "--seeds", "3", "-o", "out"],
            2,
            "--seeds does not apply to this figure",
        ),
        (
            ["reproduce", "fig4", "--sizes", "9", "-o", "out"],
            2,
            "--sizes does not apply",
        ),
        (
            ["reproduce", "aug-fig2", "--shares", "0", "-o", "out"],
            3,
            "--shares must be above 0",
        ),
        (
            ["reproduce", "fig4", "--model", "vgg", "-o", "out"],
            2,
            "--model, --learning-rate",
        ),
        (
            ["reproduce", "nas", "--model", "vgg", "-o", "out"],
            2,
            "--model does not apply to a figure that ranks architectures",
        ),
        *(
            (["reproduce", *words.split(), "-o", "out"], 2, f"{option} does not apply to {what}")
            for words, option, what in (
                ("aug-table2 -m full --sizes 0.5", "--sizes", "arms that train on no subset"),
                ("aug-table2 -m full --splits 0.5", "--splits", "arms that train on no subset"),
                ("aug-fig1 --steps 5st", "--steps", "a figure that trains no arms"),
                ("fig5 --accounting training", "--accounting", "trainings of equal length"),
                ("fig5 --generator-seeds 2", "--generator-seeds", "arms and augmentations without"),
                ("fig5 -m full random --encoder-length 3st", "--encoder-length", "arms that need"),
            )
        ),
        *(
            (["reproduce", *words.split(), "-o", "out"], 3, message)
            for words, message in (
                ("aug-table1 --shares 1.5", "--shares must be a number above 0 and at most 1, got"),
                ("aug-table1 --generator-seeds 0", "--generator-seeds must be a whole number from"),
                ("aug-table1 --generator-length 0st", "--generator-length must be longer than 0st"),
                ("aug-table2 --width 0", "--width must be a number above 0, got 0.0"),
                ("fig5 --seeds 0 -1", "--seeds must be a whole number from 0 to 2**63 - 1, got -1"),
            )
        ),
        (
            ["compare", "digits", "--distillation-length", "3st", "-o", "out"],
            2,
            "--distillation-length needs an arm distilled:dd",
        ),
        (
            ["compare", "digits", "-m", "distilled:dm", "--distillation-length", "0st", "-o", "o"],
            3,
            "--distillation-length must be longer than 0st",
        ),
        (
            ["compare", "digits", "-m", "distilled:dm", "--distillation-length", "3", "-o", "out"],
            3,
            "--distillation-length: a length is a number with a unit",
        ),
        (["compare", "digits", "-m", "best", "-o", "out"], 3, "arm 'best': the name must be one"),
        (
            ["compare", "digits", "--steps", "3", "-o", "out"],
            3,
            "--steps: a length is a number with a unit",
        ),
        (
            ["compare", "digits", "--steps", "3st", "--budget", "3s", "-o", "out"],
            2,
            "--steps or --budget, not both",
        ),
        (
            ["compare", "digits", "--seed", "3", "--seeds", "3", "-o", "out"],
            2,
            "--seed or --seeds, not both",
        ),
    ],
)
def test_a_mistake_is_named_and_leaves_nothing(
    arguments, status, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == status
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
