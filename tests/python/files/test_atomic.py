"""Killed or failing at any moment, a target is the old state or the new one, and no rest stays."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from thinset import _core
from thinset.files import atomic
from thinset.files import partial as partial_files
from thinset.files.atomic import atomic_file, atomic_folder, require_file_target, write_json
from thinset.files.partial import partial_of, remove_leftovers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

UNSYNCABLE = [errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF, errno.ENOSYS]
DEAD = [".target.abc123.partial", ".target.AB_45678.partial"]


def anything(_: Path) -> None:
    """Every entry of a folder is ours."""


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def new_folder(target: Path, content: str = "new") -> None:
    with atomic_folder(target, overwrite=True, foreign=anything) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text(content)


def old_folder(target: Path) -> None:
    target.mkdir(parents=True)
    (target / "old").write_text("old")


@pytest.fixture
def without_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_core, "exchange_paths", lambda *_: False)


# ---- files


def test_a_file_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "target"
    with atomic_file(target) as partial:
        partial.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert names_in(target.parent) == ["target"]
    umask = os.umask(0o022)
    os.umask(umask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~umask


def test_a_failure_keeps_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_file(target) as partial:
        partial.write_text("new")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert names_in(tmp_path) == ["target"]


@pytest.mark.parametrize("is_dangling", [False, True])
def test_a_link_is_replaced_and_not_what_it_leads_to(tmp_path: Path, is_dangling: bool) -> None:
    (tmp_path / "link").symlink_to("file")
    if not is_dangling:
        (tmp_path / "file").write_text("precious")
    write_json(tmp_path / "link", 1)
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "link").read_text() == "1\n"
    assert is_dangling or (tmp_path / "file").read_text() == "precious"
    assert names_in(tmp_path) == (["link"] if is_dangling else ["file", "link"])


def test_what_is_no_file_is_not_replaced_by_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="pipe is a named pipe"), atomic_file(tmp_path / "pipe"):
        pytest.fail("refused before the work")
    with pytest.raises(ValueError, match="/dev/full is a device"), atomic_file("/dev/full"):
        pytest.fail("refused before the work")
    with pytest.raises(IsADirectoryError), atomic_file(tmp_path / "folder"):
        pytest.fail("refused before the work")
    assert names_in(tmp_path) == ["folder", "pipe"]


def test_a_folder_that_cannot_take_the_file_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("old")
    for target in (tmp_path / "file" / "new", tmp_path / "file" / "deep" / "new"):
        with pytest.raises(NotADirectoryError, match=f"'{tmp_path / 'file'}'"):
            require_file_target(target)
        with pytest.raises(NotADirectoryError, match=f"'{tmp_path / 'file'}'"):
            new_folder(target)
    require_file_target(tmp_path / "new" / "deep" / "file")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match=f"'{tmp_path}'"):
        require_file_target(tmp_path / "new" / "file")
    assert names_in(tmp_path) == ["file"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no folder that takes no files")
def test_a_failure_names_the_target_and_not_its_partial() -> None:
    with pytest.raises(OSError, match="'/proc[^.]*'"):
        write_json("/proc/target", 1)


@pytest.mark.parametrize("name", [b"\xff\xfe.npy", b"n" * 250, "\u00e9".encode() * 120])
def test_names_of_every_kind(tmp_path: Path, name: bytes) -> None:
    target = tmp_path / os.fsdecode(name)
    write_json(target, 1)
    new_folder(tmp_path / "folder" / target.name)
    assert target.read_text() == "1\n"
    assert names_in(tmp_path / "folder" / target.name) == ["deep"]


def test_a_full_disk_names_the_target(tmp_path: Path) -> None:
    for writer in (atomic_file, atomic_folder):
        full = pytest.raises(OSError, match=r"No space left on device: '.*target'$")
        with full, writer(tmp_path / "target"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(OSError, match="elsewhere") as caught, atomic_file(tmp_path / "target"):
        raise OSError(errno.EIO, "elsewhere")
    assert caught.value.filename is None


# ---- file systems that can do less


@contextlib.contextmanager
def unsyncable(monkeypatch: pytest.MonkeyPatch, code: int, *, folders_only: bool) -> Iterator[None]:
    fsync = os.fsync

    def fail(descriptor: int) -> None:
        if folders_only and not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            fsync(descriptor)
        else:
            raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        yield


@pytest.mark.parametrize("folders_only", [True, False])
@pytest.mark.parametrize("code", UNSYNCABLE)
def test_what_cannot_be_synced_is_written_nevertheless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, folders_only: bool
) -> None:
    with unsyncable(monkeypatch, code, folders_only=folders_only):
        write_json(tmp_path / "file", 1)
        new_folder(tmp_path / "folder")
        new_folder(tmp_path / "folder", "again")
    assert (tmp_path / "file").read_text() == "1\n"
    assert (tmp_path / "folder" / "deep" / "file").read_text() == "again"
    assert names_in(tmp_path) == ["file", "folder"]


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_a_failing_disk_is_reported_and_the_old_state_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    write_json(tmp_path / "file", 1)
    old_folder(tmp_path / "folder")
    with unsyncable(monkeypatch, code, folders_only=False):
        with pytest.raises(OSError, match=os.strerror(code)):
            write_json(tmp_path / "file", 2)
        with pytest.raises(OSError, match=os.strerror(code)):
            new_folder(tmp_path / "folder")
    assert (tmp_path / "file").read_text() == "1\n"
    assert names_in(tmp_path / "folder") == ["old"]
    assert names_in(tmp_path) == ["file", "folder"]


def test_without_locks_files_are_written_and_leftovers_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    (tmp_path / DEAD[0]).write_text("whose?")
    monkeypatch.setattr(fcntl, "flock", flock)
    write_json(tmp_path / "target", 1)
    assert names_in(tmp_path) == [DEAD[0], "target"]


# ---- leftovers


@pytest.mark.parametrize("is_folder", [False, True])
def test_leftovers_of_dead_processes_are_removed(tmp_path: Path, is_folder: bool) -> None:
    target = tmp_path / "target"
    for name in DEAD:
        if is_folder:
            old_folder(tmp_path / name)
        else:
            (tmp_path / name).write_text("half")
    if is_folder:
        new_folder(target)
    else:
        write_json(target, 1)
    assert names_in(tmp_path) == ["target"]


def test_other_names_are_left_alone(tmp_path: Path) -> None:
    others = [
        ".target.abcde.partial", ".target.abcdefghi.partial", ".target.abc-123.partial",
        ".target2.abc123.partial", ".target.x.abc123.partial", "target.abc123.partial",
        ".target.abc123.partial~", ".other.abc123.partial",
    ]  # fmt: skip
    for name in others:
        (tmp_path / name).write_text("mine")
    os.mkfifo(tmp_path / ".target.pipe12.partial")
    (tmp_path / "precious").write_text("precious")
    (tmp_path / ".target.link12.partial").symlink_to("precious")
    write_json(tmp_path / "target", 1)
    assert set(names_in(tmp_path)) == {
        *others, ".target.pipe12.partial", ".target.link12.partial", "precious", "target"
    }  # fmt: skip


def test_links_in_a_leftover_are_not_followed(tmp_path: Path) -> None:
    old_folder(tmp_path / "precious")
    old_folder(tmp_path / DEAD[0])
    (tmp_path / DEAD[0] / "link").symlink_to(tmp_path / "precious")
    write_json(tmp_path / "target", 1)
    assert names_in(tmp_path) == ["precious", "target"]
    assert names_in(tmp_path / "precious") == ["old"]


@pytest.mark.parametrize("is_folder", [False, True])
def test_what_a_living_process_writes_is_left_alone(tmp_path: Path, is_folder: bool) -> None:
    target = tmp_path / "target"
    with partial_of(target, is_folder=is_folder) as first:
        with partial_of(target, is_folder=is_folder) as second:
            assert names_in(tmp_path) == sorted([first.path.name, second.path.name])
        # Nobody else can lock it.
        assert sys.executable
        program = f"import fcntl, os; fcntl.flock(os.open({str(first.path)!r}, os.O_RDONLY), 6)"
        result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        assert "BlockingIOError" in result.stderr
    assert names_in(tmp_path) == []


def test_a_partial_that_was_taken_for_a_leftover_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, taken = tmp_path / "target", []
    flock = fcntl.flock

    def late(descriptor: int, how: int) -> None:
        if not taken:
            taken.append(names_in(tmp_path))
            remove_leftovers(target)  # by another process, between making and locking
            assert names_in(tmp_path) == []
        flock(descriptor, how)

    monkeypatch.setattr(partial_files.fcntl, "flock", late)
    with atomic_file(target) as partial:
        partial.write_text("new")
    assert len(taken[0]) == 1
    assert target.read_text() == "new"


@pytest.mark.parametrize("is_folder", [False, True])
def test_a_killed_process_leaves_the_old_state_and_the_next_call_nothing(
    tmp_path: Path, is_folder: bool
) -> None:
    target = tmp_path / "target"
    if is_folder:
        old_folder(target)
    else:
        target.write_text("old")
    writer = "atomic_folder(target, overwrite=True, foreign=lambda _: None)"
    program = f"""
        import os, signal
        from thinset.files.atomic import atomic_file, atomic_folder
        target = {str(target)!r}
        with {writer if is_folder else "atomic_file(target)"} as partial:
            path = partial / "file" if {is_folder} else partial
            path.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(program)])
    assert killed.returncode == -9
    assert len(names_in(tmp_path)) == 2
    assert (target / "old" if is_folder else target).read_text() == "old"
    if is_folder:
        new_folder(target)
    else:
        write_json(target, 1)
    assert names_in(tmp_path) == ["target"]


# ---- folders


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "target"
    with atomic_folder(target) as folder:
        (folder / "file").write_text("new")
        assert not target.exists()
    assert names_in(target) == ["file"]
    assert names_in(target.parent) == ["target"]


@pytest.mark.parametrize("exchange", [True, False])
def test_a_folder_is_replaced(
    tmp_path: Path, request: pytest.FixtureRequest, exchange: bool
) -> None:
    if not exchange:
        request.getfixturevalue("without_exchange")
    old_folder(tmp_path / "target")
    for content in ("new", "newer"):
        new_folder(tmp_path / "target", content)
        assert names_in(tmp_path) == ["target"]
        assert names_in(tmp_path / "target") == ["deep"]
        assert (tmp_path / "target" / "deep" / "file").read_text() == content


def test_a_failure_keeps_the_old_folder(tmp_path: Path) -> None:
    old_folder(tmp_path / "target")
    target = tmp_path / "target"
    with pytest.raises(KeyError), atomic_folder(target, overwrite=True, foreign=anything):
        raise KeyError
    assert names_in(tmp_path) == ["target"]
    assert names_in(tmp_path / "target") == ["old"]


def test_a_target_is_never_missing(tmp_path: Path) -> None:
    """Another process looks all the time while the folder is replaced."""
    target = tmp_path / "target"
    new_folder(target)
    program = f"""
        import os
        print("ready", flush=True)
        seen = missing = 0
        while not os.path.exists({str(tmp_path / "stop")!r}):
            seen += 1
            missing += not os.path.exists({str(target / "deep" / "file")!r})
        print(seen, missing)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    ) as watcher:
        assert watcher.stdout is not None
        assert watcher.stdout.readline() == "ready\n"
        for number in range(100):
            new_folder(target, str(number))
        (tmp_path / "stop").touch()
        seen, missing = map(int, watcher.stdout.read().split())
    assert seen > 100
    assert missing == 0


@pytest.mark.usefixtures("without_exchange")
def test_without_exchange_a_failure_rolls_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_folder(tmp_path / "target")
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self.name.endswith(".partial"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="Input/output error"):
        new_folder(tmp_path / "target")
    assert names_in(tmp_path) == ["target"]
    assert names_in(tmp_path / "target") == ["old"]


def test_a_folder_that_was_moved_aside_comes_back(tmp_path: Path) -> None:
    """As after a kill between the two renames of a system that cannot exchange."""
    old_folder(tmp_path / ".target.abc12345.replaced")
    old_folder(tmp_path / ".target.abc12345.partial")
    with pytest.raises(FileExistsError), atomic_folder(tmp_path / "target"):
        pytest.fail("there is a target again")
    assert names_in(tmp_path) == ["target"]
    assert names_in(tmp_path / "target") == ["old"]
    old_folder(tmp_path / ".target.abc12345.replaced")
    new_folder(tmp_path / "target")
    assert names_in(tmp_path) == ["target"]
    assert names_in(tmp_path / "target") == ["deep"]


def test_only_with_overwrite_and_only_what_is_ours(tmp_path: Path) -> None:
    target = tmp_path / "target"
    old_folder(target)

    def foreign(folder: Path) -> str | None:
        return next((path.name for path in folder.iterdir() if path.name == "thesis"), None)

    with pytest.raises(FileExistsError, match="already exists"), atomic_folder(target):
        pytest.fail("refused before the work")
    refused = pytest.raises(
        FileExistsError, match="holds 'old', which is not part of such an output"
    )
    with refused, atomic_folder(target, overwrite=True):
        pytest.fail("by default, no entry is ours")
    refused = pytest.raises(FileExistsError, match="holds 'thesis'")
    with refused, atomic_folder(target, overwrite=True, foreign=foreign):
        (target / "thesis").write_text("written while the work was done")
    assert names_in(target) == ["old", "thesis"]
    assert names_in(tmp_path) == ["target"]
    (target / "thesis").unlink()
    with atomic_folder(target, overwrite=True, foreign=foreign):
        pass
    assert names_in(target) == []
    with atomic_folder(target, overwrite=True) as folder:
        (folder / "new").touch()
    assert names_in(target) == ["new"]


@pytest.mark.parametrize("make", [Path.touch, os.mkfifo])
def test_what_is_no_folder_is_not_replaced_by_one(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "target")
    with pytest.raises(FileExistsError, match="is not a folder and is not replaced"):
        new_folder(tmp_path / "target")
    assert not (tmp_path / "target").is_dir()
    assert names_in(tmp_path) == ["target"]


def test_a_linked_folder_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    old_folder(tmp_path / "disk" / "real")
    (tmp_path / "link").symlink_to("disk/real")
    new_folder(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert names_in(tmp_path / "link") == ["deep"]
    assert names_in(tmp_path / "disk") == ["real"]


def test_files_and_folders_are_synced_before_the_exchange(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_folder(tmp_path / "target")
    events: list[str] = []
    fsync, exchange = os.fsync, _core.exchange_paths

    def note_fsync(descriptor: int) -> None:
        events.append(os.readlink(f"/proc/self/fd/{descriptor}").rsplit("/", 1)[-1])
        fsync(descriptor)

    def note_exchange(first: bytes, second: bytes) -> bool:
        events.append("exchange")
        return exchange(first, second)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(atomic._core, "exchange_paths", note_exchange)
    new_folder(tmp_path / "target")
    before, after = events[: events.index("exchange")], events[events.index("exchange") + 1 :]
    assert before[:2] == ["file", "deep"]
    assert before[2].endswith(".partial")
    assert after == [tmp_path.name]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_a_link_to_what_a_process_has_open_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "open").symlink_to("/proc/self/fd/0")
    (tmp_path / "link").symlink_to("open")
    for name in ("open", "link"):
        with (
            pytest.raises(ValueError, match=f"{name} is a link to a file that a process has open"),
            atomic_file(tmp_path / name),
        ):
            pass
        assert (tmp_path / name).is_symlink()


def test_links_in_a_folder_are_not_followed(tmp_path):
    """Opening a pipe to sync it would wait for a writer without end."""
    os.mkfifo(tmp_path / "pipe")
    with atomic_folder(tmp_path / "out") as folder:
        (folder / "link").symlink_to(tmp_path / "pipe")
        (folder / "nowhere").symlink_to("gone")
    assert (tmp_path / "out" / "link").readlink() == tmp_path / "pipe"
    assert (tmp_path / "out" / "nowhere").is_symlink()
