"""Facts and probes as text, as JSON and as files."""

from __future__ import annotations

import dataclasses
import json

import pytest

from thinset.results import FULL, Arm
from thinset.results.data_facts import DataFacts
from thinset.results.probe import ArmScores, Probe, ProbeAdvice

FACTS = DataFacts(
    600, (4, 4, 1), 2, 100, 500, 300, 0.25, 0.5, 0.75, 20.0, 0.4, 1000.0, {"embeddings": "no time"}
)
ADVICE = ProbeAdvice(
    "balance", "Balance.", "sizes differ", "thinset compare", "nothing", 0.0, "low", "few",
    ("More.",),
)  # fmt: skip
PROBE = Probe(
    "data", FACTS, 50, 300, 40, 20,
    (ArmScores(FULL, (50.0, 52.0)), ArmScores(Arm.parse("full:balanced"), (60.0, 63.0))),
    {"waiting": "no images"}, ADVICE, 12.0,
)  # fmt: skip


def test_facts_are_written_in_words() -> None:
    assert FACTS.in_words() == {
        "samples": "600, 4 x 4 x 1",
        "steps": "20 per second, 40 % of the time waiting for images",
        "classes": "2, of 100 to 500 samples (1 : 5; the largest has 83.3 %)",
        "repetition": "50 % of 300 samples looked at nearly repeat another, about 75 % of all; at "
        "least 1 in 4 pairs drawn at random are near-duplicates",
        "decoding": "1,000 images per second",
        "embeddings": "not measured: no time",
    }
    for probability, pairs in (
        (2.7e-6, "at least 1 in 380,000 pairs drawn at random are near-duplicates"),
        (1.0, "at least 1 in 1 pairs drawn at random are near-duplicates"),
        (0.0, "hardly any pairs drawn at random are near-duplicates"),
    ):
        facts = dataclasses.replace(FACTS, near_duplicates=probability)
        assert facts.in_words()["repetition"].endswith(f"75 % of all; {pairs}")
        alone = dataclasses.replace(facts, repeated_share=None).in_words()["repetition"]
        assert alone == f"{pairs} (300 samples looked at)"
    assert DataFacts(600, (4, 4, 1)).in_words() == {"samples": "600, 4 x 4 x 1"}
    assert DataFacts(600, (4, 4, 1)).imbalance is None


def test_text_and_json_say_the_same() -> None:
    text, content = PROBE.describe(), json.loads(PROBE.to_json())
    for name, words in content["words"].items():
        assert f"{name}: {words}\n" in text
    assert content["words"]["label budget"] == "50, 8.33 % of the samples"
    assert content["words"]["waiting"] == "not measured: no images"
    (difference,) = content["differences"].items()
    name, value = difference
    assert f"  {name} (everything, classes balanced): {value}\n" in text
    assert difference[1].startswith("+10.5 points, 95")
    assert "also: More.\nnext: thinset compare\ncost: nothing\nconfidence: low; few\n" in text
    idle = dataclasses.replace(PROBE, advice=dataclasses.replace(ADVICE, command=None))
    assert "next: nothing to run" in idle.describe()
    assert dataclasses.replace(PROBE, arms=()).differences() == {}


def test_a_probe_is_saved_and_loaded(tmp_path) -> None:
    PROBE.save(tmp_path / "probe.json")
    assert Probe.load(tmp_path / "probe.json") == PROBE
    (tmp_path / "other.json").write_text('{"schema": "thinset-plan", "version": 1}')
    with pytest.raises(ValueError, match=r"other\.json is not a thinset-probe of version 1"):
        Probe.load(tmp_path / "other.json")
