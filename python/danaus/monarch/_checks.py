"""What a Monarch matrix is made of, checked with words."""

from __future__ import annotations

from operator import index

import numpy as np
import numpy.typing as npt

from ._factors import Array

_TYPES = ("float32", "float64", "complex64", "complex128")


def checked(where: str, name: str, values: npt.ArrayLike, axes: str) -> Array:
    """``values`` as a read-only array of three axes, finite, in one of the element types."""
    array = np.asarray(values)
    if array.dtype.name not in _TYPES or not array.dtype.isnative:
        raise TypeError(f"{where}: {name} must be {', '.join(_TYPES[:3])} or {_TYPES[3]}, is {array.dtype.name}")
    if array.ndim != 3 or array.size == 0:
        raise ValueError(f"{where}: {name} must have shape {axes}, has {array.shape}")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        at = tuple(int(i) for i in bad[0])
        raise ValueError(f"{where}: {name} must be finite, is {array[at]} at {at}")
    array = np.array(array, order="C")
    array.flags.writeable = False
    return array


def permutation(where: str, order: npt.ArrayLike | None, count: int) -> Array | None:
    """``order`` as indices, each below ``count`` once."""
    if order is None:
        return None
    found = np.array(order)
    if found.dtype.kind not in "iu" or found.shape != (count,) or not (np.sort(found) == np.arange(count)).all():
        raise ValueError(f"{where}: order must hold each of 0, ..., {count - 1} once")
    found.flags.writeable = False
    return found


def checked_slots(where: str, slots: npt.ArrayLike, left: Array, middle: int) -> Array:
    """``slots`` as indices (R, J) below ``middle``, each at most once, or -1."""
    found = np.array(slots)
    wanted = (left.shape[2], left.shape[0])
    if found.dtype.kind not in "iu" or found.shape != wanted:
        raise ValueError(f"{where}: slots must be integers of shape (R, J) = {wanted}, have {found.shape}")
    used = np.sort(found[found != -1])
    if len(used) and (used[0] < 0 or used[-1] >= middle or (used[1:] == used[:-1]).any()):
        raise ValueError(f"{where}: slots must be -1 or middle values below K Q = {middle}, each at most once")
    found.flags.writeable = False
    return found


def checked_size(where: str, size: tuple[int, int] | None, right: Array, left: Array) -> tuple[int, int] | None:
    """``size`` as two counts, at least 1 and at most what the factors have; None where it is just that."""
    whole = (left.shape[0] * left.shape[1], right.shape[0] * right.shape[2])
    if size is None:
        return None
    try:
        outputs, inputs = (index(count) for count in size)
    except (TypeError, ValueError):
        raise TypeError(f"{where}: size must be two integers, (outputs, inputs), is {size!r}") from None
    if not (1 <= outputs <= whole[0] and 1 <= inputs <= whole[1]):
        raise ValueError(f"{where}: size must be between (1, 1) and {whole}, is {(outputs, inputs)}")
    return None if (outputs, inputs) == whole else (outputs, inputs)
