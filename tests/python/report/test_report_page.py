from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import numpy as np
import pytest

from thinset.report import write_report
from thinset.report.cells import facts
from thinset.results import load_records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import MakeRecord
    from thinset.report import ReportInputs

_VOID = {"meta", "img", "br"}


class _Structure(HTMLParser):
    """Checks that tags nest, and collects texts, headings and the addresses of resources."""

    def __init__(self) -> None:
        super().__init__()
        self.open_tags: list[str] = []
        self.addresses: list[str] = []
        self.identifiers: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.tags: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("src", "href"):
                self.addresses.append(value)
            if name == "id":
                self.identifiers.append(value)
            assert not name.startswith("on"), f"{tag} carries the handler {name}"
        if tag not in _VOID:
            self.open_tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open_tags.pop() == tag

    def handle_data(self, data):
        if self.open_tags:
            self.texts.setdefault(self.open_tags[-1], []).append(data)


def _parse(page: Path) -> _Structure:
    structure = _Structure()
    structure.feed(page.read_text(encoding="utf-8"))
    structure.close()
    assert structure.open_tags == []
    return structure


_FIGURES = {
    "accuracy-against-seconds",
    "accuracy-against-steps",
    "timeline",
    "kept-samples",
    "dropped-samples",
    "class-balance",
    "embedding-map",
    "reconstructions",
}


def test_the_report_is_one_page_with_plots_and_records(
    tmp_path: Path, make_inputs: Callable[..., ReportInputs]
) -> None:
    inputs = make_inputs()
    page = write_report(inputs, tmp_path / "report")
    assert page == tmp_path / "report" / "index.html"
    structure = _parse(page)
    assert set(structure.identifiers) == _FIGURES
    assert structure.texts["h1"][0].startswith("No clear difference: 51.0")
    for address in structure.addresses:
        media, data = re.fullmatch(r"data:image/(png|svg\+xml);base64,(.*)", address).groups()
        start = b"\x89PNG" if media == "png" else b"<?xml"
        assert base64.b64decode(data, validate=True).startswith(start)
    assert "script" not in structure.tags
    assert "link" not in structure.tags

    written = {path.stem for path in (tmp_path / "report" / "plots").iterdir()}
    assert written == _FIGURES
    assert load_records(tmp_path / "report" / "records.json") == tuple(inputs.records)


def test_the_same_inputs_give_the_same_page(
    tmp_path: Path, make_inputs: Callable[..., ReportInputs]
) -> None:
    pages = [write_report(make_inputs(), tmp_path / name) for name in ("a", "b")]
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_tables_hold_means_spreads_seeds_and_costs(
    tmp_path: Path, make_inputs: Callable[..., ReportInputs]
) -> None:
    structure = _parse(write_report(make_inputs(), tmp_path / "report"))
    cells = structure.texts["td"]
    percent = "\N{NO-BREAK SPACE}%"
    assert f"51.00{percent} " in structure.texts["strong"]
    assert "± 1.00" in structure.texts["small"]
    assert "0, 1, 2" in cells
    assert f"93.0{percent}" in cells
    assert "Equal wall-clock time" in structure.texts["h3"]
    assert "Equal training steps" in structure.texts["h3"]
    assert [structure.texts["span"][place] for place in (-3, -2, -1)] == ["thinset", "run", "noise"]


def test_everything_that_is_not_given_is_left_out(
    tmp_path: Path, make_inputs: Callable[..., ReportInputs]
) -> None:
    bare = make_inputs(
        records=[],
        labels=None,
        class_names=None,
        random_indices=None,
        embeddings=None,
        reconstructions=None,
        embedding_facts=None,
        stage_seconds={},
        settings={},
    )
    structure = _parse(write_report(bare, tmp_path / "report"))
    assert set(structure.identifiers) == {"kept-samples", "dropped-samples"}
    assert structure.texts["h2"] == ["What was kept", "How to run it again"]
    assert structure.texts["h1"] == ["No training is finished yet"]


def test_a_selection_of_everything_drops_nothing(
    tmp_path: Path, make_inputs: Callable[..., ReportInputs]
) -> None:
    inputs = make_inputs(selected_indices=np.arange(200), records=[])
    structure = _parse(write_report(inputs, tmp_path / "report"))
    assert "dropped-samples" not in structure.identifiers


def test_one_seed_says_that_the_spread_is_unknown(
    tmp_path: Path, make_inputs: Callable[..., ReportInputs], make_record: MakeRecord
) -> None:
    records = [make_record("topk"), make_record("random")]
    structure = _parse(write_report(make_inputs(records=records), tmp_path / "report"))
    assert structure.texts["h1"][0].startswith("One seed cannot tell: 50.0")
    assert "spread unknown" in structure.texts["small"]


def test_seeds_that_all_differ_alike_say_so(
    tmp_path: Path, make_inputs: Callable[..., ReportInputs], make_record: MakeRecord
) -> None:
    records = [make_record(arm, seed=seed) for arm in ("topk", "random") for seed in (0, 1)]
    structure = _parse(write_report(make_inputs(records=records), tmp_path / "report"))
    assert "in every seed" in structure.texts["small"]
    assert "spread unknown" not in structure.texts["small"]


def test_runs_from_two_machines_are_not_compared_in_time(
    tmp_path: Path, make_inputs: Callable[..., ReportInputs], make_record: MakeRecord
) -> None:
    records = [make_record(seed=0), make_record(seed=1, hardware={"cpu": "another"})]
    structure = _parse(write_report(make_inputs(records=records), tmp_path / "report"))
    assert "The runs come from 2 machines: times cannot be compared." in structure.texts["p"]


def test_hostile_texts_stay_texts(
    tmp_path: Path, make_inputs: Callable[..., ReportInputs], make_record: MakeRecord
) -> None:
    attack = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;$x^2$"
    inputs = make_inputs(
        title=attack,
        dataset_name=attack,
        class_names=[attack] * 4,
        command=attack,
        settings={attack: {attack: [attack]}},
        embedding_facts={attack: attack},
        stage_seconds={attack: 1.0},
        records=[
            make_record(
                attack,
                hardware={attack: attack},
                versions={attack: attack},
                preparation_seconds={attack: 1.0},
            )
        ],
    )
    structure = _parse(write_report(inputs, tmp_path / "report"))
    assert "script" not in structure.tags
    assert all(address.startswith("data:image/") for address in structure.addresses)
    assert structure.texts["title"] == [attack]
    assert " ".join(structure.texts["span"][-len(attack.split(" ")) :]) == attack


def test_an_existing_folder_is_kept_unless_overwritten(
    tmp_path: Path, make_inputs: Callable[..., ReportInputs]
) -> None:
    inputs = make_inputs(embeddings=None, reconstructions=None, records=[])
    page = write_report(inputs, tmp_path / "report")
    with pytest.raises(FileExistsError):
        write_report(inputs, tmp_path / "report")
    before = page.read_bytes()
    again = make_inputs(embeddings=None, reconstructions=None, records=[], title="Second")
    write_report(again, tmp_path / "report", overwrite=True)
    assert page.read_bytes() != before


def test_overwriting_never_deletes_what_is_no_report(
    tmp_path: Path, make_inputs: Callable[..., ReportInputs]
) -> None:
    page = write_report(make_inputs(records=[]), tmp_path / "report")
    for name in ("weights.safetensors", "plots/mine.jpg", "plots/mine/plot.png"):
        precious = page.parent / name
        precious.parent.mkdir(exist_ok=True)
        precious.write_bytes(b"precious")
        with pytest.raises(FileExistsError, match="which is not part of such an output"):
            write_report(make_inputs(records=[]), page.parent, overwrite=True)
        assert precious.read_bytes() == b"precious"
        precious.unlink()
        if precious.parent.name == "mine":
            precious.parent.rmdir()
    write_report(make_inputs(records=[]), page.parent, overwrite=True)


def test_a_page_without_records_is_not_taken_for_a_report(
    tmp_path: Path, make_inputs: Callable[..., ReportInputs]
) -> None:
    (tmp_path / "index.html").write_text("a page of my own")
    with pytest.raises(FileExistsError, match="index.html"):
        write_report(make_inputs(records=[]), tmp_path, overwrite=True)
    assert (tmp_path / "index.html").read_text() == "a page of my own"


def test_a_failure_leaves_nothing_behind(
    tmp_path: Path, make_inputs: Callable[..., ReportInputs]
) -> None:
    with pytest.raises(ValueError, match="finite"):
        write_report(make_inputs(embeddings=np.full((200, 3), np.nan)), tmp_path / "report")
    assert list(tmp_path.iterdir()) == []


def test_facts_write_nested_values_in_a_line() -> None:
    nested = {"memory_gib": 23.456789, "rates": [0.1, None], "none": {}, "adam": {"beta": 1}}
    assert facts(nested) == [
        ("memory (GiB)", "23.46"),
        ("rates", "0.1, none"),
        ("none", "none"),
        ("adam", "beta = 1"),
    ]
    assert facts(None) == []
