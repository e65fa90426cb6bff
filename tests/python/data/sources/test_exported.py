"""Small training sets in NumPy files of other programs."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from thinset.data.sources import exported
from thinset.data.sources.exported import Exported, import_exported

GENERATOR = np.random.default_rng(0)
GREY = GENERATOR.integers(0, 256, (6, 8, 7, 1), dtype=np.uint8)
COLOUR = GENERATOR.random((6, 8, 7, 3), dtype=np.float32)
LABELS = np.array([0, 1, 2, 0, 1, 2])
SOFT = GENERATOR.dirichlet(np.ones(3), 6).astype(np.float32)


@pytest.fixture
def read(tmp_path):
    """Saves arrays in one of the forms and imports them."""

    def read(images, labels, form="npz", **options):
        if form == "npz":
            np.savez(tmp_path / "set.npz", images=images, labels=labels)
            source = Exported(str(tmp_path / "set.npz"), **options)
        elif form == "compressed":
            np.savez_compressed(tmp_path / "set.npz", images=images, labels=labels)
            source = Exported(str(tmp_path / "set.npz"), **options)
        elif form == "folder":
            (tmp_path / "set").mkdir()
            np.save(tmp_path / "set" / "images.npy", images)
            np.save(tmp_path / "set" / "labels.npy", labels)
            source = Exported(str(tmp_path / "set"), **options)
        else:
            np.save(tmp_path / "set.npy", images)
            np.save(tmp_path / "classes.npy", labels)
            source = Exported(str(tmp_path / "set.npy"), str(tmp_path / "classes.npy"), **options)
        return import_exported(source, tmp_path / "out")

    return read


@pytest.mark.parametrize("form", ["npz", "compressed", "folder", "files"])
def test_every_form_is_read(read, form):
    dataset = read(GREY, LABELS, form)
    np.testing.assert_array_equal(dataset.images, GREY)
    np.testing.assert_array_equal(dataset.labels, LABELS)
    assert dataset.soft_labels is None
    assert dataset.name == "set"


@pytest.mark.parametrize(
    ("images", "options", "expected"),
    [
        (COLOUR, {}, COLOUR),
        (np.moveaxis(COLOUR, 3, 1), {}, COLOUR),
        (COLOUR.astype(np.float64), {}, COLOUR),
        (GREY[..., 0], {}, GREY),
        (np.moveaxis(GREY, 3, 1), {}, GREY),
        # A shape that could be either.
        (np.moveaxis(COLOUR[:, :3], 3, 1), {"channels": "first"}, COLOUR[:, :3]),
        (COLOUR[:, :3], {"channels": "last"}, COLOUR[:, :3]),
        ((COLOUR - 0.5) / 0.25, {"mean": (0.5,), "deviation": (0.25,)}, COLOUR),
        (
            np.moveaxis((COLOUR - [0.1, 0.2, 0.3]) / [0.2, 0.3, 0.4], 3, 1),
            {"mean": (0.1, 0.2, 0.3), "deviation": (0.2, 0.3, 0.4)},
            COLOUR,
        ),
        (255 * COLOUR, {"mean": (0.0,), "deviation": (0.00392157,)}, COLOUR),
        (3 * COLOUR - 1, {"mean": (0.0,), "deviation": (1.0,)}, 3 * COLOUR - 1),
    ],
)
def test_layouts_and_ranges(read, images, options, expected):
    dataset = read(images, LABELS, **options)
    assert dataset.images.dtype == expected.dtype
    np.testing.assert_allclose(dataset.images, expected, atol=1e-6)


def test_soft_labels_are_kept(read):
    dataset = read(GREY, SOFT.astype(np.float64))
    np.testing.assert_allclose(dataset.soft_labels, SOFT, atol=1e-7)
    np.testing.assert_array_equal(dataset.labels, SOFT.argmax(axis=1))


def test_labels_in_a_column_are_read(read):
    np.testing.assert_array_equal(read(GREY, LABELS[:, None]).labels, LABELS)


@pytest.mark.parametrize(
    ("images", "labels", "options", "message"),
    [
        (
            GREY[:, :, 0, 0],
            LABELS,
            {},
            r"images must hold at least one image, of shape .* uint8 of shape \(6, 8",
        ),
        (GREY.astype(np.int64), LABELS, {}, "must hold uint8 or floating-point images, got int64"),
        (2 * COLOUR - 1, LABELS, {}, r"holds values in -0.99.*not in 0..1; give the --mean and"),
        (
            255 * COLOUR,
            LABELS,
            {},
            r"in 0.*\.\.2.*; give --mean 0 --deviation 0.0039215",
        ),
        (
            255 * COLOUR,
            LABELS,
            {"mean": (0.0,), "deviation": (1.0,)},
            r"npz: images holds values in 0.*; training takes about 0..1: give --mean 0 --dev",
        ),
        (COLOUR, LABELS, {"mean": (0.0,), "deviation": (3e38,)}, "training takes about 0..1: give"),
        (COLOUR, LABELS, {"mean": (0.5,), "deviation": (1e300,)}, "deviation must be finite numb"),
        (COLOUR, LABELS, {"mean": (0.5,), "deviation": (1e-300,)}, "deviation must be above 0 in"),
        (np.where(COLOUR > 0.9, np.nan, COLOUR), LABELS, {}, "row 0 holds NaN or infinity"),
        (
            np.where(COLOUR > 0.9, 1e300, COLOUR.astype(float)),
            LABELS,
            {},
            "row 0 holds values that float32 cannot, up to 1e.300",
        ),
        (
            COLOUR,
            LABELS.astype(np.uint64) + np.uint64(2**63),
            {},
            "labels must be in 0..9223372036854775807, got 9223372036854775808 in row 0",
        ),
        (np.zeros((6, 5, 8, 7)), LABELS, {}, r"shape \(6, 5, 8, 7\) has 7 if channels come last"),
        (
            COLOUR,
            LABELS,
            {"mean": (0.5,)},
            "mean and deviation go together, but there is no deviation",
        ),
        (
            COLOUR,
            LABELS,
            {"mean": (0.5, 0.5), "deviation": (1.0,)},
            r"mean must be one number, or one for each of 3 channels, got \[0.5, 0.5\]",
        ),
        (COLOUR, LABELS, {"mean": (0.5,), "deviation": (0.0,)}, "deviation must be above 0"),
        (GREY, LABELS, {"mean": (0.5,), "deviation": (0.2,)}, "uint8 images, which --mean"),
        (GREY, LABELS[:5], {}, r"integers of shape \(6,\), or .* got int64 of shape \(5,\)"),
        (GREY, LABELS.astype(np.float32), {}, "probabilities .* got float32 of shape"),
        (GREY, SOFT[:4], {}, "labels 4 samples, but there are 6 images"),
        (GREY, 5 * SOFT - 1, {}, "row 0 is no probabilities of classes.* softmax of logits first"),
        (GREY, LABELS - 1, {}, r"labels must be in 0\.\.\d+, got -1 in row 0"),
    ],
)
def test_what_does_not_fit_is_refused(read, tmp_path, images, labels, options, message):
    with pytest.raises(ValueError, match=message):
        read(images, labels, **options)
    assert not (tmp_path / "out").exists()


def test_missing_and_other_files_are_refused(tmp_path):
    np.save(tmp_path / "images.npy", GREY)
    np.savez(tmp_path / "other.npz", x=GREY, y=LABELS)
    (tmp_path / "set.pt").write_bytes(b"torch")
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.npz").write_text("no archive")
    for name, error, message in (
        ("nothing.npz", FileNotFoundError, "nothing.npz does not exist"),
        ("images.npy", ValueError, "holds images alone; give the .npy file of their labels"),
        ("other.npz", ValueError, "other.npz: the array images is missing; there are x, y"),
        ("set.pt", ValueError, "save torch tensors with numpy.save first"),
        ("empty", FileNotFoundError, "empty has no images.npy"),
        ("text.npz", ValueError, "text.npz is damaged: File is not a zip file"),
    ):
        with pytest.raises(error, match=message):
            import_exported(Exported(str(tmp_path / name)), tmp_path / "out")
    with pytest.raises(ValueError, match="holds its labels itself"):
        import_exported(Exported(str(tmp_path / "other.npz"), "labels.npy"), tmp_path / "out")


def test_nothing_is_unpickled(tmp_path):
    np.savez(tmp_path / "set.npz", images=np.array([{}], dtype=object), labels=LABELS)
    with pytest.raises(ValueError, match="set.npz: images.*object"):
        import_exported(Exported(str(tmp_path / "set.npz")), tmp_path / "out")


def test_damaged_archives_are_refused(tmp_path):
    path = tmp_path / "set.npz"
    np.savez(path, images=GREY, labels=LABELS)
    content = bytearray(path.read_bytes())
    content[200] ^= 0xFF  # in the pixels
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match="set.npz is damaged: Bad CRC-32"):
        import_exported(Exported(str(path)), tmp_path / "out")


def test_archives_that_would_fill_the_disk_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(exported, "_LARGEST_BYTES", 100)
    np.savez(tmp_path / "set.npz", images=GREY, labels=LABELS)
    with pytest.raises(ValueError, match="the array images has 464 bytes, more than 100"):
        import_exported(Exported(str(tmp_path / "set.npz")), tmp_path / "out")


def test_other_compressions_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.npz", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("images.npy", b"x")
    with pytest.raises(ValueError, match="compressed as numpy.savez_compressed does not"):
        import_exported(Exported(str(tmp_path / "set.npz")), tmp_path / "out")
