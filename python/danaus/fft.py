"""Discrete Fourier transforms in float32 and float64, along any axis, of any length.

The transforms that the library's convolutions are made of, in natural order: single precision stays single, many
signals fill the vector registers side by side, a long one is cut into segments of time that do.

>>> x = np.array([1.0, 2.0, 4.0, 0.0])
>>> bool(np.allclose(rfft(x), np.fft.rfft(x)))
True
"""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from ._arrays import ComplexArray, FloatArray, thread_count

__all__ = ["fft", "ifft", "irfft", "rfft"]

_PRECISION = {"float32": "32", "float64": "64", "complex64": "32", "complex128": "64"}


def _transform(
    where: str,
    kind: str,
    x: npt.ArrayLike,
    wanted: str,
    n: int | None,
    axis: int,
    back: bool,
    out: npt.NDArray[Any] | None,
    threads: int,
) -> npt.NDArray[Any]:
    values = np.asarray(x)
    bits = _PRECISION.get(values.dtype.name)
    if bits is None or not values.dtype.isnative:
        raise TypeError(f"{where}: x must be float32, float64, complex64 or complex128, is {values.dtype.str}")
    if (values.dtype.kind == "c") != (wanted == "c"):
        if wanted == "f":
            raise TypeError(f"{where}: x must be real, is {values.dtype.name}; fft takes complex values")
        values = values.astype("complex64" if bits == "32" else "complex128")
    if values.ndim == 0 or not -values.ndim <= axis < values.ndim:
        raise ValueError(f"{where}: axis must be one of the {values.ndim} axes of x, is {axis}")
    axis %= values.ndim
    count = values.shape[axis]
    if n is None:
        n = 2 * (count - 1) if kind == "fourier_real_back" else count
    n = index(n)
    if not 1 <= n < 2**31:
        raise ValueError(f"{where}: n must be positive and below 2^31, is {n}")
    points = n // 2 + 1 if kind == "fourier_real" else n
    shape = (*values.shape[:axis], points, *values.shape[axis + 1 :])
    inner = int(np.prod(values.shape[axis + 1 :], dtype=np.intp))
    outer = int(np.prod(values.shape[:axis], dtype=np.intp))
    block = np.ascontiguousarray(values).reshape(outer, count, inner)
    into = None
    if out is not None:
        if not isinstance(out, np.ndarray) or out.shape != shape or not out.flags.c_contiguous:
            got = out.shape if isinstance(out, np.ndarray) else type(out).__name__
            raise ValueError(f"{where}: out must be a C-contiguous array of shape {shape}, is {got}")
        into = out.reshape(outer, points, inner)
    result: npt.NDArray[Any] = getattr(_core, kind + bits)(block, n, back, into, thread_count(where, threads))
    return result.reshape(shape) if out is None else out


def fft(
    x: npt.ArrayLike,
    n: int | None = None,
    *,
    axis: int = -1,
    out: ComplexArray | None = None,
    threads: int = 1,
) -> ComplexArray:
    """``y_k = sum_t x_t exp(-2 pi i t k / n)`` along ``axis``, ``n`` values.

    Parameters
    ----------
    x : complex or real, single or double: the result is complex64 or complex128
    n : the length, by default that of x; longer signals are cut, shorter ones followed by zeros
    out : C-contiguous, of the result's shape and element type; or None

    Lengths 2, 4 and 8, 10, 12 times a power of two are transformed as they are: 5 n log2(n) flop; others as a
    convolution with a chirp (Bluestein 1970), about five times that. Error: 0.3 eps log2(n) of the values' root mean
    square, twice that with a chirp. Raises ``TypeError`` for other element types, ``ValueError`` for shapes.

    >>> bool(np.allclose(fft(np.array([1.0, 0.0, 2.0])), [3, 1j * 3**0.5, -1j * 3**0.5]))
    True
    """
    return _transform("fft.fft", "fourier_complex", x, "c", n, axis, False, out, threads)


def ifft(
    x: npt.ArrayLike,
    n: int | None = None,
    *,
    axis: int = -1,
    out: ComplexArray | None = None,
    threads: int = 1,
) -> ComplexArray:
    """``y_t = 1/n sum_k x_k exp(2 pi i t k / n)``: undoes :func:`fft`, with its arguments.

    >>> bool(np.allclose(ifft(fft(np.arange(6.0))), np.arange(6.0)))
    True
    """
    return _transform("fft.ifft", "fourier_complex", x, "c", n, axis, True, out, threads)


def rfft(
    x: npt.ArrayLike,
    n: int | None = None,
    *,
    axis: int = -1,
    out: ComplexArray | None = None,
    threads: int = 1,
) -> ComplexArray:
    """The first ``n // 2 + 1`` values of :func:`fft` of real signals, at half its cost for even ``n``.

    >>> rfft(np.ones(6)).round(12).real
    array([6., 0., 0., 0.])
    """
    return _transform("fft.rfft", "fourier_real", x, "f", n, axis, False, out, threads)


def irfft(
    x: npt.ArrayLike,
    n: int | None = None,
    *,
    axis: int = -1,
    out: FloatArray | None = None,
    threads: int = 1,
) -> FloatArray:
    """The real signals of length ``n`` that :func:`rfft` made ``x`` of; by default twice as long as x, less 2.

    Only the first ``n // 2 + 1`` values are looked at; imaginary parts that no real signal has are ignored.

    >>> irfft(rfft(np.arange(5.0)), 5).round(12)
    array([0., 1., 2., 3., 4.])
    """
    return _transform("fft.irfft", "fourier_real_back", x, "c", n, axis, True, out, threads)
