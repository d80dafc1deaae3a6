"""Maps ``phi(x) / sum phi(x)``: Taylor's polynomials, squares and sigmoids; computed in double precision."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ._run import Array, axis_of, pair, run, scores, whole

_TAYLOR, _SQUARE, _SIGMOID = 0.0, 1.0, 2.0


def _forward(where: str, kind: float, order: int, x: npt.ArrayLike, axis: int, out: Array | None) -> Array:
    values = scores(where, "x", x)
    return run(where, "pointwise", values, axis_of(where, "x", values, axis), out=out, alpha=kind, count=order)


def _product(
    where: str, kind: float, order: int, x: npt.ArrayLike, grad: npt.ArrayLike, axis: int, tangent: bool
) -> Array:
    values, second = pair(where, "x", x, grad)
    at = axis_of(where, "x", values, axis)
    scale = -1.0 if tangent else 1.0
    return run(where, "pointwise", values, at, other=second, alpha=kind, count=order, scale=scale)


def _even(where: str, order: int) -> int:
    number = whole(where, "order", order, 2)
    if number % 2 or number > 64:
        raise ValueError(f"{where}: order must be even, 2 to 64, is {number}")
    return number


def taylor_softmax(x: npt.ArrayLike, order: int = 2, *, axis: int = -1, out: Array | None = None) -> Array:
    """``f(x_i) / sum_j f(x_j)``, f the Taylor polynomial of e^x of even ``order``, which is positive.

    Neither monotone nor invariant to shifts, but a polynomial: the kernel of linear attentions.

    >>> taylor_softmax(np.array([0.0, 2.0])).round(6)
    array([0.166667, 0.833333])
    """
    where = "simplex.taylor_softmax"
    return _forward(where, _TAYLOR, _even(where, order), x, axis, out)


def taylor_softmax_vjp(x: npt.ArrayLike, grad: npt.ArrayLike, order: int = 2, *, axis: int = -1) -> Array:
    """The gradient for x from that for ``taylor_softmax(x)``: ``f' (g - <g, p>) / sum f``.

    >>> taylor_softmax_vjp(np.array([0.0, 0.0]), np.array([1.0, 0.0]))
    array([ 0.25, -0.25])
    """
    where = "simplex.taylor_softmax_vjp"
    return _product(where, _TAYLOR, _even(where, order), x, grad, axis, False)


def taylor_softmax_jvp(x: npt.ArrayLike, tangent: npt.ArrayLike, order: int = 2, *, axis: int = -1) -> Array:
    """The tangent of ``taylor_softmax(x)`` for one of x: ``(f' v - p sum f' v) / sum f``.

    >>> taylor_softmax_jvp(np.array([0.0, 0.0]), np.array([1.0, 0.0]))
    array([ 0.25, -0.25])
    """
    where = "simplex.taylor_softmax_jvp"
    return _product(where, _TAYLOR, _even(where, order), x, tangent, axis, True)


def spherical_softmax(x: npt.ArrayLike, *, axis: int = -1, out: Array | None = None) -> Array:
    """``x_i^2 / sum_j x_j^2``; zeros where all scores are 0.

    >>> spherical_softmax(np.array([1.0, -2.0]))
    array([0.2, 0.8])
    """
    return _forward("simplex.spherical_softmax", _SQUARE, 0, x, axis, out)


def spherical_softmax_vjp(x: npt.ArrayLike, grad: npt.ArrayLike, *, axis: int = -1) -> Array:
    """The gradient for x from that for ``spherical_softmax(x)``: ``2 x (g - <g, p>) / sum x^2``.

    >>> spherical_softmax_vjp(np.array([1.0, 1.0]), np.array([1.0, 0.0]))
    array([ 0.5, -0.5])
    """
    return _product("simplex.spherical_softmax_vjp", _SQUARE, 0, x, grad, axis, False)


def spherical_softmax_jvp(x: npt.ArrayLike, tangent: npt.ArrayLike, *, axis: int = -1) -> Array:
    """The tangent of ``spherical_softmax(x)`` for one of x.

    >>> spherical_softmax_jvp(np.array([1.0, 1.0]), np.array([1.0, 0.0]))
    array([ 0.5, -0.5])
    """
    return _product("simplex.spherical_softmax_jvp", _SQUARE, 0, x, tangent, axis, True)


def sigmoid_normalize(x: npt.ArrayLike, *, axis: int = -1, out: Array | None = None) -> Array:
    """``sigmoid(x_i) / sum_j sigmoid(x_j)``.

    >>> sigmoid_normalize(np.array([0.0, 0.0]))
    array([0.5, 0.5])
    """
    return _forward("simplex.sigmoid_normalize", _SIGMOID, 0, x, axis, out)


def sigmoid_normalize_vjp(x: npt.ArrayLike, grad: npt.ArrayLike, *, axis: int = -1) -> Array:
    """The gradient for x from that for ``sigmoid_normalize(x)``.

    >>> sigmoid_normalize_vjp(np.array([0.0, 0.0]), np.array([1.0, 0.0]))
    array([ 0.125, -0.125])
    """
    return _product("simplex.sigmoid_normalize_vjp", _SIGMOID, 0, x, grad, axis, False)


def sigmoid_normalize_jvp(x: npt.ArrayLike, tangent: npt.ArrayLike, *, axis: int = -1) -> Array:
    """The tangent of ``sigmoid_normalize(x)`` for one of x.

    >>> sigmoid_normalize_jvp(np.array([0.0, 0.0]), np.array([1.0, 0.0]))
    array([ 0.125, -0.125])
    """
    return _product("simplex.sigmoid_normalize_jvp", _SIGMOID, 0, x, tangent, axis, True)


def r_softmax(x: npt.ArrayLike, r: float, *, axis: int = -1) -> Array:
    """Softmax weighted by ``(x_i - q)_+``, q the ``r``-quantile of the row: about a share r of zeros (Baldassari 2023).

    With all scores of a row equal, or one alone, it is softmax.

    >>> r_softmax(np.array([0.0, 1.0, 2.0]), 0.5)
    array([0., 0., 1.])
    """
    where = "simplex.r_softmax"
    values = scores(where, "x", x)
    at = axis_of(where, "x", values, axis)
    share = float(r)
    if not 0 <= share < 1:
        raise ValueError(f"{where}: r must be at least 0 and below 1, is {share}")
    wide = values.astype(np.float64)
    if wide.shape[at] == 0:
        return np.empty_like(values)
    above = wide - np.quantile(wide, share, axis=at, keepdims=True)
    top = wide.max(axis=at, keepdims=True)
    weight = np.where(above > 0, above, 0.0)
    weight = np.where((weight > 0).any(at, keepdims=True) | np.isnan(top), weight, 1.0) * np.exp(wide - top)
    return np.asarray((weight / weight.sum(at, keepdims=True)).astype(values.dtype))
