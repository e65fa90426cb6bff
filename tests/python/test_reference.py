"""The documentation site: every public name is in the reference, and no link leads nowhere."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from thinset.command_line import COMMANDS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "python" / "thinset"


def loaded(name):
    """A module of docs/site; it needs none of what builds the site."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / "site" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = loaded("reference")
commands = loaded("commands")


def test_every_module_with_public_names_has_a_page():
    modules = {
        ".".join(("thinset", *path.parent.relative_to(PACKAGE).parts))
        for path in PACKAGE.rglob("__init__.py")
        if re.search(r"^__all__ = ", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    integrations = PACKAGE.joinpath("integrations").glob("[a-z]*.py")
    modules |= {f"thinset.integrations.{path.stem}" for path in integrations}
    for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]:
        text = page.read_text(encoding="utf-8")
        for module, names in re.findall(r"^from (thinset[\w.]*) import (.*)$", text, re.MULTILINE):
            for name in re.findall(r"\w+", names.partition(" as ")[0]):
                is_name = name in reference.public_names(module)
                modules.add(module if is_name else f"{module}.{name}")
    assert modules - set(reference.MODULES) == set()


@pytest.mark.parametrize("module", reference.MODULES)
def test_every_public_name_is_on_its_page_and_documented(module):
    try:
        imported = importlib.import_module(module)
    except ModuleNotFoundError as error:
        pytest.skip(f"needs {error.name}")
    names = getattr(imported, "__all__", None) or reference.public_names(module)
    assert names
    assert inspect.getdoc(imported)
    page = reference.page(module)
    for name in names:
        assert re.search(rf"^(::: |## )thinset[\w.]*\b{name}$|^## {name}$", page, re.MULTILINE), (
            name
        )
        found = getattr(imported, name)
        if not inspect.isroutine(found) and not inspect.isclass(found):
            continue
        assert found.__doc__, f"{module}.{name} has no docstring"
        methods = vars(found) if inspect.isclass(found) else {}
        for method, value in methods.items():
            # A network's pass, and what an abstract method of a base documents.
            inherited = any(hasattr(base, method) for base in found.__mro__[1:])
            if inspect.isfunction(value) and method[0] != "_" and not inherited:
                assert value.__doc__, f"{module}.{name}.{method} has no docstring"


@pytest.mark.parametrize("name", [name for name, *_ in COMMANDS])
def test_page_of_a_command_has_every_option(name):
    text = commands.help_of(name)
    page = commands.page(f"thinset {name}", text)
    options = set(re.findall(r"(?:^│ |, )(--[a-z-]+)", text, re.MULTILINE))
    assert len(options) > 0
    defined = set(re.findall(r"--[a-z-]+", " ".join(re.findall(r"^`(.*)`$", page, re.MULTILINE))))
    assert options <= defined
    assert "│" not in page
    assert "(no text)" not in page


class Links(HTMLParser):
    """Ids, links and assets of a page."""

    def __init__(self, page):
        super().__init__()
        self.ids, self.links, self.assets = set(), [], []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids |= {values.get("id"), values.get("name") if tag == "a" else None}
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        elif tag == "link" and values.get("rel") not in ("canonical", "prev", "next"):
            self.assets.append(values["href"])
        elif tag in ("img", "script", "iframe", "source") and values.get("src"):
            self.assets.append(values["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    for library in ("material", "mkdocstrings_handlers.python"):
        if importlib.util.find_spec(library.partition(".")[0]) is None:
            pytest.skip("needs the extra docs")
    folder = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        check=True,
    )
    return folder


@pytest.mark.slow
def test_site_builds_without_warnings_and_every_link_leads_somewhere(site):
    pages = {path: Links(path) for path in site.rglob("*.html") if path.name != "404.html"}
    n_links = 0
    for path, page in pages.items():
        for link in [*page.links, *page.assets]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                assert link in page.links, f"{path.name} loads {link}"
                continue
            n_links += 1
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            assert target.exists(), f"{path}: {link}"
            if parts.fragment and target in pages:
                # Names of the theme's own: the top of the page, and the state of the search.
                assert unquote(parts.fragment) in pages[target].ids, f"{path}: {link}"
    assert n_links > 1000
    for module in reference.MODULES:
        assert site.joinpath("reference", f"{module}.html") in pages
    assert pages[site / "reference" / "thinset.html"].ids >= {"thinset.select", "thinset.Selection"}
    for path in site.rglob("*.css"):
        assert not re.search(r"url\(\s*['\"]?(https?:)?//", path.read_text(encoding="utf-8"))
    assert (site / "search" / "search_index.js").stat().st_size > 100_000
