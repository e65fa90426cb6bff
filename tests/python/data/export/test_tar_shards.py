from __future__ import annotations

import gzip
import io
import os
import tarfile

import numpy as np
import pytest

from thinset.data import export_subset


def add(archive, name, content=b"", **changes):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    member.mtime = 1_600_000_000
    for key, value in changes.items():
        setattr(member, key, value)
    archive.addfile(member, io.BytesIO(content))


def write_shard(path, numbers, mode="w"):
    with tarfile.open(path, mode) as archive:
        for n in numbers:
            add(archive, f"d/s{n:04d}.jpg", os.urandom(700), mode=0o640)
            add(archive, f"d/s{n:04d}.seg.png", bytes([n]) * 10)
            add(archive, f"d/s{n:04d}.cls", str(n).encode())


@pytest.fixture
def shards(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    write_shard(folder / "train-000.tar", range(5))
    write_shard(folder / "train-001.tar", range(5, 8))
    write_shard(folder / "train-002.tgz", range(8, 12), "w:gz")
    write_shard(folder / "val-000.tar", range(20, 23))
    return [folder / f"train-{n:03d}.{end}" for n, end in enumerate(["tar", "tar", "tgz"])]


def content_of(*paths):
    found = {}
    for path in paths:
        with tarfile.open(path) as archive:
            for member in archive:
                info = (member.mtime, member.mode, archive.extractfile(member).read())
                found[member.name] = info
    return found


def expected_of(shards, numbers):
    return {
        name: content for name, content in content_of(*shards).items() if int(name[3:7]) in numbers
    }


def test_samples_are_taken_whole(tmp_path, shards):
    written = export_subset([11, 0, 3], shards, tmp_path / "out")
    assert written == (tmp_path / "out", "webdataset", 3)
    new = [tmp_path / "out" / path.name for path in shards]
    assert content_of(*new) == expected_of(shards, {0, 3, 11})
    assert content_of(new[1]) == {}
    assert new[2].read_bytes()[:2] == b"\x1f\x8b"
    assert len(content_of(new[0])) == 6
    export_subset([11, 0, 3], tmp_path / "in", tmp_path / "one.tar")
    assert content_of(tmp_path / "one.tar") == expected_of(shards, {0, 3, 11})
    export_subset([2], tmp_path / "in", tmp_path / "val.tar", split="validation")
    assert [int(name[3:7]) for name in content_of(tmp_path / "val.tar")] == [22] * 3


@pytest.mark.parametrize("shard", [0, 2])
def test_one_shard_becomes_a_folder_of_one(tmp_path, shards, shard):
    export_subset([1], shards[shard], tmp_path / "out.d")
    new = tmp_path / "out.d" / shards[shard].name
    assert content_of(new) == expected_of(shards, {4 * shard + 1})
    assert (new.read_bytes()[:2] == b"\x1f\x8b") == (shard == 2)


def test_samples_by_key(tmp_path, shards):
    of_all = [f"d/s{n:04d}" for n in np.random.default_rng(0).permutation(12)]
    export_subset([1, 4], shards, tmp_path / "out.tar", ids=of_all)
    numbers = {int(of_all[1][3:]), int(of_all[4][3:])}
    assert content_of(tmp_path / "out.tar") == expected_of(shards, numbers)
    with pytest.raises(ValueError, match="does not have 1 chosen id: 'd/s0099'"):
        export_subset(["d/s0001", "d/s0099"], shards, tmp_path / "no.tar")
    with pytest.raises(ValueError, match="order must be 'file'"):
        export_subset([1], shards, tmp_path / "no.tar", order="selection")


def test_what_is_no_sample_is_left_out(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        add(archive, "d", type=tarfile.DIRTYPE)
        add(archive, "d/__meta__.json", b"{}")
        add(archive, "README", b"no dot")
        add(archive, "d/.hidden", b"no stem")
        add(archive, "d/a.jpg", b"1")
        add(archive, "d/a.link", type=tarfile.SYMTYPE, linkname="/etc/passwd")
        add(archive, "d/a.txt", b"2")
        add(archive, "ü" * 150 + ".jpg", b"3")
        add(archive, "d/b.dev", type=tarfile.CHRTYPE)
    export_subset([0, 1], tmp_path / "x.tar", tmp_path / "out.tar")
    assert list(content_of(tmp_path / "out.tar")) == ["d/a.jpg", "d/a.txt", "ü" * 150 + ".jpg"]
    with pytest.raises(ValueError, match="position 0 holds 2"):
        export_subset([2], tmp_path / "x.tar", tmp_path / "no.tar")


@pytest.mark.parametrize("name", ["../evil.jpg", "/etc/evil.jpg", "a/../../b.jpg"])
def test_names_that_leave_the_folder_are_refused(tmp_path, name):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        add(archive, "a.jpg", b"1")
        add(archive, name, b"2")
    with pytest.raises(ValueError, match=r"x\.tar has a member named .* would leave the folder"):
        export_subset([0], tmp_path / "x.tar", tmp_path / "out.tar")
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar"]


def test_a_key_that_is_there_twice(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for key in ("a", "b", "a"):
            add(archive, f"{key}.jpg", b"1")
    with pytest.raises(ValueError, match=r"sample 2 \('a'\) has the id 'a', as .*sample 0"):
        export_subset(["a"], tmp_path / "x.tar", tmp_path / "out.tar")
    export_subset([2], tmp_path / "x.tar", tmp_path / "out.tar")
    assert list(content_of(tmp_path / "out.tar")) == ["a.jpg"]


@pytest.mark.parametrize("length", [0, 100, 700, 1500, 5120, 8000, -1024, -512])
def test_truncated_shards_are_refused(tmp_path, length):
    write_shard(tmp_path / "whole.tar", range(5))
    content = (tmp_path / "whole.tar").read_bytes().rstrip(b"\0")
    content += bytes(-len(content) % 512)
    (tmp_path / "x.tar").write_bytes(content[:length] if length >= 0 else content)
    with pytest.raises(ValueError, match=r"x\.tar is damaged"):
        export_subset([0], tmp_path / "x.tar", tmp_path / "out.tar")
    assert not (tmp_path / "out.tar").exists()


def test_a_damaged_header_is_no_end(tmp_path):
    write_shard(tmp_path / "x.tar", range(5))
    content = bytearray((tmp_path / "x.tar").read_bytes())
    third = content.index(b"d/s0002.jpg")
    content[third + 148 : third + 156] = b"xxxxxxxx"  # its checksum
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(ValueError, match=rf"no header at byte {third:,}; fetch the file again"):
        export_subset([0], tmp_path / "x.tar", tmp_path / "out.tar")


def test_a_damaged_compressed_shard(tmp_path):
    write_shard(tmp_path / "x.tgz", range(5), "w:gz")
    content = (tmp_path / "x.tgz").read_bytes()
    # The last 8 bytes are the checksum and the length.
    for damaged in (content[:-100], content[:-8], content[:-8] + b"\0" * 8):
        (tmp_path / "x.tgz").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"x\.tgz is damaged"):
            export_subset([0], tmp_path / "x.tgz", tmp_path / "out.tar")
        assert not (tmp_path / "out.tar").exists()


def test_what_is_no_archive_is_said_in_one_line(tmp_path):
    (tmp_path / "x.tar").write_bytes(b"")
    with pytest.raises(ValueError, match=r"no tar archive: file could not be opened") as info:
        export_subset([0], tmp_path / "x.tar", tmp_path / "out.tar")
    assert "\n" not in str(info.value)


def test_compressed_shards_are_read_once_from_start_to_end(tmp_path, monkeypatch):
    with tarfile.open(tmp_path / "in.tgz", "w:gz") as archive:
        for n in range(8):
            add(archive, f"s{n}.jpg", os.urandom(512 * 400))  # more than the buffers hold
            add(archive, f"s{n}.cls", str(n).encode())
    n_rewinds = []
    rewind = gzip._GzipReader._rewind
    monkeypatch.setattr(
        gzip._GzipReader, "_rewind", lambda reader: n_rewinds.append(1) or rewind(reader)
    )
    export_subset(range(8), tmp_path / "in.tgz", tmp_path / "out.tar")
    assert len(n_rewinds) <= 1  # after the kind of compression is known
    monkeypatch.undo()
    assert content_of(tmp_path / "out.tar") == content_of(tmp_path / "in.tgz")
