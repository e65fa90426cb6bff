"""Pages without pixels, for tests that are about what pages say."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="
)
_SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'


@pytest.fixture(scope="module", autouse=True)
def plots() -> Iterator[None]:
    """Figures are laid out, but their pixels, most of the time that a page takes, are not drawn.

    A module whose tests look at plots defines a fixture of this name that does nothing.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "thinset.report.document.rendered",
            lambda _figure, file_format: _PNG if file_format == "png" else _SVG,
        )
        yield
