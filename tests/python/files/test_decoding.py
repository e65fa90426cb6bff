import dataclasses
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
import pytest

from thinset.duration import Duration
from thinset.files.decoding import Count, Digest, Positive, Seconds, Share, decode, encode


@dataclass(frozen=True)
class Part:
    kind: Literal["pca", "given"] = "pca"
    widths: tuple[int, int] = (1, 2)
    crop: int | Literal["auto"] | None = "auto"
    share: Share = 0.5
    seconds: dict[str, Seconds] = field(default_factory=dict)
    size: int | float = 0.1
    rate: Annotated[float, msgspec.Meta(gt=0)] = 0.1
    first: Positive = 1
    sha256: Digest | None = None


@dataclass(frozen=True)
class Whole:
    name: str
    seeds: tuple[Count, ...] = (0,)
    total: Duration = Duration(1.0, "ep")
    part: Part = field(default_factory=Part)
    parts: tuple[Part, ...] = ()
    by_name: dict[str, Part] = field(default_factory=dict)
    other: Part | None = None

    def __post_init__(self) -> None:
        if not self.seeds:
            raise ValueError("seeds must hold at least one")


def test_what_was_encoded_is_decoded_again() -> None:
    whole = Whole(
        name="a", seeds=(3, 4), total=Duration.parse("90s"), parts=(Part(kind="given", crop=None),)
    )
    plain = encode(whole)
    assert plain["total"] == "90s"
    assert list(plain["parts"][0]) == [field.name for field in dataclasses.fields(Part)]
    assert encode(decode({"name": "b"}, Whole, "x")).keys() == plain.keys()
    assert decode(plain, Whole, "settings.json") == whole


@pytest.mark.parametrize("size", [1, 1.0])
def test_a_count_and_a_fraction_stay_what_they_are(size: float) -> None:
    assert type(decode({"size": size}, Part, "x").size) is type(size)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "lacks the entry 'name'"),
        (5, "the content must be a table, got 5"),
        ({"name": 5}, "name must be a text, got 5"),
        (
            {"name": "a", "more": 1},
            "has no entry 'more'; it has name, seeds, total, part, parts, by_name, other",
        ),
        ({"name": "a", "seeds": 3}, "seeds must be a list, got 3"),
        ({"name": "a", "seeds": []}, "seeds must hold at least one"),
        ({"name": "a", "seeds": [1.5]}, "seeds[0] must be a whole number from 0 to 2**63 - 1, got"),
        ({"name": "a", "seeds": [2**70]}, "seeds[0] must be a whole number from 0 to 2**63 - 1"),
        ({"name": "a", "seeds": [True]}, "seeds[0] must be a whole number from 0 to 2**63 - 1"),
        ({"name": "a", "total": "7"}, "total: a length is a number with a unit"),
        ({"name": "a", "total": 7}, "total must be Duration, got 7"),
        ({"name": "a", "part": {"kind": "x"}}, "part.kind must be 'given' or 'pca', got 'x'"),
        ({"name": "a", "part": {"y": 1}}, "part has no entry 'y'; it has kind, widths"),
        ({"name": "a", "parts": [{}, {"y": 1}]}, "parts[1] has no entry 'y'; it has kind"),
        ({"name": "a", "part": {"widths": [1]}}, "part.widths must be a list of 2, got [1]"),
        ({"name": "a", "part": {"crop": "x"}}, "part.crop must be a whole number, 'auto' or none"),
        ({"name": "a", "part": {"share": 2}}, "part.share must be a number from 0 to 1, got 2"),
        ({"name": "a", "part": {"size": "1"}}, "part.size must be a number, got '1'"),
        (
            {"name": "a", "part": {"seconds": {"x": -1}}},
            "part.seconds.x must be a number of at least 0, got -1",
        ),
        (
            {"name": "a", "part": {"seconds": {"x": 1, "a b": "c", "y": -1}}},
            "part.seconds['a b'] must be a number of at least 0, got 'c'",
        ),
        (
            {
                "name": "a",
                "part": {"seconds": {**dict.fromkeys(map(str, range(1000)), 1), "x": -1}},
            },
            "every entry of part.seconds must be a number of at least 0, got {'0': 1,",
        ),
        (
            {"name": "a", "by_name": {"b": {}, "c": {"widths": [1, 2]}, "d": {"widths": [1]}}},
            "by_name.d.widths must be a list of 2, got [1]",
        ),
        ({"name": "a", "by_name": {"b": {"y": 1}}}, "by_name.b has no entry 'y'; it has kind"),
        ({"name": "a", "by_name": {"a b": {"y": 1}}}, "by_name['a b'] has no entry 'y'; it has"),
        ({"name": "a", "other": {"y": 1}}, "other has no entry 'y'; it has kind, widths"),
        ({"name": "a", "part": {"rate": 0}}, "part.rate must be a number above 0, got 0"),
        ({"name": "a", "part": {"first": 0}}, "part.first must be a whole number from 1 to 2**63"),
        (
            {"name": "a", "part": {"sha256": "ab"}},
            "part.sha256 must be 64 hexadecimal digits or none, got",
        ),
        (
            {"name": "a", "part": {"sha256": "0" * 64 + "\n"}},
            "part.sha256 must be 64 hexadecimal digits or none, got",
        ),
        (
            {"name": "a", "parts": [{}, {"widths": [1, "b"]}]},
            "parts[1].widths[1] must be a whole number, got 'b'",
        ),
    ],
)
def test_an_error_names_the_file_the_field_and_the_value(content: object, message: str) -> None:
    with pytest.raises(ValueError) as raised:
        decode(content, Whole, "settings.json")
    assert str(raised.value).startswith(f"settings.json: {message}")


def test_a_parser_given_for_a_type_goes_first() -> None:
    whole = decode(
        {"name": "a", "total": "any"}, Whole, "x", parsers={Duration: lambda _: Duration(2, "st")}
    )
    assert whole.total == Duration(2, "st")


class Made(msgspec.Struct, frozen=True, tag_field="kind", tag="made"):
    by: str
    params: dict[str, Any] = {}


def test_structs_with_a_tag() -> None:
    content = {"kind": "made", "by": "x", "params": {"any": [{"thing": None}]}}
    assert decode(content, Made, "x") == Made("x", content["params"])
    assert encode(Made("x", content["params"])) == content
    with pytest.raises(ValueError, match="x: has no entry 'bye'; it has by, params"):
        decode({**content, "bye": 1}, Made, "x")


@pytest.mark.parametrize("wanted", [Made, Part, dict[str, int]])
def test_deep_nesting_is_refused_like_any_other_value(wanted: type) -> None:
    content: Any = 1
    for _ in range(5000):
        content = [content]
    with pytest.raises(ValueError, match="x: the content must be a table, got "):
        decode(content, wanted, "x")
    assert decode({"by": "x", "params": {"a": content}}, Made, "x").params["a"] is content
