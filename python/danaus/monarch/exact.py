"""Operators that are Monarch matrices exactly: Fourier, cosine and Hadamard transforms, Kronecker products."""

from __future__ import annotations

from math import isqrt
from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt

from .._arrays import float_dtype
from ._factors import Array
from .matrix import Monarch


def _size(where: str, n: int) -> int:
    try:
        size = index(n)
    except TypeError:
        raise TypeError(f"{where}: n must be an integer, is {n!r}") from None
    if not 1 <= size <= 1 << 24:
        raise ValueError(f"{where}: n must be between 1 and 2^24, is {size}")
    return size


def _parts(where: str, n: int, factors: tuple[int, int] | None) -> tuple[int, int]:
    """Two factors of n, by default the nearest to a square that there is."""
    if factors is None:
        first = next(i for i in range(isqrt(n), 0, -1) if n % i == 0)
        return first, n // first
    try:
        first, second = (index(f) for f in factors)
    except (TypeError, ValueError):
        raise TypeError(f"{where}: factors must be two integers, are {factors!r}") from None
    if first < 1 or second < 1 or first * second != n:
        raise ValueError(f"{where}: factors must be positive and multiply to {n}, are {(first, second)}")
    return first, second


def _roots(exponents: Array, n: int) -> Array:
    """exp(-2 pi i e / n), each exponent reduced before it is rounded."""
    angle = -2 * np.pi * (exponents % n) / n
    return np.cos(angle) + 1j * np.sin(angle)


def _fourier(i: int, j: int) -> tuple[Array, Array, Array]:
    """The DFT of i j points: right (i, j, j), left (j, i, i), and the order of inputs (Cooley, Tukey 1965)."""
    rows, columns = np.arange(i), np.arange(j)
    right = np.broadcast_to(_roots(np.outer(columns, columns), j), (i, j, j))
    left = _roots(np.outer(rows, rows), i)[None] * _roots(np.outer(columns, rows), i * j)[:, None, :]
    return right, left, np.arange(i * j).reshape(j, i).T.ravel()


def dft(n: int, *, factors: tuple[int, int] | None = None, dtype: npt.DTypeLike = "complex128") -> Monarch:
    """The discrete Fourier transform ``y_m = sum_t x_t exp(-2 pi i t m / n)`` of any length.

    Parameters
    ----------
    n : the length
    factors : its two factors, by default the nearest to sqrt(n); n (n1 + n2) weights
    dtype : complex64 or complex128

    >>> bool(np.allclose(dft(12) @ np.arange(12.0), np.fft.fft(np.arange(12.0))))
    True
    """
    where = "monarch.dft"
    kind = np.dtype(dtype)
    if kind.name not in ("complex64", "complex128"):
        raise TypeError(f"{where}: dtype must be complex64 or complex128, is {kind.name}")
    right, left, order = _fourier(*_parts(where, _size(where, n), factors))
    return Monarch(right.astype(kind), left.astype(kind), order=order)


def dct(
    n: int, *, norm: str | None = None, factors: tuple[int, int] | None = None, dtype: npt.DTypeLike = "float64"
) -> Monarch:
    """The cosine transform ``y_m = 2 sum_t x_t cos(pi m (2 t + 1) / (2 n))`` (DCT-II), of block rank 2.

    The real part of a turned Fourier transform of the even samples, then the odd ones backwards (Makhoul 1980).

    Parameters
    ----------
    n : the length
    norm : None, or "ortho" for the orthogonal matrix
    factors : as of :func:`dft`
    dtype : float32 or float64

    >>> bool(np.allclose(dct(3) @ np.array([1.0, 1.0, 1.0]), [6, 0, 0]))
    True
    """
    where = "monarch.dct"
    kind = float_dtype(where, "dtype", dtype)
    if norm not in (None, "ortho"):
        raise ValueError(f"{where}: norm must be None or 'ortho', is {norm!r}")
    n = _size(where, n)
    i, j = _parts(where, n, factors)
    right, left, order = _fourier(i, j)
    outputs = np.arange(i)[None, :] * j + np.arange(j)[:, None]  # (j, i)
    turn = 2 * _roots(outputs, 4 * n)
    if norm == "ortho":
        turn = turn * np.where(outputs == 0, np.sqrt(1 / (4 * n)), np.sqrt(1 / (2 * n)))
    left = left * turn[:, :, None]
    parts = np.concatenate([right.real, right.imag], 1)
    both = np.stack([left.real, -left.imag], -1).reshape(j, i, 2 * i)
    samples = np.r_[np.arange(0, n, 2), np.arange(n - 1 - n % 2, 0, -2)]
    return Monarch(parts.astype(kind), both.astype(kind), order=samples[order])


def kronecker(a: npt.ArrayLike, b: npt.ArrayLike) -> Monarch:
    """The Kronecker product ``np.kron(a, b)`` of two matrices.

    >>> a, b = np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])
    >>> kronecker(a, b).todense()
    array([[3., 6.],
           [4., 8.]])
    """
    given: list[Any] = []
    for name, values in (("a", a), ("b", b)):
        matrix = np.asarray(values)
        if matrix.ndim != 2 or matrix.size == 0:
            raise ValueError(f"monarch.kronecker: {name} must be a matrix, has shape {matrix.shape}")
        given.append(matrix)
    left, right = given
    return Monarch(
        np.broadcast_to(right, (left.shape[1], *right.shape)), np.broadcast_to(left, (right.shape[0], *left.shape))
    )


def hadamard(n: int, *, dtype: npt.DTypeLike = "float64") -> Monarch:
    """The Hadamard matrix of n = 2^m in Sylvester's order, entries 1 and -1.

    >>> hadamard(4) @ np.array([1.0, 2.0, 3.0, 4.0])
    array([10., -2., -4.,  0.])
    """
    where = "monarch.hadamard"
    kind = float_dtype(where, "dtype", dtype)
    n = _size(where, n)
    if n & (n - 1):
        raise ValueError(f"{where}: n must be a power of two, is {n}")
    i, j = _parts(where, n, None)

    def sylvester(size: int) -> Array:
        bits = np.arange(size)
        common = bits[:, None] & bits
        odd = np.zeros_like(common)
        while common.any():
            odd ^= common & 1
            common >>= 1
        return np.asarray((1 - 2 * odd).astype(kind))

    return kronecker(sylvester(i), sylvester(j))
