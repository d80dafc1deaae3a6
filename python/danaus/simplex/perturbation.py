"""Probabilities of being the largest once noise is added."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ._run import Array, axis_of, positive, run, scores
from .exponential import softmax

_NOISES = {"logistic": 0.0, "normal": 1.0, "exponential": 2.0}


def _nodes(noise: str, n: int) -> tuple[Array, Array]:
    """Values of the maximum, relative to the largest score, and their weights."""
    if noise == "exponential":
        # exact from n / 2 nodes on; the integrand falls like e^(-n u) at the fastest, for which 3 sqrt(n) do
        count = min(-(-n // 2), 16 + math.ceil(3 * math.sqrt(n)))
        at, weight = np.polynomial.legendre.leggauss(count)
        return (at + 1) / 2, weight / 2
    spread = math.log(n)
    if noise == "logistic":
        low, high, step = -40.0, 40.0 + spread, 0.3
    else:
        low, high, step = -9.0, 9.0 + math.sqrt(2 * spread) / 2, 0.16 / math.sqrt(1 + spread)
    nodes = np.arange(low, high, step)
    return nodes, np.full(len(nodes), step)


def perturb_max(
    x: npt.ArrayLike,
    noise: str = "gumbel",
    *,
    axis: int = -1,
    scale: float = 1.0,
    out: Array | None = None,
    threads: int = 1,
) -> Array:
    """``P(x_i + scale e_i is the largest)`` for independent noise e: exactly, not by drawing it.

    ``noise``: ``"gumbel"`` (which is softmax), ``"logistic"``, ``"normal"`` or ``"exponential"``. One integral over the
    value of the maximum, with nodes that all scores share: O(n K), to 1e-13 in double precision.

    >>> perturb_max(np.array([0.0, 1.0]), "normal").round(6)       # the second: Phi(1 / sqrt 2)
    array([0.23975, 0.76025])
    """
    where = "simplex.perturb_max"
    values = scores(where, "x", x)
    at = axis_of(where, "x", values, axis)
    width = positive(where, "scale", scale)
    if noise == "gumbel":
        return softmax(values, axis=at, temperature=width, out=out, threads=threads)
    if noise not in _NOISES:
        raise ValueError(f"{where}: noise must be gumbel, logistic, normal or exponential, is {noise!r}")
    nodes, weights = _nodes(noise, max(values.shape[at], 1))
    line = np.concatenate([nodes, weights])
    line = line.reshape([-1 if i == at else 1 for i in range(values.ndim)])
    wide = np.broadcast_to(line, [len(line.ravel()) if i == at else e for i, e in enumerate(values.shape)])
    return run(
        where,
        "perturb",
        values,
        at,
        other=wide,
        out=out,
        threads=threads,
        scale=1 / width,
        alpha=_NOISES[noise],
        count=len(nodes),
    )
