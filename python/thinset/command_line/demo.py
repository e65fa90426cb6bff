"""thinset demo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from thinset.command_line.arguments import Device, Output, Seed
from thinset.command_line.run import Command as Run


@dataclass(frozen=True)
class Command:
    """Run every step on the embedded digits dataset (1,797 images of 8 x 8 pixels)."""

    out: Output = Path("thinset-demo")
    """folder of the run and its report"""
    device: Device = "auto"
    """device to compute on"""
    seed: Seed = 0
    """first of the three seeds"""

    def run(self) -> None:
        Run("digits", self.out, preset="smoke", device=self.device, seed=self.seed).run()
