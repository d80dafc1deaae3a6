"""Kernels of layers as convolutions, their transforms made once and kept."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .._arrays import FloatArray
from .convolution import Convolution

MOST_BYTES = 1 << 28
"""Of transforms that a layer keeps, all element types together: 512 channels of 65,536 samples in float32."""

Taps = Callable[[int, np.dtype[Any], int], FloatArray]


def ring_size(length: int) -> int:
    """The next from ``length`` of 40 (sums without a transform) and 8, 10, 12 times a power of two.

    >>> [ring_size(length) for length in (0, 40, 41, 49, 65, 1000, 1025)]
    [40, 40, 48, 64, 80, 1024, 1280]
    """
    if length <= 40:
        return 40
    power = 1 << max(length - 1, 1).bit_length() - 4
    return power * next(factor for factor in (8, 10, 12, 16) if factor * power >= length)


class Prepared(NamedTuple):
    """A kernel over ``size`` samples, ready for sequences of at most as many."""

    size: int
    dtype: np.dtype[Any]
    convolution: Convolution | None
    """None where the kernel is not finite."""
    steady: bool
    """Whether it does not grow: a transform's error is a share of the largest output, early ones would drown in it."""


class Kept:
    """The convolutions of one layer: at most one for lengths within a factor of two, the last used ones stay."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._prepared: list[Prepared] = []

    def find(self, taps: Taps, length: int, channels: int, dtype: np.dtype[Any], threads: int) -> Prepared:
        """What convolves sequences of ``length`` samples with ``taps(length, dtype, threads)``, ``(H, length)``.

        Made for the next size of a ring, so that other lengths up to there need nothing new. What exceeds
        ``MOST_BYTES`` is made for this length, and not kept.
        """
        size = ring_size(length)
        with self._lock:
            for found in self._prepared:
                if found.dtype == dtype and size <= found.size <= 2 * size:
                    self._prepared.remove(found)
                    self._prepared.append(found)
                    return found
        if not fits(length, channels, dtype):
            return prepare(taps(max(length, 1), dtype, threads), threads)
        made = prepare(taps(size, dtype, threads), threads)
        if made.convolution is None and length < size:  # it overflows later
            return prepare(taps(max(length, 1), dtype, threads), threads)
        with self._lock:
            kept = [p for p in self._prepared if p.dtype != dtype or not size / 2 <= p.size <= size]
            kept.append(made)
            while sum(nbytes(p) for p in kept) > MOST_BYTES:
                kept.pop(0)
            self._prepared = kept
        return made


def fits(length: int, channels: int, dtype: np.dtype[Any]) -> bool:
    """Whether the transform of kernels over ``length`` samples may be kept."""
    return 2 * dtype.itemsize * channels * ring_size(length) <= MOST_BYTES


def nbytes(prepared: Prepared) -> int:
    return 0 if prepared.convolution is None else prepared.convolution.nbytes


def prepare(k: FloatArray, threads: int) -> Prepared:
    """Kernels ``(H, size)`` as a convolution."""
    size = k.shape[1]
    if not np.isfinite(k).all():
        return Prepared(size, k.dtype, None, False)
    return Prepared(size, k.dtype, Convolution(k, length=size, threads=threads), bool(_steady(k).all()))


def _steady(k: FloatArray) -> npt.NDArray[np.bool_]:
    """Which kernels ``(H, size)`` are within 16 times the largest value of their first quarter."""
    first = (k.shape[1] + 3) // 4
    head, rest = (np.maximum(part.max(1, initial=0), -part.min(1, initial=0)) for part in (k[:, :first], k[:, first:]))
    steady: npt.NDArray[np.bool_] = rest <= 16 * head
    return steady
