"""thinset select --engine, alone and under torchrun."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import thinset
from sharded_rows import N
from thinset.command_line import EXIT_USAGE, main

K = 30


def test_shards_are_selected_by_workers_and_the_folder_resumes(X, shards, tmp_path, capsys):
    parquet = pytest.importorskip("pyarrow.parquet")
    np.save(tmp_path / "ids.npy", np.arange(N) + 7)
    arguments = [
        *("select", str(shards[0].parent / "*.npy"), "-n", str(K), "-m", "max_min"),
        *("--engine", "local", "--workers", "3", "--folder", str(tmp_path / "run")),
        *("--ids", str(tmp_path / "ids.npy"), "-o", str(tmp_path / "out.npz")),
        *("--table", str(tmp_path / "chosen.parquet")),
    ]
    for _ in range(2):
        assert main(arguments) == 0
        found = thinset.Selection.load(tmp_path / "out.npz")
        expected = thinset.select(X, K, "max_min")
        assert found.indices.tolist() == expected.indices.tolist()
        assert found.ids.tolist() == (found.indices + 7).tolist()
    table = parquet.read_table(tmp_path / "chosen.parquet").to_pydict()
    assert table["order"] == list(range(K))
    assert table["row"] == found.indices.tolist()
    assert table["gain"] == found.gains.tolist()
    assert table["id"] == found.ids.tolist()
    printed = capsys.readouterr().out
    assert "covering_radius_over_best_possible: 2" in printed
    assert "3 workers" in printed
    assert f"the selection was complete in {tmp_path / 'run'}" in printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--engine", "local", "--per-class", "balanced"], "--engine does not take --per-class"),
        (["--engine", "local", "--budget", "3"], "--engine does not take --budget"),
        (["--engine", "local", "--table", "out.npz"], "--table must end in .parquet"),
        (["--workers", "2"], "--coreset-size, --folder and --table need --engine"),
        (["--workers", "0"], "--coreset-size, --folder and --table need --engine"),
        (["--engine", "local", "--workers", "0"], "workers must be an int in [1, "),
        (["--engine", "local", "--workers", "0", "--dry-run"], "workers must be an int in [1, "),
        (["--engine", "torch"], "start the program with torchrun"),
        (["--engine", "local", "-m", "facility_location"], "takes rounds=2, which is approximate"),
    ],
)
def test_what_does_not_apply_is_refused(shards, tmp_path, capsys, options, message):
    arguments = ["select", *map(str, shards), "-n", "9", "-o", str(tmp_path / "out.npz")]
    assert main([*arguments, *options]) in {EXIT_USAGE, 3}
    assert message in capsys.readouterr().err


def test_a_pattern_without_an_engine_is_named(shards, tmp_path, capsys):
    pattern = str(shards[0].parent / "*.npy")
    arguments = ["select", pattern, "-n", "9", "-o", str(tmp_path / "out.npz")]
    assert main(arguments) == EXIT_USAGE
    assert f"no file is named '{pattern}'; leave a pattern to the shell" in capsys.readouterr().err
    assert main([*arguments, "--engine", "local"]) == 0


def test_the_table_does_not_replace_the_rows(X, tmp_path, capsys):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table({"row": list(X)}), tmp_path / "shard.parquet")
    arguments = ["select", str(tmp_path / "shard.parquet"), "-n", "9", "--engine", "local"]
    arguments += ["-o", str(tmp_path / "out.parquet")]
    assert main([*arguments, "--table", f"{tmp_path}/./out.parquet"]) == EXIT_USAGE
    assert "--table and -o must be two files" in capsys.readouterr().err


def test_under_torchrun_the_first_rank_writes(X, shards, tmp_path):
    pytest.importorskip("torch")
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"),
        *("-m", "thinset", "select", *shards, "-n", str(K), "--engine", "torch"),
        *("-m", "max_sum", "-o", tmp_path / "out.npz"),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("Selection(max_sum: 30 of 601 rows)") == 1
    found = thinset.Selection.load(tmp_path / "out.npz")
    assert found.indices.tolist() == thinset.select(X, K, "max_sum").indices.tolist()


def test_a_dry_run_predicts_rounds_and_bytes(shards, capsys):
    pattern = str(shards[0].parent / "*.npy")
    options = ["--engine", "local", "--workers", "3", "--dry-run", "-m", "max_sum"]
    assert main(["select", pattern, "-n", "20", *options]) == 0
    printed = capsys.readouterr().out
    assert "memory of each of 3 workers" in printed
    assert "rounds: about 21;" in printed
    assert "basis: measured on 601 of 601 rows" in printed
