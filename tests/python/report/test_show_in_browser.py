"""The page of a selection in a real browser: pictures, filters, comparison, keys, phones."""

from __future__ import annotations

import numpy as np
import pytest

import chromium
from thinset.report.explorer import ExplorerInputs, OtherSelection, Reasons, Stacks
from thinset.report.show_page import ShowInputs, write_show_page

pytestmark = chromium.NEEDED

N, SIDE = 400, 20
KEPT = np.arange(0, N, 10)[::-1].copy()
OTHER = np.arange(0, N, 15)
COLOURS = np.random.default_rng(0).integers(0, 256, (N, 3))
# On a grid, so that every point has a neighbour in each direction.
PLACES = np.stack([np.arange(N) % SIDE, np.arange(N) // SIDE], axis=1).astype(float)
NEAREST = KEPT[np.abs(KEPT[:, None] - np.arange(N)).argmin(axis=0)]


def explored(**changes):
    pixels = np.broadcast_to(COLOURS[:, None, None], (N, 16, 16, 3)).astype(np.uint8)
    content = {
        "n_total": N,
        "name": "mine",
        "indices": KEPT,
        "gains": np.linspace(9, 1, len(KEPT)),
        "coordinates": PLACES,
        "labels": np.arange(N) % 4,
        "class_names": ["north", "east", "south", "west"],
        "images": lambda rows: iter([pixels[rows]]),
        "reasons": Reasons(NEAREST, np.abs(NEAREST - np.arange(N)) / 10, "euclidean"),
        "stacks": Stacks([np.array([4, 5, 6, 10]), np.array([21, 22])], 0.1),
    }
    return ExplorerInputs(**{**content, **changes})


@pytest.fixture(scope="module")
def page():
    with chromium.browser() as opened:
        yield opened


@pytest.fixture
def show(page, tmp_path):
    def write_and_open(width=1300, height=900, *, phone=False, dark=False, **changes):
        file = tmp_path / "page.html"
        write_show_page(ShowInputs("colours", explored(**changes), "thinset show"), file)
        page.errors.clear()
        page.requests.clear()
        page.size(width, height, phone=phone, dark=dark)
        page.open(file)
        page.wait("document.getElementById('explorer').dataset.ready === 'true'")
        page.run("document.querySelector('.stage').scrollIntoView()")
        return page

    yield write_and_open
    # Checked of every page: no error, no warning, and nothing loaded but the page itself.
    assert page.errors == []
    assert all(address.startswith("file:") for address in page.requests)
    assert len(set(page.requests)) == 1


def place(page, row):
    return page.run(
        "(() => {const box = document.querySelector('.map canvas').getBoundingClientRect();"
        f"const [x, y] = document.getElementById('explorer').placeOfRow({row});"
        "return [box.left + x, box.top + y]})()"
    )


def colour_in(page, selector):
    return page.run(
        f"(() => {{const canvas = document.querySelector({selector!r});"
        "return [...canvas.getContext('2d').getImageData("
        "canvas.width / 2, canvas.height / 2, 1, 1).data].slice(0, 3)})()"
    )


def shown(page, selector, name="row"):
    return page.run(f"document.querySelector({selector!r}).dataset.{name}")


def rows_in_sheet(page):
    return page.run("[...document.querySelectorAll('.sheet button')].map((b) => +b.dataset.row)")


def tick(page, name):
    page.run(f"document.querySelector('.chip[data-name=\"{name}\"] input').click()")


def test_hovering_shows_the_picture_and_facts_of_the_point(show):
    page = show()
    for row, fate in ((KEPT[3], "kept as number 4 of 40, gain 8.385"), (123, "dropped")):
        page.mouse("mouseMoved", *place(page, row))
        assert shown(page, ".tip") == str(row)
        np.testing.assert_allclose(colour_in(page, ".tip canvas"), COLOURS[row], atol=12)
        text = page.run("document.querySelector('.tip').innerText")
        assert fate in text
        assert ["north", "east", "south", "west"][row % 4] in text
    x, y = place(page, 0)
    page.mouse("mouseMoved", x - 12, y + 13)
    assert page.run("document.querySelector('.tip').hidden")


@pytest.mark.parametrize("width", [1300, 400])
def test_what_is_at_the_edges_of_the_map_is_whole(show, width):
    ids = [f"photographs/a folder with a long name/{row}.jpeg" for row in range(N)]
    page = show(width, 800, ids=ids)
    inner = "document.querySelector('.map')"
    box = page.run(f"(() => {{const b = {inner}.getBoundingClientRect(); return b.toJSON()}})()")
    # All but the lower right corner, where the buttons are.
    for row in (0, 3 * SIDE - 1, N // 2 - 1, N - SIDE, N - 1):
        x, y = place(page, row)
        # Half a picture of 44 pixels and half of its frame.
        assert box["left"] + 24 < x < box["right"] - 24
        assert box["top"] + 24 < y < box["bottom"] - 24
        page.mouse("mouseMoved", x, y)
        assert shown(page, ".tip") == str(row)
        tip, picture = page.run(
            "['.tip', '.tip canvas'].map((one) => "
            "document.querySelector(one).getBoundingClientRect().toJSON())"
        )
        for one in (tip, picture):
            assert box["left"] < one["left"] < one["right"] < box["right"]
            assert box["top"] < one["top"] < one["bottom"] < box["bottom"]
        assert (picture["width"], picture["height"]) == (64, 64)
        assert tip["width"] > 200


def test_clicking_says_why(show):
    page = show()
    page.click(*place(page, 123))
    assert shown(page, ".details") == "123"
    text = page.run("document.querySelector('.details').innerText")
    assert "Why it was dropped" in text
    assert "at a distance of 0.3 (euclidean)" in text
    assert shown(page, ".details button") == "120"
    np.testing.assert_allclose(colour_in(page, ".details button canvas"), COLOURS[120], atol=12)
    page.run("document.querySelector('.details button').click()")
    assert shown(page, ".details") == "120"
    text = page.run("document.querySelector('.details').innerText")
    n_represented = np.count_nonzero(NEAREST == 120) - 1
    assert f"{n_represented} dropped samples are nearest to it" in text
    page.click(*place(page, 5))
    assert "One of 4 in a stack" in page.run("document.querySelector('.details').innerText")


def test_filters_leave_out_points_and_samples(show):
    page = show()
    n_in_sheet = "document.querySelectorAll('.sheet button').length"
    assert (shown(page, "#explorer", "shown"), page.run(n_in_sheet)) == ("400", 40)
    tick(page, "dropped")
    assert shown(page, "#explorer", "shown") == "40"
    page.mouse("mouseMoved", *place(page, 123))
    assert page.run("document.querySelector('.tip').hidden")
    tick(page, "north")
    in_sheet = [row for row in KEPT if row % 4]
    assert (
        page.run("[...document.querySelectorAll('.sheet button')].map((b) => +b.dataset.row)")
        == in_sheet
    )
    tick(page, "dropped")
    page.mouse("mouseMoved", *place(page, 123))
    assert shown(page, ".tip") == "123"
    page.run("document.querySelector('.find').value = '77'")
    page.run("document.querySelector('.find').dispatchEvent(new Event('change'))")
    assert shown(page, ".details") == "77"


def test_two_selections_are_compared(show):
    page = show(other=OtherSelection("theirs", OTHER))
    both = np.intersect1d(KEPT, OTHER)
    chips = page.run("[...document.querySelectorAll('.groups .chip')].map((c) => c.innerText)")
    counts = [int(chip.split()[-1]) for chip in chips]
    n_any = len(np.union1d(KEPT, OTHER))
    assert counts == [len(both), len(KEPT) - len(both), len(OTHER) - len(both), N - n_any]
    for name in ("only mine", "only theirs", "dropped by both"):
        tick(page, name)
    assert shown(page, "#explorer", "shown") == str(len(both))
    assert rows_in_sheet(page) == [row for row in KEPT if row in both]
    tick(page, "only theirs")
    page.click(*place(page, 15))
    text = page.run("document.querySelector('.details').innerText")
    assert "mine: dropped" in text
    assert "theirs: kept as number 2 of 27" in text


def test_keys_move_zoom_and_go_through_the_order(show):
    page = show()
    page.run("document.querySelector('.map canvas').focus({preventScroll: true})")
    page.press("ArrowRight")
    row = int(shown(page, ".details"))
    for key, step in (
        ("ArrowRight", 1),
        ("ArrowUp", SIDE),
        ("ArrowLeft", -1),
        ("ArrowDown", -SIDE),
    ):
        page.press(key)
        row += step
        assert shown(page, ".details") == str(row), key
    page.press("Escape")
    for expected in KEPT[:3]:
        page.press("]")
        assert shown(page, ".details") == str(expected)
    page.press("[")
    assert shown(page, ".details") == str(KEPT[1])
    before = np.array(place(page, 210)) - place(page, 209)
    page.press("+")
    after = np.array(place(page, 210)) - place(page, 209)
    assert after[0] == pytest.approx(1.6 * before[0], rel=0.01)
    page.press("0")
    assert np.array(place(page, 210))[0] - place(page, 209)[0] == pytest.approx(before[0])
    page.press("Escape")
    assert shown(page, ".details") == ""
    page.run("document.querySelector('.sheet button').focus()")
    page.press("ArrowRight")
    assert page.run("+document.activeElement.dataset.row") == KEPT[1]
    page.press("Enter")
    assert shown(page, ".details") == str(KEPT[1])


def test_wheel_and_drag_move_the_map_once_it_is_clicked(show):
    page = show()

    def apart():
        return (np.array(place(page, 210)) - place(page, 209))[0]

    def wheel(x, y):
        """Whether the map takes the event, so that the page does not scroll."""
        return page.run(
            "!document.querySelector('.map canvas').dispatchEvent(new WheelEvent('wheel', "
            f"{{deltaY: -200, clientX: {x}, clientY: {y}, cancelable: true}}))"
        )

    before = apart()
    x, y = place(page, 215)
    assert not wheel(x, y)
    assert apart() == before
    page.click(x, y)
    assert shown(page, ".details") == "215"
    assert wheel(x, y)
    assert apart() == pytest.approx(before * np.exp(0.4), rel=0.01)
    # The point below the pointer stays there; dragging takes it along.
    np.testing.assert_allclose(place(page, 215), (x, y), atol=1)
    page.mouse("mousePressed", x, y, button="left", clickCount=1)
    page.mouse("mouseMoved", x + 60, y + 20, button="left", buttons=1)
    page.mouse("mouseReleased", x + 60, y + 20, button="left", clickCount=1)
    np.testing.assert_allclose(place(page, 215), (x + 60, y + 20), atol=1)
    assert shown(page, ".details") == "215"  # a drag is no click


def test_two_fingers_zoom(show):
    page = show(400, 800, phone=True)
    before = (np.array(place(page, 210)) - place(page, 209))[0]
    x, y = place(page, 210)
    for kind, spread in (("touchStart", 20), ("touchMove", 40), ("touchMove", 60)):
        fingers = [{"x": x - spread, "y": y, "id": 0}, {"x": x + spread, "y": y, "id": 1}]
        page.call("Input.dispatchTouchEvent", type=kind, touchPoints=fingers)
    page.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    after = (np.array(place(page, 210)) - place(page, 209))[0]
    assert after > 2 * before


@pytest.mark.parametrize("dark", [False, True])
def test_a_narrow_screen_needs_no_sideways_scrolling_and_takes_taps(show, dark):
    page = show(400, 800, phone=True, dark=dark, other=OtherSelection("theirs", OTHER))
    assert page.run("document.documentElement.scrollWidth") == 400
    page.tap(*place(page, 250))
    assert shown(page, ".details") == "250"
    np.testing.assert_allclose(colour_in(page, ".details canvas"), COLOURS[250], atol=12)
    assert page.run("document.documentElement.scrollWidth") == 400
    background = page.run("getComputedStyle(document.documentElement).backgroundColor")
    brightness = sum(map(int, background.removeprefix("rgb(").rstrip(")").split(",")))
    assert (brightness < 200) == dark


def test_a_narrow_screen_breaks_no_name_of_a_class(show):
    names = ["airplane", "automobile", "bird", "deer"]
    page = show(400, 800, phone=True, other=OtherSelection("theirs", OTHER), class_names=names)
    heights = page.run(
        "[...document.querySelectorAll('.scroll td:first-child .arm')]"
        ".map(name => name.getBoundingClientRect().height)"
    )
    assert len(set(heights)) == 1, heights  # each on one line


def test_stacks_open(show):
    page = show()
    assert page.run("document.querySelectorAll('.stack').length") == 2
    page.run("document.querySelector('.stack summary').click()")
    page.wait("document.querySelectorAll('.stack[open] button').length === 4")
    # The kept one is on top.
    assert shown(page, ".stack button") == "10"
    np.testing.assert_allclose(colour_in(page, ".stack summary canvas"), COLOURS[10], atol=12)


def test_texts_without_pictures_or_a_map(show):
    texts = [f"<b>text</b> {row}" for row in range(N)]
    ids = [f"doc-{row}" for row in range(N)]
    page = show(images=None, coordinates=None, reasons=None, stacks=None, texts=texts, ids=ids)
    page.run("document.querySelector('.sheet button').click()")
    text = page.run("document.querySelector('.details').innerText")
    assert f"<b>text</b> {KEPT[0]}" in text
    assert f"Row {KEPT[0]}: doc-{KEPT[0]}" in text


@pytest.mark.slow
def test_fifty_thousand_points_fit_into_five_megabytes_and_are_drawn_at_once(page, tmp_path):
    n, kept = 50_000, 5_000
    rng = np.random.default_rng(2)
    coarse = rng.integers(0, 256, (n, 6, 6, 3), dtype=np.uint8)

    def images(rows):
        for start in range(0, len(rows), 512):
            # Blocks with noise on them take about as many bytes as photographs.
            blocks = coarse[rows[start : start + 512]].repeat(5, axis=1).repeat(5, axis=2)
            yield blocks + rng.integers(0, 12, blocks.shape, dtype=np.uint8)

    order = rng.permutation(n)
    inputs = explored(
        n_total=n,
        indices=order[:kept],
        gains=rng.random(kept),
        coordinates=rng.standard_normal((n, 2)),
        labels=rng.integers(0, 10, n),
        class_names=None,
        images=images,
        reasons=Reasons(rng.choice(order[:kept], n), rng.random(n), "euclidean"),
        stacks=None,
        other=OtherSelection("theirs", order[2_500:7_500]),
    )
    written = write_show_page(ShowInputs("many", inputs, ""), tmp_path / "page.html")
    assert written.stat().st_size < 5_000_000
    page.size(1300, 900)
    page.open(written)
    page.wait("document.getElementById('explorer').dataset.ready === 'true'")
    paint = page.run("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    drawn = page.run("performance.getEntriesByName('map-drawn')[0].startTime")
    assert paint < 5_000
    assert drawn < 5_000
    row = int(order[-1])
    page.run(f"document.querySelector('.find').value = '{row}'")
    page.run("document.querySelector('.find').dispatchEvent(new Event('change'))")
    assert shown(page, ".details") == str(row)
    assert page.errors == []
