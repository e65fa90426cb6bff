"""What is handed to others: the source distribution, the metadata, the page on a package index."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "package.md"


@pytest.fixture(scope="module")
def source_distribution(tmp_path_factory):
    """The members of the source distribution, by path below its top folder, and its size."""
    folder = tmp_path_factory.mktemp("sdist")
    program = (
        "import sys; from scikit_build_core.build import build_sdist; build_sdist(sys.argv[1])"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(folder)], cwd=ROOT, check=True, capture_output=True
    )
    (archive,) = folder.glob("thinset-*.tar.gz")
    with tarfile.open(archive) as file:
        names = {member.name.partition("/")[2] for member in file.getmembers()}
    return names, archive.stat().st_size


def test_source_distribution_holds_the_sources_alone(source_distribution):
    names, size = source_distribution
    tops = {name.partition("/")[0] for name in names}
    # The tree that the tests run in has been built in.
    assert not tops & {".venv", "build", "dist", "out", "thinset-demo", ".git", ".ccache"}
    assert not [name for name in names if re.search(r"\.(so|o|a|pyc|whl)$|__pycache__", name)]
    assert size < 2_500_000


@pytest.mark.parametrize(
    "name",
    [
        "LICENSE",
        "NOTICE",
        "CMakeLists.txt",
        "constraints.txt",
        "cpp/include/thinset/selection.hpp",
        "docs/selection.md",
        "python/thinset/data/sources/digits.npz",
        "python/thinset/report/templates/base.html.j2",
        "python/thinset/report/templates/page.css",
        "tests/python/test_golden.py",
    ],
)
def test_source_distribution_is_complete(source_distribution, name):
    assert name in source_distribution[0]


def test_wheel_carries_licence_and_attribution():
    files = {str(file) for file in distribution("thinset").files}
    for name in ("LICENSE", "NOTICE"):
        assert [file for file in files if file.endswith(f".dist-info/licenses/{name}")]


def test_classifiers_claim_what_was_tried():
    metadata = distribution("thinset").metadata
    classifiers = metadata.get_all("Classifier")
    assert "Programming Language :: Python :: 3.11" in classifiers
    assert [name for name in classifiers if name.startswith("Operating System")] == [
        "Operating System :: POSIX :: Linux"
    ]


def test_index_page_stands_alone():
    text = PAGE.read_text(encoding="utf-8")
    assert distribution("thinset").metadata.get_payload().strip() == text.strip()
    # A link into the repository or an image of it leads nowhere from there.
    assert not re.findall(r"\]\((?!https://)[^)]*\)", text)


@pytest.mark.parametrize("page", ["README.md", "docs/package.md"])
def test_every_extra_is_listed(page):
    of_developers = {"bench", "dev", "docs"}
    extras = set(distribution("thinset").metadata.get_all("Provides-Extra")) - of_developers
    listed = set(
        re.findall(
            r"`([a-z]+)`",
            "".join(re.findall(r"^\| .*", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)),
        )
    )
    assert extras <= listed
