from __future__ import annotations

import pytest

from thinset.distillation.through_gan.settings import LatentSettings, TermSettings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"weight": -1.0}, "weight must be a finite number of at least 0, got -1.0"),
        ({"weight": float("nan")}, "weight must be a finite number of at least 0, got nan"),
        ({"weight": float("inf")}, "weight must be a finite number of at least 0, got inf"),
        ({"on": "encoder"}, "on must be one of generator, discriminator, both; got 'encoder'"),
        ({"of": "labels"}, "of must be one of inputs, weights; got 'labels'"),
        ({"method": "gan"}, "method must be one of gan-difference, gan-magnitude; got 'gan'"),
        ({"width": 0.0}, "width must be a finite number above 0, got 0.0"),
        ({"start": "trained"}, "start must be one of fresh, pretrained; got 'trained'"),
        ({"pretraining": "0ep"}, "pretraining must be longer than 0ep"),
        ({"pretraining": "long"}, "pretraining must be a length: a length is a number"),
        ({"pretrained_path": "r"}, "pretrained_path needs start \"pretrained\", got 'fresh'"),
    ],
)
def test_terms_refuse_what_is_out_of_range(values, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        TermSettings(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"alpha": -0.5}, "alpha must be a finite number of at least 0, got -0.5"),
        ({"alpha": float("nan")}, "alpha must be a finite number of at least 0, got nan"),
        ({"beta": float("nan")}, "beta must be a finite number, got nan"),
        ({"alpha": 0.0}, "alpha must not be 0 where beta is 0"),
        ({"penalty": -1.0}, "penalty must be a finite number of at least 0, got -1.0"),
        ({"learning_rate": 0.0}, "learning_rate must be a finite number above 0, got 0.0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"pool": 0}, "pool must be at least 1, got 0"),
        ({"constraint": "ball"}, "constraint must be one of free, l2, sphere; got 'ball'"),
        ({"length": "-5st"}, "length must be a length: a length is a number with a unit"),
        ({"encoding": "3ep"}, "encoding must be in steps, such as 200st; got '3ep'"),
    ],
)
def test_searches_refuse_what_is_out_of_range(values, message):
    with pytest.raises(ValueError, match=message):
        LatentSettings(**values)


def test_what_is_allowed():
    assert LatentSettings(beta=-1.0, length="0st", alpha=0.0).n_encoding == 0
    assert LatentSettings(encoding="12st").n_encoding == 12
    assert TermSettings(weight=0.0, only=True).adversarial_weight == 0
    assert TermSettings().adversarial_weight == 1
