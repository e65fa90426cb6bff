"""Selection where a torch tensor lies: the answers of the core, bit for bit, in torch operations.

Nothing but a tensor on a device other than the host leads here, and only here may `selection`
import torch.
"""

from thinset.selection.on_device.select import select

__all__ = ["select"]
