"""The lock of a folder: one process at a time, released by any end of it."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys

import pytest

from thinset.files.folder_lock import LOCK_FILE, lock_folder

HOLDER = """
import sys, time
from pathlib import Path
from thinset.files.folder_lock import lock_folder
held = lock_folder(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(120)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of the folder tmp_path / "run"."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_and_names_the_first(tmp_path, holder):
    with pytest.raises(BlockingIOError) as error:
        lock_folder(tmp_path / "run")
    assert str(error.value) == (
        f"{tmp_path / 'run'} is in use by another thinset process (pid {holder.pid}); wait for it "
        "or choose another output"
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_death_of_a_process_releases_its_lock(tmp_path, holder, number):
    with pytest.raises(BlockingIOError):
        lock_folder(tmp_path / "run")
    holder.send_signal(number)
    holder.wait()
    held = lock_folder(tmp_path / "run")
    assert (tmp_path / "run" / LOCK_FILE).read_text().strip() == str(os.getpid())
    del held


def test_a_process_shares_its_own_lock_and_removes_the_file_at_the_end(tmp_path):
    first = lock_folder(tmp_path / "run")
    (tmp_path / "link").symlink_to(tmp_path / "run")
    second = lock_folder(tmp_path / "link")
    assert second is first
    del first
    assert os.listdir(tmp_path / "run") == [LOCK_FILE]
    del second
    assert os.listdir(tmp_path / "run") == []


def test_a_folder_that_was_removed_and_made_again_is_locked_again(tmp_path):
    first = lock_folder(tmp_path / "run")
    (tmp_path / "run" / LOCK_FILE).unlink()
    (tmp_path / "run").rmdir()
    second = lock_folder(tmp_path / "run")
    assert second is not first
    del first
    assert os.listdir(tmp_path / "run") == [LOCK_FILE]


def test_a_forked_child_leaves_the_lock_of_its_parent(tmp_path):
    held = lock_folder(tmp_path / "run")
    child = os.fork()
    if child == 0:
        del held
        os._exit(0)
    os.waitpid(child, 0)
    assert held.is_valid


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_without_locks_is_used_without(tmp_path, monkeypatch, number):
    def refuse(_descriptor, _operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    held = lock_folder(tmp_path / "run")
    assert held.is_valid


def test_a_failing_lock_names_the_file(tmp_path, monkeypatch):
    def refuse(_descriptor, _operation):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match=r"Input/output error: .*\.lock"):
        lock_folder(tmp_path / "run")


def test_a_lock_file_without_a_number_is_refused_without_one(tmp_path, holder):
    (tmp_path / "run" / LOCK_FILE).write_text("x")
    with pytest.raises(BlockingIOError, match="in use by another thinset process; wait"):
        lock_folder(tmp_path / "run")


def test_a_link_that_leads_nowhere_is_refused(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match="is a link to .*missing, which does not exist"):
        lock_folder(link)
