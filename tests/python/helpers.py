# SPDX-License-Identifier: Apache-2.0
"""Comparisons, and arrays that are laid out in every way NumPy allows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

DATA = Path(__file__).resolve().parents[1] / "data"

Array = npt.NDArray[Any]

LAYOUTS = ("c", "fortran", "reversed", "strided", "offset", "transposed", "read-only")


def laid_out(u: Array, layout: str) -> Array:
    """The values of ``u`` in memory of another layout."""
    if layout == "fortran":
        return np.asfortranarray(u)
    if layout == "reversed":
        turned = tuple(slice(None, None, -1) for _ in u.shape)
        return u[turned].copy()[turned]
    if layout == "strided":
        wide = np.full([2 * n + 1 for n in u.shape], 77, u.dtype)
        view = wide[tuple(slice(1, None, 2) for _ in u.shape)]
        view[...] = u
        return view
    if layout == "offset":  # aligned for the element only
        view = np.full(u.size + 1, 77, u.dtype)[1:].reshape(u.shape)
        view[...] = u
        return view
    if layout == "transposed":
        return np.ascontiguousarray(u.swapaxes(0, -1)).swapaxes(0, -1)
    copy = u.copy()
    copy.flags.writeable = layout != "read-only"
    return copy


def same_bits(a: Array, b: Array) -> bool:
    """Whether two arrays agree in type, shape and every bit."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def cut(length: int, sizes: list[int]) -> list[slice]:
    """``length`` rows in pieces of the sizes, again and again; a size may be 0."""
    pieces, start, turn = [], 0, 0
    while start < length:
        size = sizes[turn % len(sizes)] if any(sizes) else 1
        pieces.append(slice(start, min(start + size, length)))
        start += size
        turn += 1
    return pieces
