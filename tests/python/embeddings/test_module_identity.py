"""What the digest of a network's code and settings reacts to, and that processes agree on it."""

from __future__ import annotations

import functools
import importlib
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from thinset.embeddings.module_identity import code_fingerprint


class Network(nn.Module):
    def __init__(self, **attributes):
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 3, stride=attributes.pop("stride", 1))
        for name, value in attributes.items():
            setattr(self, name, value)


def double(x):
    return 2 * x


def half(x):
    return x / 2


class Size(SimpleNamespace):
    pass


VARIANTS = [
    {},
    {"stride": 2},
    {"size": 64},
    {"size": 128},
    {"_size": 64},
    {"size": "64"},
    {"size": (64, 64)},
    {"size": [64, [65]]},
    {"size": {"height": 64}},
    {"size": {64, 65}},
    {"size": Size(height=64)},
    {"size": Size(height=65)},
    {"mean": torch.zeros(3)},
    {"mean": torch.ones(3)},
    {"mean": np.ones(3)},
    {"mean": np.ones(3, np.float32)},
    {"scale": double},
    {"scale": half},
    {"scale": functools.partial(half)},
    {"scale": functools.partial(half, 3)},
    {"dtype": torch.float32},
    {"inside": [nn.Conv2d(3, 4, 3)]},
    {"inside": [nn.Conv2d(3, 4, 5)]},
    {"act": nn.ReLU()},
    {"act": nn.GELU()},
]


def test_every_setting_counts():
    digests = [code_fingerprint(Network(**attributes)) for attributes in VARIANTS]
    assert len(set(digests)) == len(VARIANTS)
    assert digests == [code_fingerprint(Network(**attributes)) for attributes in VARIANTS]


def test_buffers_that_state_dicts_leave_out_count():
    def network(value):
        module = Network()
        module.register_buffer("mean", torch.full((3,), value), persistent=False)
        return module

    assert code_fingerprint(network(0.0)) != code_fingerprint(network(1.0))


def test_weights_and_the_mode_do_not_count():
    one, other = Network().train(), Network().eval()
    assert not torch.equal(one.layer.weight, other.layer.weight)
    assert code_fingerprint(one) == code_fingerprint(other)


def test_objects_that_refer_to_each_other_are_described_once():
    module = Network()
    module.friends = [module, SimpleNamespace(module=module)]
    module.friends[1].itself = module.friends[1]
    module.sparse = torch.zeros(3).to_sparse()
    module.objects = np.array([object()])
    module.empty = torch.zeros(2, device="meta")
    assert code_fingerprint(module) == code_fingerprint(module)


def test_the_files_of_layers_and_functions_count(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    text = (
        "from torch import nn\nclass Layer(nn.Module):\n    pass\ndef prepare(x):\n    return x\n"
    )
    (tmp_path / "layers_of_identity.py").write_text(text)
    module = importlib.import_module("layers_of_identity")
    for part in (nn.Sequential(module.Layer()), module.prepare, SimpleNamespace(f=module.prepare)):
        (tmp_path / "layers_of_identity.py").write_text(text)
        before = code_fingerprint(part)
        (tmp_path / "layers_of_identity.py").write_text(text.replace("return x", "return 2 * x"))
        assert code_fingerprint(part) != before
    (tmp_path / "layers_of_identity.py").unlink()
    code_fingerprint(module.prepare)


@pytest.mark.parametrize("seed", ["1", "2"])
def test_every_process_finds_the_same(seed):
    program = (
        "import torch; from torch import nn; from thinset.embeddings.module_identity import *;"
        "net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()); net.names = {'a', 'b', 'c'};"
        "net.other = object(); net.function = torch.relu; print(code_fingerprint(net))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
        ).stdout
        for hash_seed in (seed, "3")
    }
    assert len(found) == 1
