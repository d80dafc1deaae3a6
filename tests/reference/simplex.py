# SPDX-License-Identifier: Apache-2.0
"""Maps onto the simplex from their definitions: one row at a time, sorted, in long double or by bisection."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def softmax(x: Array, temperature: float = 1.0, sink: float = -np.inf) -> npt.NDArray[np.longdouble]:
    """In long double, of any offset.

    >>> softmax(np.zeros(2)).astype(float)
    array([0.5, 0.5])
    """
    wide = np.asarray(x, np.longdouble) / np.longdouble(temperature)
    last = np.longdouble(sink) / np.longdouble(temperature)
    top = max(wide.max(), last)
    e = np.exp(wide - top)
    return e / (e.sum() + np.exp(last - top))


def log_softmax(x: Array, temperature: float = 1.0) -> npt.NDArray[np.longdouble]:
    """The largest left out of the sum, so that log1p keeps what is small.

    >>> float(log_softmax(np.array([0.0, -80.0]))[0])
    -1.8048513878454153e-35
    """
    wide = np.asarray(x, np.longdouble) / np.longdouble(temperature)
    at = int(wide.argmax())
    e = np.exp(wide - wide[at])
    e[at] = 0
    return (wide - wide[at]) - np.log1p(e.sum())


def sparsemax(x: Array) -> Array:
    """By a full sort (Held, Wolfe & Crowder 1974).

    >>> sparsemax(np.array([1.0, 0.0, -3.0]))
    array([1., 0., 0.])
    """
    wide = np.asarray(x, np.longdouble)
    z = np.sort(wide - wide.max())[::-1]
    sums = z.cumsum()
    k = np.arange(1, len(z) + 1)
    count = int(k[1 + k * z > sums][-1])
    tau = (sums[count - 1] - 1) / count
    return np.maximum(wide - wide.max() - tau, 0).astype(np.float64)


def entmax(x: Array, alpha: float) -> Array:
    """By 75 bisections of the threshold in long double, normalised at the end.

    >>> entmax(np.array([0.0, 0.0]), 1.3)
    array([0.5, 0.5])
    """
    beta = np.longdouble(alpha) - 1
    z = beta * (np.asarray(x, np.longdouble) - np.max(x))
    low, high = np.longdouble(-1), np.longdouble(0)
    for _ in range(75):
        middle = (low + high) / 2
        total = (np.maximum(z - middle, 0) ** (1 / beta)).sum()
        low, high = (middle, high) if total > 1 else (low, middle)
    p = np.maximum(z - low, 0) ** (1 / beta)
    return (p / p.sum()).astype(np.float64)


def kept(x: Array, k: int) -> npt.NDArray[np.intp]:
    """Indices of the k largest, the lower index first among equals.

    >>> kept(np.array([1.0, 1.0, 1.0]), 2).tolist()
    [0, 1]
    """
    return np.argsort(-np.asarray(x), kind="stable")[:k]


def topk_softmax(x: Array, k: int) -> Array:
    """The softmax of what is kept.

    >>> topk_softmax(np.array([0.0, 1.0, 1.0]), 2)
    array([0. , 0.5, 0.5])
    """
    order = kept(x, k)
    p = np.zeros(len(x))
    p[order] = softmax(np.asarray(x)[order])
    return p


def nucleus_softmax(x: Array, mass: float) -> Array:
    """The shortest sorted prefix with the mass.

    >>> nucleus_softmax(np.log([0.5, 0.25, 0.25]), 0.6).round(6)
    array([0.666667, 0.333333, 0.      ])
    """
    order = np.argsort(-np.asarray(x), kind="stable")
    sums = np.cumsum(softmax(np.asarray(x))[order])
    return topk_softmax(x, int(np.searchsorted(sums, mass * sums[-1])) + 1)


def jacobian(f: object, x: Array, step: float = 1e-6) -> Array:
    """The matrix d f_i / d x_j by central differences.

    >>> jacobian(lambda x: x, np.zeros(2)).round(9)
    array([[1., 0.],
           [0., 1.]])
    """
    columns = [(f(x + step * e) - f(x - step * e)) / (2 * step) for e in np.eye(len(x))]  # type: ignore[operator]
    return np.stack(columns, 1)
