"""JSON files carry the digest of their content, and are read strictly."""

from __future__ import annotations

import json
import random

import pytest

from thinset.files.json import read_json, write_json_with_digest

CONTENT = {
    "name": "straße",
    "seed": 2**127,
    "curve": [0.1, 1e-300, -2.5e300, None, True],
    "nested": {"10": "a", "9": ["b", {"c": 1}]},
}


def test_what_is_written_is_what_is_read(tmp_path):
    path = tmp_path / "x.json"
    write_json_with_digest(path, CONTENT)
    assert read_json(path) == CONTENT
    assert len(json.loads(path.read_text())["sha256"]) == 64


def test_any_changed_byte_is_noticed(tmp_path):
    path = tmp_path / "x.json"
    write_json_with_digest(path, CONTENT)
    whole = path.read_bytes()
    for place in range(len(whole) - 1):  # the last is the line's end
        for bit in random.Random(place).sample(range(8), 2):
            changed = bytearray(whole)
            changed[place] ^= 1 << bit
            path.write_bytes(changed)
            with pytest.raises(ValueError, match=r"x\.json"):
                read_json(path)


def test_another_spelling_of_the_same_content_is_accepted(tmp_path):
    path = tmp_path / "x.json"
    write_json_with_digest(path, CONTENT)
    content = json.loads(path.read_text())
    path.write_text(json.dumps(dict(reversed(content.items())), indent=7))
    assert read_json(path) == CONTENT


def test_files_without_a_digest_are_read_as_they_are(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"a": 1}')
    assert read_json(path) == {"a": 1}
    path.write_text("[]")
    assert read_json(path) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": ' + "9" * 400 + "}", "at most 300 digits, got one of 400"),
        ('{"a": ' + "9" * 5000 + "}", "at most 300 digits, got one of 5000"),
        ('{"a": 1e400}', "numbers must be finite, got 1e400"),
        ('{"a": NaN}', "numbers must be finite, got NaN"),
        ("[" * 200_000, "not a readable JSON file"),
        ("", "not a readable JSON file"),
        ("\xff\xfe\xfd", "not a readable JSON file"),
    ],
)
def test_what_is_not_plain_json_is_refused_by_name(tmp_path, text, message):
    path = tmp_path / "x.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=message) as error:
        read_json(path)
    assert str(path) in str(error.value)


def test_names_that_are_not_utf_8_survive(tmp_path):
    path = tmp_path / "x.json"
    write_json_with_digest(path, {"source": "caf\udce9"})
    assert b'"caf\\udce9"' in path.read_bytes()
    assert read_json(path) == {"source": "caf\udce9"}
