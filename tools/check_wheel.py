"""Tests wheels in clean environments, and prints a row of a table for each.

    python tools/check_wheel.py dist/*.whl [--python PATH ...]

Each interpreter gets a new environment with the wheel made for it, NumPy and the few packages that
these tests need; torch is not among them. Two programs, all golden selections from Python and from
thinset-filter, and the tests in TESTS must pass. Nothing is built: pip takes binary packages alone.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("hypothesis", "numpy", "pytest", "pytest-timeout")
TESTS = (
    "test_golden.py",
    "test_import_cost.py",
    "command_line/test_completions.py",
    "files/test_atomic.py",
    "files/test_folder_lock.py",
    "files/test_json.py",
    "filter/test_documents.py",
    "filter/test_equals_python.py",
    "filter/test_refusals.py",
    "selection/test_choice_refusals.py",
    "selection/test_instruction_sets.py",
    "selection/test_matrix_files.py",
    "selection/test_result.py",
    "selection/test_select.py",
    "selection/test_threads.py",
)
GOLDEN = "test_selections and not bfloat16"
DESCRIBE = """
import json, platform, sys
libc = " ".join(platform.libc_ver()) or platform.platform()
name = f"{platform.python_implementation()} {platform.python_version()}"
tag = f"cp{sys.version_info[0]}{sys.version_info[1]}"
print(json.dumps({"name": name, "tag": tag, "system": f"{libc}, {platform.machine()}"}))
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("wheels", type=Path, nargs="+")
    parser.add_argument("--python", nargs="+", default=[sys.executable], help="interpreters")
    options = parser.parse_args()
    print("| Python | system | from Python | from thinset-filter | other tests |")
    print("|---|---|---|---|---|", flush=True)
    for python in options.python:
        found = json.loads(run(python, "-c", DESCRIBE))
        fitting = [wheel for wheel in options.wheels if f"-{found['tag']}-" in wheel.name]
        if len(fitting) != 1:
            parser.error(f"{python} needs one wheel for {found['tag']}, got {len(fitting)}")
        with tempfile.TemporaryDirectory() as folder:
            counts = check(python, fitting[0].resolve(), Path(folder))
        print(f"| {found['name']} | {found['system']} | {' | '.join(counts)} |", flush=True)
    return 0


def check(python: str, wheel: Path, folder: Path) -> tuple[str, str, str]:
    """The selections equal to the golden ones (two ways), and the other tests that passed."""
    run(python, "-m", "venv", folder / "environment")
    bin_folder = folder / "environment" / "bin"
    inside = bin_folder / "python"
    run(inside, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", wheel, *PACKAGES)
    version = wheel.name.split("-")[1]
    for program in ("thinset", "thinset-filter"):
        stated = run(bin_folder / program, "--version")
        if version not in stated.split():
            raise SystemExit(f"{program} --version printed {stated!r}; the wheel is {version}")
    embeddings = ROOT / "tests" / "golden" / "embeddings_v1.npy"
    chosen = folder / "chosen.npz"
    run(bin_folder / "thinset", "select", embeddings, "-n", "20", "-m", "topk", "-o", chosen)
    run(inside, "-c", f"import thinset; assert len(thinset.Selection.load({str(chosen)!r})) == 20")

    from_filter = run(
        inside, ROOT / "tests" / "golden" / "check_binary.py", bin_folder / "thinset-filter"
    )
    paths = [ROOT / "tests" / "python" / name for name in TESTS]
    from_python = run_tests(inside, GOLDEN, paths[0])
    others = run_tests(inside, f"not ({GOLDEN})", *paths)
    return from_python, from_filter.split(" selections")[0], others


def run_tests(python: Path, chosen: str, *paths: Path) -> str:
    """pytest's counts, such as "84 passed"; a failed test ends the program."""
    text = run(
        python,
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow and not alone"),
        *("-k", chosen, *paths),
    )
    return ", ".join(re.findall(r"\d+ (?:passed|skipped)", text.splitlines()[-1]))


def run(*command: object) -> str:
    # Neither this environment's packages nor its byte code.
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    done = subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
