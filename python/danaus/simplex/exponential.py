"""softmax, its logarithm and its normaliser."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ._run import Array, axis_of, masked, pair, positive, run, scores


def _exponential(
    where: str,
    name: str,
    x: npt.ArrayLike,
    axis: int,
    temperature: float,
    mask: npt.ArrayLike | None,
    causal: bool,
    sink: npt.ArrayLike | None,
    out: Array | None,
    threads: int,
    columns: int | None = None,
) -> Array:
    values = scores(where, "x", x)
    at = axis_of(where, "x", values, axis)
    scale = 1 / positive(where, "temperature", temperature)
    if causal and (values.ndim < 2 or at != values.ndim - 1):
        raise ValueError(f"{where}: causal needs scores (..., queries, keys) and the last axis")
    if mask is not None:
        values = masked(where, values, mask)
    other = None
    if sink is not None:
        shape = (*values.shape[:at], 1, *values.shape[at + 1 :])
        given = np.asarray(sink)
        if given.dtype.kind not in "fiV" or (given.dtype.kind == "V" and given.dtype.name != "bfloat16"):
            raise TypeError(f"{where}: sink must be real, is {given.dtype.name}")
        try:
            wide = given if given.ndim == 0 else np.expand_dims(given, at if given.ndim == values.ndim - 1 else -1)
            other = np.broadcast_to(wide, shape).astype(values.dtype)
        except ValueError:
            rows = shape[:at] + shape[at + 1 :]
            raise ValueError(f"{where}: sink must be a number or have shape {rows}, has {given.shape}") from None
    rest = -math.inf if name == "log_softmax" else 0.0
    return run(
        where,
        name,
        values,
        at,
        other=other,
        out=out,
        columns=columns,
        threads=threads,
        scale=scale,
        causal=causal,
        rest=rest,
    )


def softmax(
    x: npt.ArrayLike,
    *,
    axis: int = -1,
    temperature: float = 1.0,
    where: npt.ArrayLike | None = None,
    causal: bool = False,
    sink: npt.ArrayLike | None = None,
    out: Array | None = None,
    threads: int = 1,
) -> Array:
    """``e^(x_i / T) / sum_j e^(x_j / T)`` along ``axis``.

    Binary exponents are subtracted, not the maximum: every result above 1e-37 is right to 8 * 2^-24 (float32) or
    8 * 2^-53 for rows of any length and any offset.

    Parameters
    ----------
    x
        float32, float64, float16 or bfloat16 (computed in float32), of any layout.
    where
        bool, broadcast to x; scores where it is false count as -inf.
    causal
        x is ``(..., queries, keys)``; the last query sees all keys, each one before it one fewer.
    sink
        One more score, or one a row, that takes part in the sum but has no result (an attention sink).
    out
        Where the result goes; may be x.

    Rows whose scores are all -inf or masked give zeros, +inf takes everything (or shares it), NaN fills its row.

    >>> softmax(np.array([0.0, np.log(3.0)])).round(15)
    array([0.25, 0.75])
    """
    return _exponential("simplex.softmax", "softmax", x, axis, temperature, where, causal, sink, out, threads)


def log_softmax(
    x: npt.ArrayLike,
    *,
    axis: int = -1,
    temperature: float = 1.0,
    where: npt.ArrayLike | None = None,
    causal: bool = False,
    sink: npt.ArrayLike | None = None,
    out: Array | None = None,
    threads: int = 1,
) -> Array:
    """``log softmax(x / T)``, accurate where a probability is nearly 1: to 1e-6 relative (float32), however small.

    >>> log_softmax(np.float32([0, -20]))
    array([-2.0611537e-09, -2.0000000e+01], dtype=float32)
    """
    return _exponential("simplex.log_softmax", "log_softmax", x, axis, temperature, where, causal, sink, out, threads)


def logsumexp(
    x: npt.ArrayLike,
    *,
    axis: int = -1,
    temperature: float = 1.0,
    where: npt.ArrayLike | None = None,
    keepdims: bool = False,
    threads: int = 1,
) -> Array:
    """``log(sum_j e^(x_j / T))``, -inf of nothing.

    >>> round(float(logsumexp(np.array([1000.0, 1000.0]))) - 1000, 9)
    0.693147181
    """
    where_ = "simplex.logsumexp"
    largest, rest = log_sum(where_, x, axis, temperature, where, threads)
    total = np.asarray((largest + rest).astype(np.asarray(x).dtype))
    return np.expand_dims(total, axis) if keepdims else total[()]


def log_sum(
    where: str, x: npt.ArrayLike, axis: int, temperature: float, mask: npt.ArrayLike | None = None, threads: int = 1
) -> tuple[Array, Array]:
    """The largest score over the temperature, and the logarithm of the sum relative to it, in double."""
    both = _exponential(where, "log_sum", x, axis, temperature, mask, False, None, None, threads, columns=2)
    largest, rest = np.moveaxis(both, axis, 0).astype(np.float64)
    return largest / temperature, rest


def softmax1(
    x: npt.ArrayLike, *, axis: int = -1, temperature: float = 1.0, out: Array | None = None, threads: int = 1
) -> Array:
    """``e^(x_i / T) / (1 + sum_j e^(x_j / T))``: a row may attend to nothing. softmax with a sink of 0.

    >>> softmax1(np.zeros(3))
    array([0.25, 0.25, 0.25])
    """
    return _exponential("simplex.softmax1", "softmax", x, axis, temperature, None, False, 0.0, out, threads)


def scalable_softmax(
    x: npt.ArrayLike, s: float, *, axis: int = -1, out: Array | None = None, threads: int = 1
) -> Array:
    """``softmax(s log(n) x)`` for rows of n: attention that does not fade as rows grow (Nakanishi 2025).

    >>> scalable_softmax(np.array([1.0, 0.0]), 1.0).round(12)
    array([0.66666667, 0.33333333])
    """
    where = "simplex.scalable_softmax"
    values = scores(where, "x", x)
    n = values.shape[axis_of(where, "x", values, axis)]
    factor = positive(where, "s", s) * math.log(n) if n > 1 else 1.0
    return _exponential(where, "softmax", values, axis, 1 / factor, None, False, None, out, threads)


def softmax_vjp(
    p: npt.ArrayLike,
    grad: npt.ArrayLike,
    *,
    axis: int = -1,
    temperature: float = 1.0,
    out: Array | None = None,
    threads: int = 1,
) -> Array:
    """The gradient for x from that for ``p = softmax(x)``: ``p (g - <g, p>) / T``, 0 where p is.

    The Jacobian is symmetric: this is also the tangent of p for a tangent of x. Holds for softmax1, sinks, top-k and
    nucleus softmax, and scalable softmax (T = 1 / (s log n)), too.

    >>> softmax_vjp(np.array([0.25, 0.75]), np.array([1.0, 0.0]))
    array([ 0.1875, -0.1875])
    """
    where = "simplex.softmax_vjp"
    first, second = pair(where, "p", p, grad)
    scale = 1 / positive(where, "temperature", temperature)
    at = axis_of(where, "p", first, axis)
    return run(where, "softmax_vjp", first, at, other=second, out=out, threads=threads, scale=scale)


softmax_jvp = softmax_vjp


def _log_vjp(
    where: str, tangent: int, y: npt.ArrayLike, grad: npt.ArrayLike, axis: int, temperature: float, out: Array | None
) -> Array:
    first, second = pair(where, "y", y, grad)
    scale = 1 / positive(where, "temperature", temperature)
    at = axis_of(where, "y", first, axis)
    return run(where, "log_softmax_vjp", first, at, other=second, out=out, scale=scale, count=tangent)


def log_softmax_vjp(
    y: npt.ArrayLike, grad: npt.ArrayLike, *, axis: int = -1, temperature: float = 1.0, out: Array | None = None
) -> Array:
    """The gradient for x from that for ``y = log_softmax(x)``: ``(g - e^y sum g) / T``.

    >>> log_softmax_vjp(np.log([0.25, 0.75]), np.array([1.0, 0.0])).round(12)
    array([ 0.75, -0.75])
    """
    return _log_vjp("simplex.log_softmax_vjp", 0, y, grad, axis, temperature, out)


def log_softmax_jvp(
    y: npt.ArrayLike, tangent: npt.ArrayLike, *, axis: int = -1, temperature: float = 1.0, out: Array | None = None
) -> Array:
    """The tangent of ``y = log_softmax(x)`` for one of x: ``(v - <v, e^y>) / T``.

    >>> log_softmax_jvp(np.log([0.25, 0.75]), np.array([1.0, 0.0])).round(12)
    array([ 0.75, -0.25])
    """
    return _log_vjp("simplex.log_softmax_jvp", 1, y, tangent, axis, temperature, out)


def temperature_vjp(x: npt.ArrayLike, dx: npt.ArrayLike, *, axis: int = -1, temperature: float = 1.0) -> Array:
    """The gradient for the temperature, a row: ``-<x, dx> / T``, from the gradient ``dx`` for x of any map of x / T.

    >>> float(temperature_vjp(np.array([1.0, 3.0]), np.array([0.5, -0.5])))
    1.0
    """
    where = "simplex.temperature_vjp"
    values, slopes = pair(where, "x", x, dx)
    axis_of(where, "x", values, axis)
    kept = np.where(slopes != 0, values.astype(np.float64), 0.0)
    return np.asarray(-(kept * slopes).sum(axis) / positive(where, "temperature", temperature))[()]
