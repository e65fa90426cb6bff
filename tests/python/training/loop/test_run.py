from __future__ import annotations

import ast
from pathlib import Path

LOOP = Path(__file__).parents[4] / "python" / "thinset" / "training" / "loop"


def test_the_loop_knows_no_learner_but_the_protocol() -> None:
    files = sorted(LOOP.glob("*.py"))
    assert len(files) > 5
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and "learners" in str(node.module):
                assert node.module == "thinset.training.learners.learner", file.name
            if isinstance(node, ast.Attribute):
                assert node.attr not in ("model", "optimizer", "param_groups"), file.name
