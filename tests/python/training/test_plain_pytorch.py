from __future__ import annotations

import runpy
from pathlib import Path

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "plain_pytorch.py"


def test_documented_example_runs_and_learns(tmp_path: Path) -> None:
    main = runpy.run_path(str(EXAMPLE))["main"]
    assert main(tmp_path / "digits") > 0.9
