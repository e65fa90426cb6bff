"""Encoded images that are decoded once: in memory, and in files that processes share."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("PIL")
pytest.importorskip("pyarrow")
torch = pytest.importorskip("torch")
from PIL import Image  # noqa: E402

from thinset.data import (  # noqa: E402
    decoded_cache,
    decoded_files,
    encoded_images,
    import_dataset,
    open_dataset,
    open_encoded,
    write_photographs,
)
from thinset.data.batches import DeviceBatches  # noqa: E402

N = 12


@pytest.fixture
def folder(tmp_path):
    """An image folder of two classes, JPEG of 32 x 40 pixels."""
    generator = np.random.default_rng(0)
    for number in range(N):
        path = tmp_path / "images" / "train" / ("cat", "dog")[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 256, (4, 5, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((40, 32)).save(path, quality=95)
    return tmp_path / "images"


@pytest.fixture
def decoded(monkeypatch):
    """The names of the images that are decoded from now on."""
    names, real = [], encoded_images.decode

    def decode(encoded, *arguments, **options):
        names.append(encoded[0])
        return real(encoded, *arguments, **options)

    monkeypatch.setattr(encoded_images, "decode", decode)
    return names


@pytest.fixture(params=["memory", "folder"])
def cache(request, tmp_path):
    return "memory" if request.param == "memory" else tmp_path / "cache"


def test_every_image_is_decoded_once(folder, cache, decoded):
    expected = open_encoded(folder)
    pixels = expected.images[:]
    decoded.clear()
    images = open_encoded(folder, cache=cache).images
    assert not decoded
    rows = np.array([3, 0, 3, -1])
    np.testing.assert_array_equal(images.take(rows), pixels[rows])
    assert len(decoded) == 3
    out = np.zeros((2, 32, 40, 3), np.uint8)
    assert images.take(np.array([0, 5]), axis=0, out=out, mode="clip") is out
    np.testing.assert_array_equal(out, pixels[[0, 5]])
    np.testing.assert_array_equal(images[-2], pixels[-2])
    np.testing.assert_array_equal(images[1:9:3], pixels[1:9:3])
    np.testing.assert_array_equal(images[:], pixels)
    assert sorted(decoded) == sorted(set(decoded))
    assert len(decoded) == N
    assert (images.shape, images.nbytes, len(images)) == (pixels.shape, pixels.nbytes, N)
    for row in (N, -N - 1):
        with pytest.raises(IndexError, match=f"there are {N} images, but row {row} is read"):
            images.take(np.array([0, row]))


def test_what_is_returned_is_a_copy(folder, cache):
    images = open_encoded(folder, cache=cache).images
    before = images[2].copy()
    images[2][:] = 0
    images.take(np.array([2]))[:] = 0
    np.testing.assert_array_equal(images[2], before)


def test_a_cache_changes_no_fingerprint_and_no_batch(folder, cache):
    plain, cached = open_encoded(folder), open_encoded(folder, cache=cache)
    assert cached.fingerprint == plain.fingerprint
    streams = [
        DeviceBatches(data, device="cpu", batch_size=5, generator=torch.Generator().manual_seed(0))
        for data in (plain, cached)
    ]
    for _ in range(6):
        first, second = map(next, streams)
        assert torch.equal(first.images, second.images)
        assert torch.equal(first.labels, second.labels)


def test_rows_are_written_from_the_cache(folder, cache, tmp_path, decoded):
    encoded = open_encoded(folder, cache=cache)
    expected = encoded.images[:]
    decoded.clear()
    encoded.write_rows(np.array([7, 1]), tmp_path / "subset")
    assert not decoded
    np.testing.assert_array_equal(open_dataset(tmp_path / "subset").images, expected[[7, 1]])


def test_files_are_used_by_later_runs(folder, tmp_path, decoded):
    expected = open_encoded(folder, cache=tmp_path / "cache").images[:5]
    decoded.clear()
    images = open_encoded(str(folder), cache=str(tmp_path / "cache")).images
    np.testing.assert_array_equal(images[:5], expected)
    assert not decoded
    images[:]
    assert len(decoded) == N - 5
    stored = np.load(tmp_path / "cache" / "images.npy")
    np.testing.assert_array_equal(stored, images[:])


def test_an_image_that_was_not_stored_whole_is_decoded_again(folder, tmp_path, decoded):
    expected = open_encoded(folder, cache=tmp_path / "cache").images[:]
    with open(tmp_path / "cache" / "images.npy", "r+b") as file:
        file.seek(-7, os.SEEK_END)  # in the last image
        byte = file.read(1)[0]
        file.seek(-7, os.SEEK_END)
        file.write(bytes([byte ^ 1]))
    decoded.clear()
    np.testing.assert_array_equal(
        open_encoded(folder, cache=tmp_path / "cache").images[:], expected
    )
    assert len(decoded) == 1


@pytest.mark.parametrize("n_writes", [0, 1])
def test_a_full_disk_or_a_kill_leaves_no_wrong_pixels(
    folder, tmp_path, decoded, monkeypatch, n_writes
):
    images = open_encoded(folder, cache=tmp_path / "cache").images
    real, n_calls = os.pwrite, 0

    def pwrite(descriptor, content, offset):
        nonlocal n_calls
        n_calls += 1
        if n_calls > n_writes:
            real(descriptor, content[:1], offset)
            raise OSError(28, "No space left on device")
        return real(descriptor, content, offset)

    with monkeypatch.context() as patches:
        patches.setattr(os, "pwrite", pwrite)
        with pytest.raises(OSError, match=r"No space left on device: .*cache"):
            images.take(np.array([4]))
    decoded.clear()
    expected = open_encoded(folder).images[4]
    for one in (images, open_encoded(folder, cache=tmp_path / "cache").images):
        np.testing.assert_array_equal(one[4], expected)
    assert len(decoded) == 2  # without a cache, and by the first of the two


READER = """
import sys
import numpy as np
from thinset.data import open_encoded
images = open_encoded(sys.argv[1], cache=sys.argv[2]).images
print("ready", flush=True)
sys.stdin.readline()
order = np.random.default_rng(int(sys.argv[3])).permutation(len(images))
pixels = np.empty(images.shape, np.uint8)
for row in order:
    pixels[row] = images[int(row)]
np.save(sys.argv[4], pixels)
"""


def test_processes_may_fill_one_cache_at_the_same_time(folder, tmp_path):
    def started(number):
        arguments = [str(folder), str(tmp_path / "cache"), str(number), str(tmp_path / f"{number}")]
        return subprocess.Popen(
            [sys.executable, "-c", READER, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(started(number)) for number in range(3)]
        for reader in readers:
            assert reader.stdout.readline() == b"ready\n"
        for reader in readers:
            reader.stdin.write(b"\n")
            reader.stdin.close()
        assert [reader.wait(timeout=60) for reader in readers] == [0, 0, 0]
    expected = open_encoded(folder).images[:]
    for number in range(3):
        np.testing.assert_array_equal(np.load(tmp_path / f"{number}.npy"), expected)
    np.testing.assert_array_equal(np.load(tmp_path / "cache" / "images.npy"), expected)


def test_a_folder_that_another_process_makes_first_is_used(folder, tmp_path, monkeypatch):
    path = tmp_path / "cache"
    real = decoded_files.atomic_folder

    def late(*arguments, **options):
        monkeypatch.setattr(decoded_files, "atomic_folder", real)
        open_encoded(folder, cache=path).images[:3]
        return real(*arguments, **options)

    monkeypatch.setattr(decoded_files, "atomic_folder", late)
    store = open_encoded(folder, cache=path).images._store
    assert store.missing(np.arange(N)).tolist() == list(range(3, N))


def test_copies_in_other_processes(folder, cache, decoded):
    images = open_encoded(folder, cache=cache).images
    expected = images[:]
    decoded.clear()
    again = pickle.loads(pickle.dumps(images))
    np.testing.assert_array_equal(again[:], expected)
    assert len(decoded) == (N if cache == "memory" else 0)


def test_files_of_other_pixels_are_refused(folder, tmp_path):
    path = tmp_path / "cache"
    open_encoded(folder, size=(16, 20), cache=path)  # at half of the size
    match = r"cache caches other images, or the source has changed since: "
    with pytest.raises(ValueError, match=match + r"shape is \[12, 16, .* and \[12, 8, .* here"):
        open_encoded(folder, size=(8, 20), cache=path)
    with pytest.raises(ValueError, match=match + "draft is False there and True here. Remove"):
        open_encoded(folder, size=(16, 20), cache=path, draft=True)
    changed = folder / "train" / "cat" / "0.jpg"
    os.utime(changed, ns=(1, 1))
    with pytest.raises(ValueError, match=match + "source is '"):
        open_encoded(folder, size=(16, 20), cache=path)


def test_images_in_parquet_are_told_apart_by_their_content(tmp_path):
    digits = import_dataset("digits", tmp_path / "digits")["train"]
    write_photographs(digits, tmp_path / "a.parquet", side=16, quality=90)
    write_photographs(digits, tmp_path / "b.parquet", side=16, quality=80)
    open_encoded(tmp_path / "a.parquet", cache=tmp_path / "cache")
    (tmp_path / "a.parquet").rename(tmp_path / "moved.parquet")
    open_encoded(tmp_path / "moved.parquet", cache=tmp_path / "cache")
    with pytest.raises(ValueError, match="the source has changed since: source is"):
        open_encoded(tmp_path / "b.parquet", cache=tmp_path / "cache")


@pytest.mark.parametrize("name", ["images.npy", "checksums.npy"])
def test_damaged_files_are_refused(folder, tmp_path, name):
    open_encoded(folder, cache=tmp_path / "cache")
    np.save(tmp_path / "cache" / name, np.zeros(3, np.uint8))
    with pytest.raises(ValueError, match=rf"{name} must be .* got uint8 of shape \(3,\); remove"):
        open_encoded(folder, cache=tmp_path / "cache")
    (tmp_path / "cache" / name).write_bytes(b"nothing")
    with pytest.raises(ValueError, match=name):
        open_encoded(folder, cache=tmp_path / "cache")


@pytest.mark.parametrize("content", ["[1]", '{"format": "other"}', "{"])
def test_a_damaged_description_is_refused(folder, tmp_path, content):
    open_encoded(folder, cache=tmp_path / "cache")
    (tmp_path / "cache" / "cache.json").write_text(content)
    with pytest.raises(ValueError, match="cache"):
        open_encoded(folder, cache=tmp_path / "cache")


def test_anything_else_is_not_replaced(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    open_encoded(folder, cache=tmp_path / "empty")
    assert json.loads((tmp_path / "empty" / "cache.json").read_text())["version"] == 1
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"full is not replaced: it holds 'mine.txt'"):
        open_encoded(folder, cache=tmp_path / "full")
    with pytest.raises(FileExistsError, match="is not a folder"):
        open_encoded(folder, cache=tmp_path / "full" / "mine.txt")
    with pytest.raises(ValueError, match="inside its source"):
        open_encoded(folder, cache=folder / "cache")
    with pytest.raises(ValueError, match="would replace its own source"):
        open_encoded(folder, cache=folder)


@pytest.mark.parametrize("cache", ["", 3, True, b"", []])
def test_something_else_than_a_cache_is_refused(folder, cache):
    with pytest.raises(ValueError, match='cache must be "memory" or a folder, got '):
        open_encoded(folder, cache=cache)


def test_a_cache_has_a_limit(folder, cache, tmp_path):
    match = "12 decoded images of 32 x 40 pixels need 46.* kB, more than max_cache=.*; raise max_"
    for limit in (46_000, "46kB", 1, 46_079 if cache == "memory" else 46_100):
        with pytest.raises(ValueError, match=match):
            open_encoded(folder, cache=cache, max_cache=limit)
        assert not (tmp_path / "cache").exists()
    open_encoded(folder, cache=cache, max_cache="1MB")
    for limit in (0, -1, "much", True, float("nan"), "1 parsec"):
        with pytest.raises(ValueError, match="max_cache must be a number of bytes, or text"):
            open_encoded(folder, cache=cache, max_cache=limit)
    with pytest.raises(ValueError, match="max_cache needs cache, got max_cache=5 without one"):
        open_encoded(folder, max_cache=5)


def test_without_a_limit_there_must_be_room(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(decoded_cache, "available_host_memory", lambda: 1000)
    with pytest.raises(ValueError, match=r"46.1 kB, but only 1 kB of memory are available; cache"):
        open_encoded(folder, cache="memory")
    monkeypatch.setattr(decoded_cache, "available_host_memory", lambda: None)
    open_encoded(folder, cache="memory")
    usage = type("Usage", (), {"free": 46_000})
    monkeypatch.setattr(decoded_cache.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(ValueError, match=r"need 46.4 kB, but only 46 kB are free in .*; choose an"):
        open_encoded(folder, cache=tmp_path / "new" / "cache")
    assert not (tmp_path / "new").exists()


def test_draft_decodes_at_a_part_of_the_size(folder, tmp_path):
    plain = open_encoded(folder, size=(8, 10))
    draft = open_encoded(folder, size=(8, 10), draft=True)
    assert plain.fingerprint != draft.fingerprint
    difference = np.abs(plain.images[:].astype(int) - draft.images[:])
    assert 0 < difference.mean() < 8
    with Image.open(folder / "train" / "cat" / "0.jpg") as image:
        image.draft(None, (10, 8))
        assert image.size == (10, 8)
        np.testing.assert_array_equal(draft.images[0], image)
    # At a size between two of these, the next larger one is resized.
    odd = open_encoded(folder, size=(9, 11), draft=True).images[0]
    with Image.open(folder / "train" / "cat" / "0.jpg") as image:
        image.draft(None, (11, 9))
        assert image.size == (20, 16)
        resized = image.resize((11, 9), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(odd, resized)
    cached = open_encoded(folder, size=(8, 10), draft=True, cache=tmp_path / "cache")
    np.testing.assert_array_equal(cached.images[:], draft.images[:])


def test_grey_images_and_images_of_several_sizes_may_be_drafts(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    for name, side in (("a", 40), ("b", 16), ("c", 5)):
        (tmp_path / "grey" / name).mkdir(parents=True)
        Image.fromarray(pixels[:side, :side]).save(tmp_path / "grey" / name / "0.jpg")
    plain, draft = (open_encoded(tmp_path / "grey", size=(10, 10), draft=d) for d in (False, True))
    assert draft.images.shape == (3, 10, 10, 1)
    assert (plain.images[0] != draft.images[0]).any()
    # Neither the one that is less than twice as large nor the one that is enlarged.
    np.testing.assert_array_equal(plain.images[1:], draft.images[1:])


def test_draft_is_refused_where_it_changes_nothing(folder, tmp_path):
    with pytest.raises(ValueError, match=r"draft=True changes nothing: the images of .* are not"):
        open_encoded(folder, draft=True)
    with pytest.raises(ValueError, match="draft must be True or False, got 2"):
        open_encoded(folder, size=(4, 4), draft=2)
    (tmp_path / "png" / "a").mkdir(parents=True)
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "png" / "a" / "0.png")
    match = r"draft=True changes nothing: none of 1 images of .*png is a JPEG of at least twice"
    with pytest.raises(ValueError, match=match):
        open_encoded(tmp_path / "png", size=(4, 4), draft=True)
    with pytest.raises(ValueError, match="none of 12 images of .* twice the size 17 x 10"):
        open_encoded(folder, size=(17, 10), draft=True)
