from __future__ import annotations

import json
import subprocess

import pytest


@pytest.fixture(scope="session")
def run(binary):
    """Run thinset-filter: (exit status, standard output or its JSON object, standard error)."""

    def call(*arguments, check=True):
        result = subprocess.run(
            [binary, *map(str, arguments)], capture_output=True, text=True, timeout=120
        )
        if check:
            assert result.returncode == 0, result.stderr
        output = json.loads(result.stdout) if "--json" in arguments else result.stdout
        return result.returncode, output, result.stderr

    return call
