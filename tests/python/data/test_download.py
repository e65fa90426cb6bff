from __future__ import annotations

import hashlib
import io
import urllib.request
from typing import TYPE_CHECKING

import pytest

from thinset.data import download
from thinset.data.download import FILES, RemoteFile, fetch

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = b"0123456789" * 1000
FILE = RemoteFile(
    "https://example.org/a/file.gz", len(CONTENT), hashlib.sha256(CONTENT).hexdigest()
)


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answer every request with CONTENT and record its address."""
    urls: list[str] = []

    def urlopen(url: str, timeout: float) -> io.BytesIO:
        assert timeout > 0
        urls.append(url)
        return io.BytesIO(CONTENT)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return urls


def test_a_file_is_fetched_once(tmp_path: Path, requests: list[str]) -> None:
    for _ in range(2):
        target = fetch(FILE, tmp_path / "new")
        assert target == tmp_path / "new" / "file.gz"
        assert target.read_bytes() == CONTENT
    assert requests == [FILE.url]


def test_a_damaged_file_is_fetched_again(tmp_path: Path, requests: list[str]) -> None:
    (tmp_path / "file.gz").write_bytes(CONTENT[:-1])
    fetch(FILE, tmp_path)
    assert (tmp_path / "file.gz").read_bytes() == CONTENT
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (RemoteFile(FILE.url, FILE.n_bytes, "0" * 64), "has SHA-256 .*, expected 0000"),
        (RemoteFile(FILE.url, FILE.n_bytes - 1, FILE.sha256), "is larger than its 9999 bytes"),
    ],
)
def test_what_is_not_the_published_file_leaves_nothing(
    tmp_path: Path, requests: list[str], file: RemoteFile, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fetch(file, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert len(requests) == 1


def test_only_https(tmp_path: Path, requests: list[str]) -> None:
    with pytest.raises(ValueError, match="must be over https"):
        fetch(RemoteFile("http://example.org/file.gz", 1, "0" * 64), tmp_path)
    assert requests == []
    assert all(file.url.startswith("https://") for files in FILES.values() for file in files)


def test_an_unknown_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must be one of \['cifar10', 'mnist'\], got 'imagenet'"):
        download("imagenet", tmp_path)  # type: ignore[arg-type]
