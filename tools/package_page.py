"""The links and the picture of docs/package.md, which a package index shows far from the sources.

They must be absolute there, so they exist only where pyproject.toml declares the project's address
([project.urls] Repository); without one, the page names the documents. A release fills in its tag.
"""

from __future__ import annotations

import re

PICTURE = ("Two selections from CIFAR-10 on one page", "docs/images/showing.webp")
DOCUMENTS = {
    "How selection works": "docs/selection.md",
    "Why the fast methods are exact": "docs/algorithms.md",
    "How fast selection is": "docs/performance.md",
    "When selecting helps, and when it does not": "docs/when-selecting-helps.md",
    "Datasets and files": "docs/data.md",
    "Training in two phases": "docs/training.md",
    "The C++ library": "docs/cpp.md",
    "Changes": "CHANGELOG.md",
}


def with_links(page: str, repository: str | None, version: str) -> str:
    """The page with its two marked parts written for this address; None if there is none."""
    if repository is None:
        names = "".join(f"- {title}: `{path}`\n" for title, path in DOCUMENTS.items())
        picture, links = "", f"The source distribution includes the documentation:\n\n{names}"
    else:
        tag = f"v{version}"
        title, path = PICTURE
        picture = f"![{title}]({repository}/raw/{tag}/{path})\n"
        links = "".join(
            f"- [{title}]({repository}/blob/{tag}/{path})\n" for title, path in DOCUMENTS.items()
        )
    return _replaced(_replaced(page, "picture", picture), "links", links)


def _replaced(page: str, mark: str, content: str) -> str:
    start, end = f"<!-- {mark}: tools/package_page.py -->\n", f"<!-- end of {mark} -->\n"
    found = re.search(f"{re.escape(start)}.*?{re.escape(end)}", page, re.DOTALL)
    if found is None:
        raise ValueError(f"docs/package.md lacks the lines {start.strip()} and {end.strip()}")
    # An empty line on both sides: Markdown takes a line beside a comment as part of it.
    inside = f"\n{content}\n" if content else ""
    return page[: found.start()] + start + inside + end + page[found.end() :]
