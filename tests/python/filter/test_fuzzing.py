"""Both fuzz targets for a minute each; with libFuzzer where there is Clang."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    """The folder of the built targets, with their corpora in `corpus`."""
    cmake = shutil.which("cmake", path=str(Path(sys.executable).parent)) or shutil.which("cmake")
    if cmake is None or not (ROOT / "cpp" / "fuzz").is_dir():
        pytest.skip("needs cmake and the sources")
    build = tmp_path_factory.mktemp("fuzz")
    settings = ["-DTHINSET_FUZZERS=ON", "-DBUILD_TESTING=OFF", "-DCMAKE_BUILD_TYPE=RelWithDebInfo"]
    if shutil.which("clang++"):
        settings.append("-DCMAKE_CXX_COMPILER=clang++")
    subprocess.run([cmake, "-S", ROOT, "-B", build, *settings], check=True)
    names = ["fuzz_npy_header", "fuzz_options"]
    subprocess.run([cmake, "--build", build, "-j", "2", "--target", *names], check=True)
    corpus = [sys.executable, ROOT / "cpp" / "fuzz" / "make_corpus.py", build / "corpus"]
    subprocess.run(corpus, check=True)
    return build


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("name", "max_length"), [("npy_header", 4096), ("options", 512)])
def test_a_minute_of_fuzzing(targets, tmp_path, name, max_length):
    target = targets / "cpp" / "fuzz" / f"fuzz_{name}"
    arguments = ["-max_total_time=60", f"-max_len={max_length}", targets / "corpus" / name]
    result = subprocess.run(
        [target, *arguments], cwd=tmp_path, capture_output=True, text=True, errors="replace"
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert not list(tmp_path.glob("crash-*"))
    runs = int(result.stderr.split("Done ")[1].split()[0])
    assert runs > 10_000
