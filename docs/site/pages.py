"""Pages of the site that do not come from docs/, and the links to them.

The files in docs/ link to others of the repository, as GitHub needs it. Those files join the site:
Markdown as a page, everything else as a file to open. The links are rewritten.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
_FROM_ROOT = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
_LINK = re.compile(r"\]\(([^)#\s:]+)(#[^)\s]*)?\)")
_JOINED = "How-to"
"""The section of the navigation where a page of docs/ stands that it does not name"""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the pages of docs/ that the navigation does not name."""
    named = set(_names(config.nav))
    excluded = {"package.md"}
    section = next(entry[_JOINED] for entry in config.nav if _JOINED in entry)
    section += [
        path.name
        for path in sorted((ROOT / "docs").glob("*.md"))
        if path.name not in named | excluded
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files outside docs/ that pages link to, and those that these link to."""
    waiting = [f"docs/{page.src_uri}" for page in files.documentation_pages()]
    waiting += _FROM_ROOT
    seen = set(waiting)
    for source in waiting:
        if not source.startswith("docs/"):
            files.append(_copied(source, config))
        if not source.endswith(".md"):
            continue
        for target in _targets(source):
            if target not in seen and not target.startswith("docs/") and target != "README.md":
                seen.add(target)
                waiting.append(target)
    explanation = next(entry["Explanation"] for entry in config.nav if "Explanation" in entry)
    for title, folder in (("Method cards", "methods"), ("Benchmark problems", "benchmarks")):
        cards = [site for site in _sources if site.startswith(f"{folder}/")]
        explanation.append({title: sorted(cards)})
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Let links lead to where the files are on the site."""
    source = _repository_path(page.file.src_uri)
    if source is None:
        return markdown
    here = posixpath.dirname(page.file.src_uri)

    def rewritten(link: re.Match[str]) -> str:
        target = _joined(source, link[1])
        if not (ROOT / target).exists():
            return link[0]  # mkdocs reports it
        return f"]({posixpath.relpath(site_path(target), here or '.')}{link[2] or ''})"

    return _LINK.sub(rewritten, markdown)


def site_path(path: str) -> str:
    """Where a file of the repository stands on the site; both are relative to their roots."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if path == "README.md":
        return "index.md"
    if path in _FROM_ROOT:
        return path.lower()
    folder, _, name = path.rpartition("/")
    if name == "README.md":
        return f"{folder}.md"
    if name.endswith(".md"):  # the cards of methods
        return f"methods/{name}"
    return f"files/{path}"


_sources: dict[str, str] = {}
"""The repository's path of each page that was copied, by its path on the site"""


def _copied(source: str, config: MkDocsConfig) -> File:
    target = site_path(source)
    _sources[target] = source
    if source.endswith(".md"):
        text = (ROOT / source).read_text(encoding="utf-8")
        return File.generated(config, target, content=text)
    return File.generated(config, target, abs_src_path=str(ROOT / source))


def _repository_path(site: str) -> str | None:
    if site in _sources:
        return _sources[site]
    return f"docs/{site}" if (ROOT / "docs" / site).exists() else None


def _targets(source: str) -> list[str]:
    text = (ROOT / source).read_text(encoding="utf-8")
    targets = [_joined(source, link[1]) for link in _LINK.finditer(text)]
    return [target for target in targets if (ROOT / target).is_file()]


def _joined(source: str, link: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), link))


def _names(nav: object) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    entries = nav.values() if isinstance(nav, dict) else nav
    return [name for entry in entries for name in _names(entry)]  # type: ignore[union-attr]
