"""tools/release.py cuts a release: tried in a clone, with the source archive alone."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ADDRESS = "https://example.org/owner/thinset"


def git(folder, *arguments):
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


def release(folder, *arguments):
    return subprocess.run(
        [sys.executable, "tools/release.py", *arguments, "--date", "2030-01-02", "--no-wheel"],
        cwd=folder,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def clone(tmp_path):
    if not (ROOT / ".git").exists():
        pytest.skip("this is not a git checkout")
    git(tmp_path, "clone", "--quiet", str(ROOT), "clone")
    folder = tmp_path / "clone"
    for name, value in (("user.name", "A"), ("user.email", "a@example.org")):
        git(folder, "config", name, value)
    return folder


@pytest.fixture
def without_address(clone):
    """A clone whose pyproject.toml declares no address of the project."""
    path = clone / "pyproject.toml"
    text = re.sub(r"(?m)^\[project\.urls\]\n(.+\n)+\n", "", path.read_text())
    if text != path.read_text():
        path.write_text(text)
        git(clone, "commit", "-qam", "Declare no address")
    return clone


def test_release_without_an_address(without_address):
    clone = without_address
    dry = release(clone, "98.7.6", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert '[project.urls]\nRepository = "https://..."\n' in dry.stdout
    assert (clone / "dist" / "98.7.6-dry-run" / "thinset-98.7.6.tar.gz").exists()
    refused = release(clone, "98.7.6")
    assert (refused.returncode, "REPOSITORY_URL=https://..." in refused.stderr) == (1, True)
    for address in ("http://example.org", 'https://example.org/"'):
        refused = release(clone, "98.7.6", "--repository-url", address)
        assert (refused.returncode, f"got {address!r}" in refused.stderr) == (1, True)
    assert git(clone, "status", "--porcelain") == ""


def test_release(without_address):
    clone = without_address
    address = ("--repository-url", ADDRESS)
    dry = release(clone, "98.7.6", "--dry-run", *address)
    assert dry.returncode == 0, dry.stderr
    assert git(clone, "status", "--porcelain") == ""
    assert git(clone, "tag", "--list", "v98*") == ""

    done = release(clone, "98.7.6", *address)
    assert done.returncode == 0, done.stderr
    assert git(clone, "describe", "--tags", "--dirty").strip() == "v98.7.6"
    assert "## 98.7.6 (2030-01-02)" in (clone / "CHANGELOG.md").read_text()
    assert "version: 98.7.6\ndate-released: 2030-01-02" in (clone / "CITATION.cff").read_text()

    sdist = clone / "dist" / "98.7.6" / "thinset-98.7.6.tar.gz"
    content = sdist.read_bytes()
    sums = (sdist.parent / "SHA256SUMS").read_text()
    assert sums == f"{hashlib.sha256(content).hexdigest()}  {sdist.name}\n"
    again = clone / "dist" / "98.7.6-dry-run" / sdist.name
    assert again.read_bytes() == content, "another build has other bytes"
    with tarfile.open(sdist) as archive:
        text = archive.extractfile("thinset-98.7.6/PKG-INFO").read().decode()
    stated = {
        "License-File: LICENSE",
        "License-File: NOTICE",
        f"Project-URL: Repository, {ADDRESS}",
    }
    assert stated <= set(text.splitlines())
    links = re.findall(r"\]\(([^)]*)\)", text)
    assert links
    for link in links:
        found = re.fullmatch(rf"{ADDRESS}/(?:raw|blob)/v98\.7\.6/(.*)", link)
        assert found, link
        assert (clone / found[1]).exists(), link

    refused = release(clone, "98.7.6")
    assert (refused.returncode, "the tag v98.7.6 exists" in refused.stderr) == (1, True)
    refused = release(clone, "98.7.5")
    assert (refused.returncode, "98.7.5 is older" in refused.stderr) == (1, True)
    refused = release(clone, "98.7.7", "--repository-url", "https://example.org/other")
    assert (refused.returncode, f"declares {ADDRESS}" in refused.stderr) == (1, True)


def test_what_is_not_fit_for_release_is_refused(clone):
    refused = release(clone, "1.2")
    assert (refused.returncode, "got '1.2'" in refused.stderr) == (1, True)
    (clone / "new.txt").touch()
    refused = release(clone, "98.7.6")
    assert (refused.returncode, "?? new.txt" in refused.stderr) == (1, True)


def test_the_version_stands_in_one_place():
    stated = re.search(r"project\(thinset VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())
    assert f"\nversion: {stated[1]}\n" in (ROOT / "CITATION.cff").read_text()
    assert 'dynamic = ["version"]' in (ROOT / "pyproject.toml").read_text()
