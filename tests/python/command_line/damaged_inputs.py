"""Commands on damaged files, many in one process: an abort of it would end the test run as well.

Called as a program: FOLDER alone makes whole inputs of every kind there; FOLDER SEED N damages
copies of them, prints a line for each of N commands whose outcome is not allowed, and ends with the
number of commands.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import resource
import shutil
import sys
import time
import traceback
import warnings
from pathlib import Path

from thinset.command_line import main

ALLOWED = {0, 2, 3, 4}
MOST_SECONDS = 60.0
MOST_BYTES = 12 * 2**30
"""Settings changed to huge networks or batches end here, before the memory is used up"""

# What is damaged, and the commands that read it. {out} is an empty path.
CASES = {
    "data/train/manifest.json": (
        "verify data/train",
        "subset selection.npz data/train -o {out}",
    ),
    "data/train/labels.npy": (
        "verify data/train",
        "select embeddings.npy -n 5 --labels data/train --per-class balanced -o {out}",
        "data split data --train 0.5 --shares 1.0 0.5 -o {out}",
        "train data/train --test data/test --total 1st --batch-size 8 --evaluations 1 -o {out}",
    ),
    "data/train/images.npy": (
        "verify data/train",
        "subset selection.npz data/train -o {out}",
    ),
    "distilled/manifest.json": (
        "verify distilled",
        "subset rows.npy distilled -o {out}",
        "data import distilled -o {out}",
    ),
    "distilled/soft_labels.npy": (
        "verify distilled",
        "subset rows.npy distilled -o {out}",
        "train distilled --test data/test --total 1st --batch-size 8 --evaluations 1 -o {out}",
    ),
    "embeddings.npy": (
        "select embeddings.npy -n 5 -o {out}",
        "deduplicate embeddings.npy -d 0.5 -o {out}.npy",
    ),
    "labels.npy": ("select embeddings.npy -n 5 --labels labels.npy --per-class balanced -o {out}",),
    "rows.npy": (
        "select embeddings.npy -n 5 --initial-subset rows.npy -o {out}",
        "subset rows.npy data/train -o {out}",
    ),
    "selection.npz": ("verify selection.npz", "subset selection.npz data/train -o {out}"),
    "run/settings.json": ("report run", "verify run"),
    "run/stages.json": ("report run", "verify run"),
    "run/embedding_facts.json": ("report run", "verify run"),
    "run/reconstructions.npz": ("report run", "verify run"),
    "run/selections/topk-k20.npz": ("report run", "verify run"),
    "run/records/steps-full-1st-seed0.json": ("report run", "verify run"),
    "run/embeddings/embeddings.json": ("verify run", "embed data/train -o run"),
    "run/embeddings/embeddings.npy": ("verify run", "report run"),
    "run/encoder/encoder.json": ("verify run/encoder",),
    "run/encoder/encoder.safetensors": ("verify run/encoder",),
    "trained/checkpoints/training.safetensors": (
        "verify trained",
        "train data/train --test data/test --total 4st --batch-size 8 --evaluations 2 -o trained",
    ),
    "trained/settings.json": (
        "train data/train --test data/test --total 4st --batch-size 8 --evaluations 2 -o trained",
    ),
    "generator/generator.safetensors": (
        "augment sample generator -n 3 -o {out}",
        "augment apply data/train --method interpolate --model generator -o {out}",
        "verify generator",
    ),
    "generator/settings.json": (
        "augment train data/train --model cdcvae --length 1st --evaluations 1 -o generator",
        "verify generator",
    ),
    "curve/settings.json": ("report curve", "verify curve"),
    "curve/share-0.2/settings.json": ("report curve", "verify curve"),
    "curve/share-0.2/measures.json": ("report curve", "verify curve"),
    "curve/share-0.2/extractor.json": ("report curve", "verify curve"),
    "curve/share-0.2/stages.json": ("report curve", "verify curve"),
    "curve/share-0.2/generators/cdcvae-seed0.json": ("report curve", "verify curve"),
    "curve/share-0.2/generators/cdcvae-seed0.npz": ("report curve", "verify curve"),
    "curve/share-0.2/generators/cdcvae-seed0.safetensors": ("verify curve",),
    "planned/plan.json": ("verify planned", "run digits --plan -o planned"),
    "planned/settings.json": ("run digits --plan -o planned", "report planned"),
}


def damaged(name, content, others, generator):
    """One of many ways to damage a file."""
    kinds = [_flip, _flip_many, _cut, _empty, _swap, _garbage, _not_text, _zeros]
    kinds += [_wrong_type, _huge_number, _other_value] * 2 if name.endswith(".json") else []
    kinds += [_npy_header] * 3 if name.endswith((".npy", ".npz")) else []
    return generator.choice(kinds)(content, others, generator)


def _flip(content, _others, generator):
    changed = bytearray(content)
    changed[generator.randrange(len(changed))] ^= 1 << generator.randrange(8)
    return bytes(changed)


def _flip_many(content, others, generator):
    for _ in range(generator.randrange(2, 40)):
        content = _flip(content, others, generator)
    return content


def _cut(content, _others, generator):
    return content[: generator.randrange(len(content))]


def _empty(_content, _others, _generator):
    return b""


def _swap(_content, others, generator):
    return generator.choice(others)


def _garbage(content, _others, generator):
    return generator.randbytes(min(len(content), 5000))


def _not_text(content, _others, generator):
    place = generator.randrange(len(content))
    return content[:place] + b"\xff\xfe\x80" + content[place:]


def _zeros(content, _others, generator):
    start = generator.randrange(len(content))
    length = generator.randrange(1, 64)
    return content[:start] + bytes(len(content[start : start + length])) + content[start + length :]


def _npy_header(content, _others, generator):
    place = content.find(b"\x93NUMPY")
    if place < 0:
        return content[:-1]
    header = generator.choice(
        [
            b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999, 4), }",
            b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 4), }",
            b"{'descr': '|O', 'fortran_order': False, 'shape': (3,), }",
            b"{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4), }",
            b"{'descr': '<U99999999', 'fortran_order': False, 'shape': (), }",
            b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b"9" * 60 + b",), }",
            b"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }",
            b"{'descr': '<f4', 'fortran_order': (",
            b"(" * 117,
        ]
    )
    return content[: place + 10] + header.ljust(117) + b"\n" + content[place + 128 :]


def _parts(value, path=()):
    """Every place in nested lists and dicts."""
    yield path
    if isinstance(value, dict):
        items = list(value.items())
    else:
        items = list(enumerate(value)) if isinstance(value, list) else []
    for key, item in items:
        yield from _parts(item, (*path, key))


def _changed(content, new, generator):
    """The JSON text with the value at some place replaced by new(old), and no digest."""
    try:
        value = json.loads(content)
    except ValueError:
        return content[:-1]
    value.pop("sha256", None)
    *parents, last = generator.choice([path for path in _parts(value) if path])
    place = value
    for key in parents:
        place = place[key]
    if new is _removed and isinstance(place, dict):
        del place[last]
    else:
        place[last] = new(place[last])
    return json.dumps(value).replace('"HUGE"', "9" * 400).encode()


def _removed(_old):
    return None


def _wrong_type(content, _others, generator):
    new = generator.choice([None, [], {}, "x", True, -1, 3.5, [[]], {"a": 1}, ""])
    return _changed(content, lambda _: new, generator)


def _huge_number(content, _others, generator):
    new = generator.choice(["HUGE", 10**300, 2**63, -(2**63), 1e308, 10**18, 2**31])
    return _changed(content, lambda _: new, generator)


def _other_value(content, _others, generator):
    def new(old):
        if isinstance(old, bool) or old is None:
            return not old
        if isinstance(old, (int, float)):
            return generator.choice([old + 1, -old, 0, old * 1000])
        if isinstance(old, str):
            return generator.choice([old[::-1], old + "\udc80", "\x00", "../" + old, old * 100])
        return old[:-1] if isinstance(old, list) else {}

    return _changed(content, generator.choice([new, _removed]), generator)


def make_inputs():
    """Whole inputs of every kind in the current folder."""
    import numpy as np

    from thinset.data import import_dataset, write_subset
    from thinset.duration import Duration
    from thinset.experiments.figures.registry import recipe_of
    from thinset.experiments.kinds import run
    from thinset.experiments.settings import (
        EncoderSettings,
        RunSettings,
        TrainingSettings,
    )
    from thinset.experiments.where import Where
    from thinset.results import Arm
    from thinset.training.loop import run as training_run

    digits = import_dataset("digits", "digits")
    train = write_subset(np.arange(0, 1438, 12), digits["train"], "data/train")
    write_subset(np.arange(40), digits["test"], "data/test")
    shutil.rmtree("digits")
    _write_distilled("distilled", train)
    np.save("embeddings.npy", np.random.default_rng(0).standard_normal((len(train), 4), np.float32))
    np.save("labels.npy", np.asarray(train.labels))
    np.save("rows.npy", np.array([3, 1, 2]))
    call("select embeddings.npy -n 9 -o selection.npz")
    settings = RunSettings(
        seeds=(0,),
        steps=Duration(1, "st"),
        encoder=EncoderSettings(length=Duration(1, "st"), batch_size=16),
        arm=Arm.parse("topk"),
        size=20,
        training=TrainingSettings(batch_size=8, evaluations=1, width=0.1),
    )
    run.make(recipe_of("run"), settings, Where("data", "run"))
    call(CASES["generator/settings.json"][0])
    call(
        "reproduce aug-table2 --data digits --shares 0.2 --seeds 0 --methods full "
        "--augmentations cdcvae --generator-length 1st --steps 1st -o curve"
    )
    call("plan digits --preset smoke --steps 2st --probe-share 0 -o planned")
    # A training that was killed after its last checkpoint.
    write_record = training_run.Run._leave_stage
    training_run.Run._leave_stage = _raise
    with contextlib.suppress(KeyboardInterrupt):
        call(CASES["trained/settings.json"][0])
    training_run.Run._leave_stage = write_record
    for name in CASES:
        assert Path(name).exists(), name


def _write_distilled(out, train):
    """A dataset with soft labels, a schedule and typed provenance."""
    import numpy as np

    from thinset.data import DatasetWriter, DistilledBy, Parent, ScheduleStep, TrainingSchedule

    steps = tuple(ScheduleStep((start, start + 5), 0.01 * (start + 1)) for start in range(0, 20, 5))
    with DatasetWriter(
        out,
        name="distilled",
        image_shape=train.image_shape,
        image_dtype="uint8",
        n_samples=20,
        provenance=DistilledBy(by="test", parent=Parent.of(train), seed=1, params={"x": [1.5]}),
        schedule=TrainingSchedule(steps, repeats=2),
    ) as writer:
        soft_labels = np.random.default_rng(0).dirichlet(np.ones(10), 20)
        writer.append(train.images[:20], soft_labels=soft_labels)


def _raise(_run):
    raise KeyboardInterrupt


def call(command):
    """Status, standard output and standard error of one command in this process."""
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        status = main(command.split())
    return status, out.getvalue(), error.getvalue()


def outcome(command):
    """What is wrong with the outcome of a command; None where it is allowed."""
    start = time.process_time()  # a busy machine does not change it
    try:
        status, _, error = call(command)
    except BaseException:  # noqa: BLE001 - whatever escapes is the finding
        return f"escaped: {traceback.format_exc().splitlines()[-1]}"
    seconds = time.process_time() - start
    if "thinset: error: not enough memory" in error:
        return None
    if status not in ALLOWED or "Traceback" in error or "error: unexpected " in error:
        return f"status {status}: {error.strip().splitlines()[-1:]}"
    if status != 0 and "thinset: error: " not in error and status != 2:
        return f"status {status} without a message"
    return f"took {seconds:.0f} s of processor time" if seconds > MOST_SECONDS else None


def campaign(folder, seed, n_commands):
    """Damage a copy of the inputs, call a command that reads them, and put them back."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, resource.RLIM_INFINITY))
    generator = random.Random(seed)
    whole = {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}
    others = [content for path, content in sorted(whole.items()) if len(content) < 100_000]
    workplace = Path(folder).with_name(f"{Path(folder).name}-{seed}")
    n_failed = 0
    for number in range(n_commands):
        if number % 50 == 0:
            shutil.rmtree(workplace, ignore_errors=True)
            shutil.copytree(folder, workplace)
            os.chdir(workplace)
        name = list(CASES)[number % len(CASES)]
        content = whole[Path(folder, name)]
        damage = damaged(name, content, others, generator)
        Path(name).write_bytes(damage)
        command = generator.choice(CASES[name]).format(out=f"out-{number}")
        problem = outcome(command)
        if problem is not None:
            n_failed += 1
            kept = Path(folder).with_name(f"failed-{seed}-{number}")
            kept.write_bytes(damage)
            print(f"{command} with {name} as in {kept}: {problem}", flush=True)  # noqa: T201
        # Put back what the command may have read, replaced or removed.
        for top in {Path(name).parts[0]}:
            if Path(top).is_dir():
                shutil.rmtree(top)
                shutil.copytree(Path(folder, top), top)
            else:
                shutil.copy(Path(folder, top), top)
        shutil.rmtree(f"out-{number}", ignore_errors=True)
    os.chdir(folder)
    shutil.rmtree(workplace, ignore_errors=True)
    print(f"{n_commands} commands, {n_failed} not as they should be")  # noqa: T201


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if len(sys.argv) == 2:
        os.chdir(sys.argv[1])
        make_inputs()
    else:
        campaign(Path(sys.argv[1]).resolve(), int(sys.argv[2]), int(sys.argv[3]))
