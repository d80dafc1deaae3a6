"""Maps with exact zeros: sparsemax, entmax, top-k and nucleus."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ._run import Array, axis_of, masked, pair, positive, run, scores, whole


def _power(where: str, alpha: float) -> float:
    number = float(alpha)
    if not 1 <= number <= 1e6:
        raise ValueError(f"{where}: alpha must be at least 1, is {number}")
    return number


def _project(
    where: str,
    x: npt.ArrayLike,
    alpha: float,
    axis: int,
    temperature: float,
    mask: npt.ArrayLike | None,
    out: Array | None,
    threads: int,
) -> Array:
    values = scores(where, "x", x)
    at = axis_of(where, "x", values, axis)
    scale = 1 / positive(where, "temperature", temperature)
    if mask is not None:
        values = masked(where, values, mask)
    name = "softmax" if alpha - 1 < 1e-9 else {2.0: "sparsemax", 1.5: "entmax15"}.get(alpha, "entmax")
    return run(
        where,
        name,
        values,
        at,
        out=out,
        threads=threads,
        scale=scale,
        alpha=alpha,
        in_double=name == "entmax" and alpha > 1.5,
    )


def sparsemax(
    x: npt.ArrayLike,
    *,
    axis: int = -1,
    temperature: float = 1.0,
    where: npt.ArrayLike | None = None,
    out: Array | None = None,
    threads: int = 1,
) -> Array:
    """``(x_i / T - tau)_+``, the Euclidean projection onto the probability simplex (Martins & Astudillo 2016).

    Exact, without a sort: usual rows are read and written once. Masks, infinities and NaN as of :func:`softmax`.

    >>> sparsemax(np.array([1.0, 0.9, -2.0])).round(12)
    array([0.55, 0.45, 0.  ])
    """
    return _project("simplex.sparsemax", x, 2.0, axis, temperature, where, out, threads)


def entmax(
    x: npt.ArrayLike,
    alpha: float = 1.5,
    *,
    axis: int = -1,
    temperature: float = 1.0,
    where: npt.ArrayLike | None = None,
    out: Array | None = None,
    threads: int = 1,
) -> Array:
    """``((alpha - 1) x_i - tau)_+^(1 / (alpha - 1))`` (Peters, Niculae & Martins 2019), for every alpha from 1 on.

    1 is softmax, 2 sparsemax; 1.5 and 2 are exact, others converge to machine precision, smoothly towards 1.

    >>> entmax(np.array([1.0, 0.0, -2.0]), 1.5).round(6)
    array([0.830719, 0.169281, 0.      ])
    """
    where_ = "simplex.entmax"
    return _project(where_, x, _power(where_, alpha), axis, temperature, where, out, threads)


def topk_softmax(
    x: npt.ArrayLike,
    k: int,
    *,
    axis: int = -1,
    temperature: float = 1.0,
    where: npt.ArrayLike | None = None,
    out: Array | None = None,
    threads: int = 1,
) -> Array:
    """Softmax over the k largest scores, 0 elsewhere; of equal scores the ones with lower indices are kept.

    >>> topk_softmax(np.array([1.0, 1.0, 1.0, 0.0]), 2)
    array([0.5, 0.5, 0. , 0. ])
    """
    name = "simplex.topk_softmax"
    values = scores(name, "x", x)
    at = axis_of(name, "x", values, axis)
    count = whole(name, "k", k, 1)
    scale = 1 / positive(name, "temperature", temperature)
    if where is not None:
        values = masked(name, values, where)
    kind = "topk" if count < values.shape[at] else "softmax"
    return run(name, kind, values, at, out=out, threads=threads, scale=scale, count=count)


def nucleus_softmax(
    x: npt.ArrayLike,
    mass: float,
    *,
    axis: int = -1,
    temperature: float = 1.0,
    where: npt.ArrayLike | None = None,
    out: Array | None = None,
    threads: int = 1,
) -> Array:
    """Softmax over the fewest largest scores that have at least ``mass`` of the probability ("top-p"), 0 elsewhere.

    >>> nucleus_softmax(np.log([0.5, 0.3, 0.2]), 0.7).round(12)
    array([0.625, 0.375, 0.   ])
    """
    name = "simplex.nucleus_softmax"
    values = scores(name, "x", x)
    at = axis_of(name, "x", values, axis)
    share = float(mass)
    if not 0 < share <= 1:
        raise ValueError(f"{name}: mass must be above 0 and at most 1, is {share}")
    scale = 1 / positive(name, "temperature", temperature)
    if where is not None:
        values = masked(name, values, where)
    kind = "nucleus" if share < 1 else "softmax"
    return run(name, kind, values, at, out=out, threads=threads, scale=scale, mass=share)


def entmax_vjp(
    p: npt.ArrayLike,
    grad: npt.ArrayLike,
    alpha: float = 1.5,
    *,
    axis: int = -1,
    temperature: float = 1.0,
    out: Array | None = None,
    threads: int = 1,
) -> Array:
    """The gradient for x from that for ``p = entmax(x, alpha)``: ``s (g - <g, s> / sum s) / T``, s = p^(2 - alpha).

    The Jacobian is symmetric: this is also the tangent of p for a tangent of x.

    >>> entmax_vjp(np.array([0.5, 0.5, 0.0]), np.array([1.0, 0.0, 9.0]), 2.0)
    array([ 0.5, -0.5,  0. ])
    """
    where = "simplex.entmax_vjp"
    first, second = pair(where, "p", p, grad)
    scale = 1 / positive(where, "temperature", temperature)
    at = axis_of(where, "p", first, axis)
    power = _power(where, alpha)
    return run(
        where,
        "softmax_vjp" if power == 1 else "entmax_vjp",
        first,
        at,
        other=second,
        out=out,
        threads=threads,
        scale=scale,
        alpha=power,
        in_double=power > 2,
    )


entmax_jvp = entmax_vjp


def sparsemax_vjp(
    p: npt.ArrayLike,
    grad: npt.ArrayLike,
    *,
    axis: int = -1,
    temperature: float = 1.0,
    out: Array | None = None,
    threads: int = 1,
) -> Array:
    """The gradient for x from that for ``p = sparsemax(x)``: on the support, grad less its mean there, over T.

    >>> sparsemax_vjp(np.array([0.5, 0.5, 0.0]), np.array([1.0, 0.0, 9.0]))
    array([ 0.5, -0.5,  0. ])
    """
    return entmax_vjp(p, grad, 2.0, axis=axis, temperature=temperature, out=out, threads=threads)


sparsemax_jvp = sparsemax_vjp


def entmax_alpha_jvp(p: npt.ArrayLike, alpha: float, *, axis: int = -1) -> Array:
    """``dp / dalpha`` of ``p = entmax(x, alpha)``, from p alone; smooth towards alpha = 1.

    With l = log p, beta = alpha - 1, s = p^(1 - beta): ``-p f + s sum(p f) / sum s``,
    ``f = (e^(-beta l) - 1 + beta l) / beta^2``, which is l^2 / 2 at beta = 0.

    >>> entmax_alpha_jvp(np.array([0.5, 0.5]), 1.5)
    array([0., 0.])
    """
    where = "simplex.entmax_alpha_jvp"
    values = scores(where, "p", p)
    axis_of(where, "p", values, axis)
    beta = _power(where, alpha) - 1
    wide = values.astype(np.float64)
    inside = wide > 0
    logs = np.log(np.where(inside, wide, 1.0))
    w = -beta * logs
    series = sum(w**k / math.factorial(k + 2) for k in range(9))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        closed = (np.expm1(w) - w) / w**2
    f = logs**2 * np.where(w < 0.5, series, closed)
    s = np.where(inside, wide * np.exp(w), 0.0)
    pf = wide * f
    total = s.sum(axis, keepdims=True)
    result = s * (pf.sum(axis, keepdims=True) / np.where(total > 0, total, 1.0)) - pf
    return np.asarray(result.astype(values.dtype))


def entmax_alpha_vjp(p: npt.ArrayLike, grad: npt.ArrayLike, alpha: float, *, axis: int = -1) -> Array:
    """The gradient for alpha, a row: ``<grad, dp / dalpha>``.

    >>> float(entmax_alpha_vjp(np.array([0.5, 0.5]), np.array([1.0, 2.0]), 1.5))
    0.0
    """
    first, second = pair("simplex.entmax_alpha_vjp", "p", p, grad)
    slope = entmax_alpha_jvp(first.astype(np.float64), alpha, axis=axis)
    return np.asarray((slope * np.where(slope != 0, second, 0)).sum(axis))[()]
