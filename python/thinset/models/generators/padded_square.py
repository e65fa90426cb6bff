"""Square images whose side is a power of two times a width, with padding if need be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from thinset.models.image_shape import validated_image_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

Padding: TypeAlias = "int | Literal['auto']"

_LARGEST_SHARE = 8  # padding by itself takes at most an eighth of the padded side


class PaddedSquare(NamedTuple):
    """A square that `n_halvings` halvings bring to the bottom width.

    image_shape: (height, width, channels) without the padding. edges: pixels of padding, as
    (left, right, top, bottom).
    """

    image_shape: tuple[int, int, int]
    edges: tuple[int, int, int, int]
    n_halvings: int


def padded_square(image_shape: Sequence[int], bottom_width: int, padding: Padding) -> PaddedSquare:
    """Return the square whose side is `bottom_width` times a power of two, at least twice it.

    `padding`: pixels added to the height and to the width, half of them at each edge and an odd one
    at the right and at the bottom; "auto" adds as few as are needed, at most an eighth of the
    padded side: 28 becomes 32. Raises ValueError for other sides.
    """
    shape = validated_image_shape(image_shape)
    height, width, _ = shape
    if bottom_width < 1:
        raise ValueError(f"bottom_width must be at least 1, got {bottom_width}")
    if padding != "auto" and padding < 0:
        raise ValueError(f"padding must be auto or at least 0, got {padding}")
    if height != width:
        side = max(height, width)
        raise ValueError(
            f"images must be square, got {height}x{width}; resize them, for example with "
            f"--image-size {side} {side}"
        )
    least = height if padding == "auto" else height + padding
    padded, n_halvings = 2 * bottom_width, 1
    while padded < least:
        padded, n_halvings = 2 * padded, n_halvings + 1
    added = padded - height
    if padding not in ("auto", added) or (padding == "auto" and added * _LARGEST_SHARE > padded):
        raise ValueError(_message(height, bottom_width, padding, padded))
    before, after = added // 2, added - added // 2
    return PaddedSquare(shape, (before, after, before, after), n_halvings)


def _message(side: int, bottom_width: int, padding: Padding, larger: int) -> str:
    sizes = [size for size in (larger // 2, larger) if size >= 2 * bottom_width]
    rule = f"the bottom width {bottom_width} times a power of two, at least {2 * bottom_width}"
    paddings = " or ".join(str(size - side) for size in sizes if size >= side)
    if padding != "auto":
        return (
            f"the side of images with the padding must be {rule}; got {side} and a padding of "
            f"{padding}; use the padding {paddings}"
        )
    return (
        f"the side of images must be {rule}; got {side}; resize them to "
        f"{' or '.join(map(str, sizes))}, for example with --image-size {larger} {larger}, or use "
        f"the padding {paddings}"
    )
