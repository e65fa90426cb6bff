"""Cuts a release: `make release VERSION=1.2.3`, or `make release VERSION=1.2.3 DRY_RUN=1`.

The page on the package index links to the address of the project, which pyproject.toml declares.
REPOSITORY_URL=https://... (--repository-url) declares it there, once, as part of the release.

Sets the version (CMakeLists.txt, from which everything else takes it), dates the changelog and the
citation, makes the links of docs/package.md absolute, builds and checks the archives, writes their
checksums, commits and tags. It uploads and pushes nothing. If a step fails, the files are as
before. A dry run does all of this in a clone and keeps only the archives.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import package_page

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EDITED = ("CMakeLists.txt", "CITATION.cff", "CHANGELOG.md", "docs/package.md", "pyproject.toml")
LARGEST_SDIST = 2_500_000  # bytes
NO_ADDRESS = """pyproject.toml declares no address of the project.
The page on the package index links to it. Pass REPOSITORY_URL=https://..., or add these lines:

[project.urls]
Repository = "https://..."
"""


class ReleaseError(Exception):
    """The release cannot be cut; the text says why and what to do."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version", help="such as 1.2.3")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--date", type=dt.date.fromisoformat, help="default: today, UTC")
    parser.add_argument("--no-wheel", action="store_true", help="build the source archive alone")
    parser.add_argument("--repository-url", metavar="URL", help="declare it in pyproject.toml")
    options = parser.parse_args()
    date = options.date or dt.datetime.now(dt.timezone.utc).date()
    root = Path(run(Path.cwd(), "git", "rev-parse", "--show-toplevel").strip())
    try:
        check(root, options.version)
        url = address(root, options.repository_url, required=not options.dry_run)
        how = (options.version, date, url, not options.no_wheel)
        if options.dry_run:
            with tempfile.TemporaryDirectory() as folder:
                run(root, "git", "clone", "--quiet", str(root), f"{folder}/clone")
                archives = cut(Path(folder) / "clone", *how)
                archives = publish(archives, root / "dist" / f"{options.version}-dry-run")
        else:
            archives = cut(root, *how)
    except ReleaseError as error:
        print(f"release: error: {error}", file=sys.stderr)
        return 1
    for archive in archives:
        print(archive.relative_to(root))
    if options.dry_run:
        print("dry run: nothing was committed or tagged")
        if url is None:
            print(f"the release itself would be refused: {NO_ADDRESS}", end="")
    else:
        print(f"next: git push --follow-tags; twine upload {archives[0].parent}/thinset-*")
    return 0


def check(root: Path, version: str) -> None:
    """Refuse what would make a wrong release, before anything is changed."""
    if not re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}", version):
        raise ReleaseError(f"VERSION must be three numbers such as 1.2.3, got {version!r}")
    changed = run(root, "git", "status", "--porcelain").splitlines()
    if changed:
        raise ReleaseError(
            f"commit or remove {len(changed)} changed files first: {changed[0]}, ..."
        )
    if run(root, "git", "tag", "--list", f"v{version}"):
        raise ReleaseError(f"the tag v{version} exists; choose another version")
    tags = run(root, "git", "tag", "--list", "v*.*.*").split()
    released = [
        tuple(map(int, tag[1:].split("."))) for tag in tags if tag[1:].replace(".", "").isdigit()
    ]
    if released and tuple(map(int, version.split("."))) < max(released):
        raise ReleaseError(f"v{'.'.join(map(str, max(released)))} is released; {version} is older")


def address(root: Path, given: str | None, *, required: bool = False) -> str | None:
    """The address of the project: declared in pyproject.toml, or else given, or None."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = project.get("urls", {}).get("Repository")
    for source, url in (("--repository-url", given), ("[project.urls] Repository", declared)):
        if url is not None and not re.fullmatch(r"https://[^\s\"\\]+", url):
            raise ReleaseError(f"{source} must be an address with https://, got {url!r}")
    if given and declared and given.rstrip("/") != declared.rstrip("/"):
        raise ReleaseError(
            f"--repository-url is {given}, but pyproject.toml declares {declared}; "
            "leave out the option, or edit the file"
        )
    url = declared or given
    if url is None and required:
        raise ReleaseError(NO_ADDRESS)
    return None if url is None else url.rstrip("/")


def cut(root: Path, version: str, date: dt.date, url: str | None, with_wheel: bool) -> list[Path]:
    """Edit, build, commit and tag; returns the archives and the file of their checksums."""
    try:
        edit(root, version, date, url)
        with tempfile.TemporaryDirectory() as folder:
            built = build(root, Path(folder), date, with_wheel)
            archives = publish(built, root / "dist" / version)
        run(root, "git", "commit", "--quiet", "-m", f"Release {version}", "--", *EDITED)
    except BaseException:
        run(root, "git", "checkout", "--quiet", "HEAD", "--", *EDITED)
        raise
    run(root, "git", "tag", "--annotate", f"v{version}", "-m", f"thinset {version}")
    return archives


def edit(root: Path, version: str, date: dt.date, url: str | None) -> None:
    if url is not None and address(root, None) is None:
        lines = f'[project.urls]\nRepository = "{url}"\n\n[project.scripts]'
        substitute(root / "pyproject.toml", r"(?m)^\[project\.scripts\]$", lines)
    substitute(root / "CMakeLists.txt", r"(?<=project\(thinset VERSION )[0-9.]+", version)
    substitute(
        root / "CITATION.cff",
        r"(?m)^version: .*(\ndate-released: .*)?$",
        f"version: {version}\ndate-released: {date}",
    )
    substitute(root / "CHANGELOG.md", r"(?m)^## .*\(unreleased\)$", f"## {version} ({date})")
    page = root / "docs" / "package.md"
    text = package_page.with_links(page.read_text(encoding="utf-8"), url, version)
    page.write_text(text, encoding="utf-8")


def substitute(path: Path, pattern: str, replacement: str) -> None:
    text, n_replaced = re.subn(
        pattern, lambda _: replacement, path.read_text(encoding="utf-8"), count=1
    )
    if n_replaced == 0:
        raise ReleaseError(f"{path.name}: nothing matches {pattern!r}, which a release replaces")
    path.write_text(text, encoding="utf-8")


def build(root: Path, folder: Path, date: dt.date, with_wheel: bool) -> list[Path]:
    """The archives, checked by twine, and SHA256SUMS."""
    midnight = dt.datetime.combine(date, dt.time(), dt.timezone.utc)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(int(midnight.timestamp()))}
    run(
        root,
        sys.executable,
        "-m",
        "build",
        "--sdist",
        "--no-isolation",
        "--skip-dependency-check",
        "--outdir",
        str(folder),
        environment=environment,
    )
    (sdist,) = folder.glob("thinset-*.tar.gz")
    if sdist.stat().st_size > LARGEST_SDIST:
        raise ReleaseError(f"{sdist.name} has {sdist.stat().st_size} bytes, over {LARGEST_SDIST}")
    if with_wheel:
        run(
            root,
            sys.executable,
            str(root / "tools" / "portable_wheel.py"),
            str(sdist),
            "-o",
            str(folder),
            environment=environment,
        )
    archives = sorted(folder.glob("thinset-*"))
    run(root, sys.executable, "-m", "twine", "check", "--strict", *map(str, archives))
    sums = folder / "SHA256SUMS"
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in archives]
    sums.write_text("".join(lines), encoding="ascii")
    return [*archives, sums]


def publish(files: list[Path], folder: Path) -> list[Path]:
    """Copy the files into `folder`, which then holds nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return [Path(shutil.copy2(file, folder)) for file in files]


def run(folder: Path, *command: str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise ReleaseError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
