"""Weights of any program: both formats, strictly, and never by running a pickle."""

from __future__ import annotations

import argparse
import os
import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from thinset.training.weights import save_weights
from thinset.training.weights_file import load_state, read_state_dict


def network(seed=0, n_hidden=4):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, n_hidden), nn.BatchNorm1d(n_hidden), nn.Linear(n_hidden, 2))


def same(one, other):
    states = one.state_dict(), other.state_dict()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def save_safetensors(state, path):
    save_file(dict(state), path)


def save_old(state, path):
    torch.save(state, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize("save", [torch.save, save_old, save_safetensors])
@pytest.mark.parametrize("suffix", ["pth", "safetensors", "bin"])
def test_the_content_decides_the_format(tmp_path, save, suffix):
    path = tmp_path / f"weights.{suffix}"
    save(network(1).state_dict(), path)
    module = network()
    assert not same(module, network(1))
    load_state(module, path)
    assert same(module, network(1))


def test_a_header_whose_length_begins_as_a_pickle_is_one_of_safetensors(tmp_path):
    for length in range(1, 200):
        save_file({"a" * length: torch.ones(2)}, tmp_path / "w")
        if (tmp_path / "w").read_bytes()[0] == 0x80:
            break
    else:
        pytest.fail("no header is that long")
    assert read_state_dict(tmp_path / "w")["a" * length].tolist() == [1, 1]


def test_weights_of_thinset_are_read_and_their_digest_is_checked(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(network(1), path)
    module = network()
    load_state(module, path)
    assert same(module, network(1))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"w\.safetensors has changed since it was written"):
        load_state(module, path)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_floats_of_another_precision_are_converted(tmp_path, dtype):
    torch.save(network(1).to(dtype).state_dict(), tmp_path / "w.pth")
    module = network()
    load_state(module, tmp_path / "w.pth")
    assert module[0].weight.dtype == torch.float32
    assert torch.allclose(module[0].weight, network(1)[0].weight, atol=0.01)


class Attack:
    def __reduce__(self):
        return (os.mkdir, ("attacked",))


class Unlisted:
    pass


def as_pickle(value):
    return lambda path: path.write_bytes(pickle.dumps(value))


def by_torch(value):
    return lambda path: torch.save(value, path)


STATE = network().state_dict()
SAVE = r"save the weights alone, with torch\.save\(module\.state_dict\(\), FILE\)"


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (as_pickle(Attack()), rf"not a file of tensors alone.*never run; {SAVE}"),
        (by_torch(Attack()), r"it names posix\.mkdir\)\. Code in it is never run"),
        (by_torch({**STATE, "more": Attack()}), r"it names posix\.mkdir"),
        (by_torch({**STATE, "more": Unlisted()}), r"it names .*Unlisted"),
        (by_torch({"args": argparse.Namespace(a=1), **STATE}), r"it names argparse\.Namespace"),
        (by_torch(network()), r"it names torch\.nn\.modules.*Sequential"),
        (by_torch([torch.zeros(2)]), rf"must hold tensors by name, got list; {SAVE}"),
        (
            by_torch({"epoch": 3, "state_dict": STATE}),
            r"its entry 'epoch' is of type int; save the weights alone",
        ),
        (
            by_torch({"state_dict": STATE, "epoch": 3}),
            r"'state_dict' is of type (Ordered)?[dD]ict; .*torch\.save\(content\['state_dict'\], F",
        ),
        (by_torch({1: torch.zeros(2)}), "its entry 1 is of type Tensor"),
        (
            by_torch({"a": torch.zeros(2).to_sparse()}),
            "'a' must be dense, with values and not quantised",
        ),
        (
            by_torch({"a": torch.zeros(2, device="meta")}),
            "'a' must be dense, with values and not quantised",
        ),
        (lambda path: path.write_bytes(b""), "begins neither as safetensors nor as a state dict"),
        (lambda path: path.write_text("weights"), "or is damaged: it begins neither"),
        (lambda path: path.write_bytes(b"12345678{"), "damaged or no safetensors file"),
        (lambda path: path.write_bytes(b"\x80\x02junk"), "or is damaged"),
        (lambda path: path.write_bytes(b"PK\x03\x04junk"), "or is damaged"),
    ],
)
@pytest.mark.filterwarnings("ignore:Sparse")
def test_other_files_are_refused_and_nothing_is_run(tmp_path, monkeypatch, write, message):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bad.pth"
    write(path)
    with pytest.raises(ValueError, match=rf"bad\.pth.*{message}") as caught:
        load_state(network(), path)
    assert not (tmp_path / "attacked").exists()
    # What torch says advises to load the file in a way that runs its code.
    assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize("save", [torch.save, save_safetensors])
def test_truncated_files_are_refused(tmp_path, save):
    path = tmp_path / "w"
    save(network().state_dict(), path)
    content = path.read_bytes()
    for length in range(0, len(content), len(content) // 15):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="damaged"):
            read_state_dict(path)


def test_files_that_cannot_be_opened_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.pth"):
        load_state(network(), tmp_path / "gone.pth")
    with pytest.raises(IsADirectoryError, match=tmp_path.name):
        load_state(network(), tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is a named pipe"):
        load_state(network(), tmp_path / "pipe")


def without(name):
    return {key: value for key, value in STATE.items() if key != name}


@pytest.mark.parametrize(
    ("state", "messages"),
    [
        (without("2.bias"), [r"of this Sequential: missing: 2\.bias \(2,\)$"]),
        ({**STATE, "3.bias": torch.zeros(7)}, [r"unexpected: 3\.bias \(7,\)$"]),
        (
            network(n_hidden=5).state_dict(),
            [r"other shapes: 0\.weight must have shape \(4, 3\), got \(5, 3\), ", " and 3 more$"],
        ),
        (
            {"x": torch.zeros(1)},
            [r"missing: 0\.weight \(4, 3\), .* and 5 more; unexpected: x \(1,\)"],
        ),
        (
            {f"module.{name}": value for name, value in STATE.items()},
            ["the names of the file begin with 'module.' and the others do not"],
        ),
        (
            {**STATE, "0.weight": STATE["0.weight"].int()},
            [r"'0\.weight' must be torch\.float32, got torch\.int32"],
        ),
        ({}, [r"missing: 0\.weight"]),
    ],
)
def test_names_and_shapes_must_be_those_of_the_module(tmp_path, state, messages):
    torch.save(state, tmp_path / "w.pth")
    module = network(1)
    for message in messages:
        with pytest.raises(ValueError, match=message):
            load_state(module, tmp_path / "w.pth")


def test_a_network_that_is_wrapped_is_named_by_its_prefix(tmp_path):
    torch.save(STATE, tmp_path / "w.pth")
    wrapped = nn.Sequential()
    wrapped.add_module("net", network())
    with pytest.raises(ValueError, match=r"names of the module begin with 'net\.'.*a subclass"):
        load_state(wrapped, tmp_path / "w.pth")


class Extra(nn.Linear):
    def get_extra_state(self):
        return {"scale": 1}


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Extra(3, 4), "Sequential: '0._extra_state' must be a dense tensor.*got dict"),
        (nn.Linear(3, 4, device="meta"), "'0.weight' must be a dense.*on device meta"),
    ],
)
def test_state_that_cannot_be_loaded_is_refused(tmp_path, layer, message):
    torch.save(STATE, tmp_path / "w.pth")
    with pytest.raises(ValueError, match=message):
        load_state(nn.Sequential(layer), tmp_path / "w.pth")


def test_layers_without_a_shape_are_refused(tmp_path):
    torch.save(STATE, tmp_path / "w.pth")
    with pytest.raises(ValueError, match="'0.weight' has no shape yet"):
        load_state(nn.Sequential(nn.LazyLinear(4)), tmp_path / "w.pth")
