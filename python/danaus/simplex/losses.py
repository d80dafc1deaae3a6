"""Losses of class scores: cross-entropy, its margin form, and the Fenchel-Young losses of sparsemax and entmax."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ._run import Array, axis_of, positive, scores
from .exponential import log_sum, softmax
from .sparse import _power, entmax


def _targets(where: str, values: Array, labels: npt.ArrayLike, at: int) -> Array:
    """Labels with the axis of the scores: indices of classes."""
    given = np.asarray(labels)
    rows = values.shape[:at] + values.shape[at + 1 :]
    if given.dtype.kind not in "iu":
        raise TypeError(f"{where}: labels must be integers, are {given.dtype.name}")
    if given.shape != rows:
        raise ValueError(f"{where}: labels must have shape {rows}, has {given.shape}")
    if given.size and not 0 <= int(given.min()) <= int(given.max()) < values.shape[at]:
        raise ValueError(f"{where}: labels must be at least 0 and below {values.shape[at]}")
    result: Array = np.expand_dims(given.astype(np.intp), at)
    return result


def _moved(values: Array, labels: Array, at: int, step: Array | float) -> Array:
    """A copy with ``step`` added at the labels."""
    result: Array = values.copy()
    there = np.take_along_axis(result, labels, at)
    np.put_along_axis(result, labels, (there + step).astype(result.dtype), at)
    return result


def cross_entropy(
    x: npt.ArrayLike, labels: npt.ArrayLike, *, axis: int = -1, temperature: float = 1.0, threads: int = 1
) -> Array:
    """``-log softmax(x / T)`` at the labels, a row: relative accuracy also where the loss is tiny. One read.

    >>> bool(cross_entropy(np.array([0.0, 0.0]), 1) == np.log(2))
    True
    """
    where = "simplex.cross_entropy"
    values = scores(where, "x", x)
    at = axis_of(where, "x", values, axis)
    chosen = _targets(where, values, labels, at)
    largest, rest = log_sum(where, values, at, positive(where, "temperature", temperature), None, threads)
    own = np.take_along_axis(values, chosen, at).squeeze(at).astype(np.float64) / temperature
    return np.asarray(((largest - own) + rest).astype(values.dtype))[()]


def cross_entropy_grad(
    x: npt.ArrayLike, labels: npt.ArrayLike, *, axis: int = -1, temperature: float = 1.0, threads: int = 1
) -> Array:
    """The gradient of :func:`cross_entropy` for x: ``(softmax(x / T) - onehot) / T``.

    >>> cross_entropy_grad(np.array([0.0, 0.0]), 1)
    array([ 0.5, -0.5])
    """
    where = "simplex.cross_entropy_grad"
    values = scores(where, "x", x)
    at = axis_of(where, "x", values, axis)
    chosen = _targets(where, values, labels, at)
    p = softmax(values, axis=at, temperature=temperature, threads=threads)
    return np.asarray((_moved(p, chosen, at, -1.0) / p.dtype.type(temperature)).astype(p.dtype))


def margin_softmax(
    x: npt.ArrayLike, labels: npt.ArrayLike, margin: float, scale: float = 1.0, *, axis: int = -1, threads: int = 1
) -> Array:
    """``softmax(scale (x - margin onehot(labels)))``: the target must lead by the margin (AM-softmax, Wang 2018).

    >>> margin_softmax(np.array([0.5, 0.0]), 0, 0.5)
    array([0.5, 0.5])
    """
    where = "simplex.margin_softmax"
    values = scores(where, "x", x)
    at = axis_of(where, "x", values, axis)
    moved = _moved(values, _targets(where, values, labels, at), at, -float(margin))
    return softmax(moved, axis=at, temperature=1 / positive(where, "scale", scale), out=moved, threads=threads)


def margin_loss(
    x: npt.ArrayLike, labels: npt.ArrayLike, margin: float, scale: float = 1.0, *, axis: int = -1, threads: int = 1
) -> Array:
    """The cross-entropy of :func:`margin_softmax`, a row.

    >>> bool(margin_loss(np.array([0.5, 0.0]), 0, 0.5) == np.log(2))
    True
    """
    where = "simplex.margin_loss"
    values = scores(where, "x", x)
    at = axis_of(where, "x", values, axis)
    moved = _moved(values, _targets(where, values, labels, at), at, -float(margin))
    return cross_entropy(moved, labels, axis=at, temperature=1 / positive(where, "scale", scale), threads=threads)


def margin_loss_grad(
    x: npt.ArrayLike, labels: npt.ArrayLike, margin: float, scale: float = 1.0, *, axis: int = -1, threads: int = 1
) -> Array:
    """The gradient of :func:`margin_loss` for x: ``scale (margin_softmax - onehot)``.

    >>> margin_loss_grad(np.array([0.5, 0.0]), 0, 0.5)
    array([-0.5,  0.5])
    """
    where = "simplex.margin_loss_grad"
    p = margin_softmax(x, labels, margin, scale, axis=axis, threads=threads)
    at = axis_of(where, "x", p, axis)
    return np.asarray((_moved(p, _targets(where, p, labels, at), at, -1.0) * p.dtype.type(scale)).astype(p.dtype))


def entmax_loss(
    x: npt.ArrayLike, labels: npt.ArrayLike, alpha: float = 1.5, *, axis: int = -1, threads: int = 1
) -> Array:
    """The Fenchel-Young loss of entmax (Blondel, Martins & Niculae 2020), a row; alpha = 1 is the cross-entropy.

    ``<p - e_t, x> + (1 - sum p^alpha) / (alpha (alpha - 1))``: never negative, 0 only where p is the one-hot target.

    >>> float(entmax_loss(np.array([3.0, 0.0]), 0))
    0.0
    """
    where = "simplex.entmax_loss"
    values = scores(where, "x", x)
    at = axis_of(where, "x", values, axis)
    power = _power(where, alpha)
    if power - 1 < 1e-6:
        return cross_entropy(values, labels, axis=at, threads=threads)
    chosen = _targets(where, values, labels, at)
    if values.shape[at] == 0:
        raise ValueError(f"{where}: x must have classes along axis {axis}")
    wide = values.astype(np.float64)
    p = entmax(wide, power, axis=at, threads=threads)
    top = wide.max(axis=at, keepdims=True)
    with np.errstate(invalid="ignore"):
        below = np.where(p > 0, wide - top, 0.0)
        own = (np.take_along_axis(wide, chosen, at) - top).squeeze(at)
    regular = -(p * np.expm1((power - 1) * np.log(np.where(p > 0, p, 1.0)))).sum(at) / (power * (power - 1))
    loss = (p * below).sum(at) - own + regular
    hit = np.take_along_axis(p, chosen, at).squeeze(at) == 1
    loss = np.where(hit, 0.0, np.where(loss < 0, 0.0, loss))
    return np.asarray(np.where(np.isnan(p).any(at), np.nan, loss).astype(values.dtype))[()]


def entmax_loss_grad(
    x: npt.ArrayLike, labels: npt.ArrayLike, alpha: float = 1.5, *, axis: int = -1, threads: int = 1
) -> Array:
    """The gradient of :func:`entmax_loss` for x: ``entmax(x, alpha) - onehot``.

    >>> entmax_loss_grad(np.array([3.0, 0.0]), 0)
    array([0., 0.])
    """
    where = "simplex.entmax_loss_grad"
    values = scores(where, "x", x)
    at = axis_of(where, "x", values, axis)
    chosen = _targets(where, values, labels, at)
    return _moved(entmax(values, alpha, axis=at, threads=threads), chosen, at, -1.0)


def sparsemax_loss(x: npt.ArrayLike, labels: npt.ArrayLike, *, axis: int = -1, threads: int = 1) -> Array:
    """:func:`entmax_loss` for alpha = 2: ``1/2 - x_t + 1/2 sum over the support of (x^2 - tau^2)``.

    >>> float(sparsemax_loss(np.array([0.0, 0.0]), 0))
    0.25
    """
    return entmax_loss(x, labels, 2.0, axis=axis, threads=threads)


def sparsemax_loss_grad(x: npt.ArrayLike, labels: npt.ArrayLike, *, axis: int = -1, threads: int = 1) -> Array:
    """The gradient of :func:`sparsemax_loss` for x: ``sparsemax(x) - onehot``.

    >>> sparsemax_loss_grad(np.array([0.0, 0.0]), 0)
    array([-0.5,  0.5])
    """
    return entmax_loss_grad(x, labels, 2.0, axis=axis, threads=threads)
