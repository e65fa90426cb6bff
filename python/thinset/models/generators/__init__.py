"""Networks that draw images of a given class, and the networks they are trained against or with."""

from thinset.models.generators.dcgan import Decoder, Discriminator, Encoder
from thinset.models.generators.flow import FlowGenerator, Solver
from thinset.models.generators.image_generator import ImageGenerator
from thinset.models.generators.sngan import ProjectionDiscriminator, ResidualGenerator

__all__ = [
    "Decoder",
    "Discriminator",
    "Encoder",
    "FlowGenerator",
    "ImageGenerator",
    "ProjectionDiscriminator",
    "ResidualGenerator",
    "Solver",
]
