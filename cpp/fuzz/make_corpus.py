"""Write the seed corpora of the fuzzers: OUT/npy_header and OUT/options.

Each seed is a small, valid or nearly valid input, so that the fuzzers get past the first checks.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

ARRAYS = {
    "matrix": np.zeros((3, 5), np.float32),
    "half": np.zeros((2, 2), np.float16),
    "labels": np.zeros(7, np.int64),
    "images": np.zeros((2, 4, 4, 3), np.uint8),
    "scalar": np.array(1.5),
    "empty": np.zeros((0, 9)),
    "names": np.array(["a", "bcd"]),
    "dates": np.array(["2020-01-01"], "M8[D]"),
    "big_endian": np.zeros(2, ">i2"),
    "fortran": np.asfortranarray(np.zeros((2, 3))),
    "structured": np.zeros(1, [("x", "<f4"), ("y", "<i8")]),
}

# Headers that NumPy would not write: the description, and the number of data bytes.
DESCRIPTIONS = {
    "quote_in_type": ("""{"descr": "<M8[']", 'fortran_order': False, 'shape': (2,), }""", 16),
    "unknown_unit": ("{'descr': '<M8[xyz]', 'fortran_order': False, 'shape': (2,), }", 16),
    "axis_beyond_int64": (f"{{'descr': '|S0', 'fortran_order': False, 'shape': ({2**63},), }}", 0),
    "empty_and_huge": (
        f"{{'descr': '<f4', 'fortran_order': False, 'shape': (0, {2**63}, 8), }}",
        0,
    ),
}

COMMAND_LINES = {
    "select": "select e.npy -n 10 -m max_sum --metric cosine -t 3 --json",
    "select_fraction": "select e.npy --n-samples=0.25 --mode abs --no-refill --drop-constant",
    "select_shards": "select e.npy f.npy g.npy -n 10 -o e.npy --max-memory 1000",
    "classes": "select e.npy -n 5 --labels l.npy --per-class balanced --initial-subset i.npy",
    "random": "select e.npy -n 5 -m random --stratified -s 18446744073709551615 -o i.npy",
    "kmeans": "filter e.npy a.npy b.npy -n 4 -o out -m kmeans --iterations 3 --max-memory 1000",
    "gather": "gather i.npy a.npy -- --b.npy -o out",
    "info": "info --json e.npy",
    "help": "--help",
    "version": "--version",
}


def npy_seeds() -> Iterator[tuple[str, bytes]]:
    """Arrays in every format version, followed by the length of their data in two bytes."""
    for name, array in ARRAYS.items():
        for version in ((1, 0), (2, 0), (3, 0)):
            file = io.BytesIO()
            np.lib.format.write_array(file, array, version=version)
            header = file.getvalue()[: file.tell() - array.nbytes]
            yield f"{name}_v{version[0]}", header + array.nbytes.to_bytes(2, "little")
    for name, (description, n_bytes) in DESCRIPTIONS.items():
        text = description.encode() + b"\n"
        prefix = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little")
        yield name, prefix + text + n_bytes.to_bytes(2, "little")


def option_seeds() -> Iterator[tuple[str, bytes]]:
    for name, line in COMMAND_LINES.items():
        yield name, line.replace(" ", "\n").encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder that receives one corpus per fuzzer")
    out = parser.parse_args().out
    for corpus, seeds in (("npy_header", npy_seeds()), ("options", option_seeds())):
        (out / corpus).mkdir(parents=True, exist_ok=True)
        for name, content in seeds:
            (out / corpus / name).write_bytes(content)


if __name__ == "__main__":
    main()
