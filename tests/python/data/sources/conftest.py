from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(params=["link", "folder", "pipe"])
def put_no_file(request: pytest.FixtureRequest) -> Callable[[Path], str]:
    """Puts something that is no file under a name, and says what it is."""

    def put(path: Path) -> str:
        path.unlink(missing_ok=True)
        if request.param == "link":
            path.symlink_to("gone")
            return "a link to nothing"
        if request.param == "folder":
            path.mkdir()
            return "a folder"
        os.mkfifo(path)
        return "a named pipe"

    return put
