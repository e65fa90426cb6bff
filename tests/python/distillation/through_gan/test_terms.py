"""Which parameters each term moves, and in which direction; on the discriminator it moves none."""

from __future__ import annotations

import pytest
import torch

from thinset.distillation.through_gan.settings import TermSettings
from thinset.distillation.through_gan.terms import GradientTerm
from thinset.losses.input_gradients import gradient_difference, gradient_magnitude
from thinset.models.generators import Decoder, Discriminator
from thinset.training import Phase, TrainingDivergedError, generator_for, save_weights, train
from thinset.training.learners.adversarial import AdversarialLearner
from thinset.training.learners.image_term import WeightedTerm
from weighted_terms import take_term

METHODS = ("gan-difference", "gan-magnitude")
R = "smooth_networks:perceptron"
CPU = torch.device("cpu")


def term_of(data, **settings):
    return GradientTerm(TermSettings(**{"network": R, **settings}), data, seed=5)


def trained(data, n_steps=6, *, settings=None, term=None, **options):
    """A learner after some steps, and its tensors by name."""
    weights = generator_for(0, "weights")
    path = options.pop("checkpoint_path", None)
    if settings is not None:
        term = term_of(data, **settings)
    learner = AdversarialLearner(
        Decoder((8, 8, 1), 3, latent_size=4, generator=weights),
        Discriminator((8, 8, 1), 3, generator=weights),
        term=take_term({"term_weight": 1.0, **options}, term), device="cpu", precision="float32",
    )  # fmt: skip
    loop = {"learning_rate": 1e-3, "batch_size": 6, "test_data": data, "evaluations": 3}
    history = train(learner, [Phase("gan", data, f"{n_steps}st")], checkpoint_path=path, **loop)
    return {name: value.clone() for name, value in learner.tensors().items()}, history


def networks_of(tensors):
    """All but what belongs to the term itself: networks, optimizers, noise and sums of losses."""
    return {n: t for n, t in tensors.items() if not n.startswith("term") and n != "sums/term"}


def same(tensors, others):
    assert tensors.keys() == others.keys()
    return all(torch.equal(value, others[name]) for name, value in tensors.items())


@pytest.mark.parametrize("method", METHODS)
def test_on_the_discriminator_a_term_moves_nothing(data, method):
    plain, _ = trained(data)
    without_weight, _ = trained(data, settings={"method": method}, term_weight=0.0)
    on_side, history = trained(
        data, settings={"method": method}, term_weight=50.0, term_on="discriminator"
    )
    assert same(networks_of(plain), networks_of(without_weight))
    assert same(networks_of(plain), networks_of(on_side))
    assert (history.final.scores["term"] > 0) == (method == "gan-difference")


@pytest.mark.parametrize("of", ["inputs", "weights"])
@pytest.mark.parametrize("method", METHODS)
def test_on_the_generator_a_term_moves_the_generator_alone(data, method, of):
    """In one step, whose discriminator is the same with and without the term."""
    plain, _ = trained(data, 1)
    moved, _ = trained(data, 1, settings={"method": method, "of": of}, term_weight=50.0)
    differ = {
        name.split("/")[1]
        for name, value in networks_of(moved).items()
        if name.startswith("networks/") and not torch.equal(value, plain[name])
    }
    assert differ == {"generator"}
    both, _ = trained(
        data, 1, settings={"method": method, "of": of}, term_weight=50.0, term_on="both"
    )
    assert same(networks_of(moved), networks_of(both))


@pytest.mark.parametrize("on", ["generator", "discriminator"])
def test_without_the_adversarial_loss_only_the_generator_has_something_to_learn(data, on):
    """On the generator, it moves by the term; on the discriminator, that learns nothing at all."""
    steps = [trained(data, n, settings={}, term_on=on, adversarial_weight=0.0)[0] for n in (1, 4)]
    moved = {
        name.split("/")[1]
        for name, value in steps[1].items()
        # Not the batch statistics, which follow the images that pass through.
        if name.startswith("networks/") and name.endswith(("weight", "bias"))
        and not torch.equal(value, steps[0][name])
    }  # fmt: skip
    assert moved == ({"generator"} if on == "discriminator" else {"generator", "discriminator"})


@pytest.mark.parametrize("start", ["fresh", "pretrained"])
@pytest.mark.parametrize("method", METHODS)
def test_values_are_those_of_the_equations(data, method, start):
    term = term_of(data, method=method, start=start)
    term.prepare(CPU)
    term.renew()
    generated, images = torch.rand(2, 4, 1, 8, 8)
    labels = torch.tensor([0, 1, 2, 0])
    network = term._networks.network(CPU)
    expected = (
        gradient_difference(network, generated, images, labels)
        if method == "gan-difference"
        else -gradient_magnitude(network, generated, labels)
    )
    found = term(generated, images, labels)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected)
    assert not found.requires_grad
    assert (found < 0).all() == (method == "gan-magnitude")


@pytest.mark.parametrize("method", METHODS)
def test_descent_on_a_term_does_what_it_is_for(data, method):
    """The difference shrinks; the gradients of the generated images grow."""
    term = term_of(data, method=method, start="pretrained")
    term.prepare(CPU)
    real = torch.from_numpy(data.images[:6].transpose(0, 3, 1, 2) / 255.0).float()
    labels = torch.arange(6) % 3
    images = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    before = term(images, real, labels)
    for _ in range(30):
        images.requires_grad_()
        (gradient,) = torch.autograd.grad(term(images, real, labels).sum(), images)
        images = images.detach() - 0.05 * gradient / gradient.flatten(1).norm(dim=1).max()
    after = term(images, real, labels)
    assert (after < before).all()


def test_a_fresh_network_is_new_in_each_step_and_a_pretrained_one_stays(data):
    images, labels = torch.rand(3, 1, 8, 8), torch.arange(3)

    def values(term, n):
        found = []
        for _ in range(n):
            term.renew()
            first = term(images, images.flip(0), labels)
            assert torch.equal(first, term(images, images.flip(0), labels))  # both sides of a step
            found.append(tuple(first.tolist()))
        return found

    fresh = values(term_of(data), 3)
    assert len(set(fresh)) == 3
    assert values(term_of(data), 3) == fresh
    pretrained = term_of(data, start="pretrained")
    pretrained.prepare(CPU)
    kept = values(pretrained, 3)
    assert len(set(kept)) == 1
    again = term_of(data, start="pretrained")
    again.prepare(CPU)
    assert values(again, 1) == kept[:1]


def test_a_pretrained_network_is_better_than_a_new_one_and_stored_with_checkpoints(data):
    settings = {"start": "pretrained", "pretraining": "200ep"}
    term = term_of(data, **settings)
    new = term._networks.network(CPU)
    images = torch.from_numpy(data.images.transpose(0, 3, 1, 2) / 255.0).float()
    labels = torch.from_numpy(data.labels.copy())

    def accuracy(network):
        return float((network(images).argmax(dim=1) == labels).float().mean())

    before = accuracy(new)
    term.prepare(CPU)
    network = term._networks.network(CPU)
    assert accuracy(network) > max(before, 0.9)
    assert not network.training
    assert not any(weight.requires_grad for weight in network.parameters())
    other = term_of(data, **settings)
    other.load(term.tensors())
    other.prepare(CPU)  # nothing is trained after a resume
    assert all(torch.equal(t, other.tensors()[n]) for n, t in term.tensors().items())


def test_batch_norm_uses_its_own_statistics(data, tmp_path):
    """Gradients of an image do not depend on the images beside it; a file brings its statistics."""
    term = term_of(data, network="smooth_networks:normalised", start="pretrained")
    term.prepare(CPU)
    network = term._networks.network(CPU)
    assert not torch.equal(network[0].running_mean, torch.zeros(1))
    images, labels = torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 2, 0])
    together = term(images, images.flip(0), labels)
    alone = term(images[:2], images.flip(0)[:2], labels[:2])
    torch.testing.assert_close(together[:2], alone)
    save_weights(network, tmp_path / "r.safetensors")
    from_file = term_of(
        data, network="smooth_networks:normalised", start="pretrained",
        pretrained_path=str(tmp_path / "r.safetensors"),
    )  # fmt: skip
    assert torch.equal(from_file(images, images.flip(0), labels), together)
    assert from_file.describe() != term.describe()
    with pytest.raises(ValueError, match="is of another model"):
        term_of(data, start="pretrained", pretrained_path=str(tmp_path / "r.safetensors"))


def test_networks_that_need_the_batch_or_larger_images_are_refused(data):
    with pytest.raises(ValueError, match="must treat every image alone, but layer '0' "):
        term_of(data, network="through_gan_networks:without_statistics")
    with pytest.raises(ValueError, match="network must be MODULE:FUNCTION"):
        term_of(data, network="resnot")


@pytest.mark.parametrize("start", ["fresh", "pretrained"])
def test_a_stopped_training_resumes_bit_for_bit(data, tmp_path, start):
    settings = {"start": start}
    whole, history = trained(data, 9, settings=settings)

    def learner():
        weights = generator_for(0, "weights")
        return AdversarialLearner(
            Decoder((8, 8, 1), 3, latent_size=4, generator=weights),
            Discriminator((8, 8, 1), 3, generator=weights),
            term=WeightedTerm(term_of(data, **settings)), device="cpu", precision="float32",
        )  # fmt: skip

    def stop(figures, step):
        if step == 6 and not stopped:
            stopped.append(step)
            raise InterruptedError

    stopped: list[int] = []
    options = {
        "learning_rate": 1e-3, "batch_size": 6, "test_data": data, "evaluations": 3,
        "checkpoint_path": tmp_path / "c.safetensors", "resume": True, "log": stop,
    }  # fmt: skip
    phases = [Phase("gan", data, "9st")]
    with pytest.raises(InterruptedError):
        train(learner(), phases, **options)
    resumed = learner()
    again = train(resumed, phases, **options)
    assert same(resumed.tensors(), whole)
    assert [point.scores for point in again.curve] == [point.scores for point in history.curve]


def test_a_term_that_is_not_finite_ends_the_training_and_keeps_the_checkpoint(data, tmp_path):
    class Failing(GradientTerm):
        n_calls = 0

        def __call__(self, generated, images, labels):
            Failing.n_calls += 1
            values = super().__call__(generated, images, labels)
            return values * float("nan") if Failing.n_calls > 3 else values

    term = Failing(TermSettings(network=R), data)
    with pytest.raises(TrainingDivergedError):
        trained(data, term=term, checkpoint_path=tmp_path / "c.safetensors")
    assert (tmp_path / "c.safetensors").exists()
