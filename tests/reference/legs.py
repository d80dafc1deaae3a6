# SPDX-License-Identifier: Apache-2.0
"""The exact LegS memory in closed form: slow and obviously right.

A signal holds ``u[k]`` until ``times[k]``, from 0 on. With b = 2 t / T - 1 and
Q_n = (P_{n+1} - P_{n-1}) / (2n + 1), Q_0 = P_1, the integral of P_n,

    x_n = (r_n / 2) sum_k u_k [Q_n(b_{k+1}) - Q_n(b_k)],  r_n = sqrt(2n + 1).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import mpmath
import numpy as np


def _edges(length: int, times: np.ndarray | None) -> np.ndarray:
    ends = np.arange(1.0, length + 1) if times is None else np.asarray(times, dtype=np.float64)
    return np.concatenate([[0.0], ends])


def _legendre(n: int, x: np.ndarray) -> Iterator[np.ndarray]:
    """P_0 .. P_n at x, one after the other."""
    before, now = np.zeros_like(x), np.ones_like(x)
    for k in range(n + 1):
        yield now
        before, now = now, ((2 * k + 1) * x * now - k * before) / (k + 1)


def coefficients(u: np.ndarray, n: int, times: np.ndarray | None = None) -> np.ndarray:
    """Coefficients ``(channels, n)`` of ``u`` ``(L,)`` or ``(L, channels)``; sums are exact, memory is O(L).

    >>> coefficients(np.array([1.0, 3.0]), 2).round(6)
    array([[2.      , 0.866025]])
    """
    u = np.asarray(u, dtype=np.float64).reshape(len(u), -1)
    edges = _edges(len(u), times)
    end = edges[-1]
    p = _legendre(n, (edges - (end - edges)) / end)
    below, here = np.zeros_like(edges), next(p)
    x = np.empty((u.shape[1], n))
    for k, above in enumerate(p):
        step = np.diff((above - below) / (2 * k + 1))
        for c in range(u.shape[1]):
            x[c, k] = 0.5 * math.sqrt(2 * k + 1) * math.fsum(u[:, c] * step)
        below, here = here, above
    return x


def coefficients_mp(u: np.ndarray, n: int, times: np.ndarray | None = None, digits: int = 40) -> np.ndarray:
    """The same with `digits` decimal digits throughout, rounded once at the end.

    >>> bool(np.allclose(coefficients_mp(np.array([1.0, 3.0]), 2), [[2, 0.75**0.5]], rtol=1e-15))
    True
    """
    u = np.asarray(u, dtype=np.float64).reshape(len(u), -1)
    with mpmath.workdps(digits):
        edges = [mpmath.mpf(float(t)) for t in _edges(len(u), times)]
        p = [[mpmath.mpf(1), 2 * t / edges[-1] - 1] for t in edges]
        for row in p:
            for k in range(1, n):
                row.append(((2 * k + 1) * row[1] * row[k] - k * row[k - 1]) / (k + 1))
        x = np.empty((u.shape[1], n))
        for k in range(n):
            q = [row[1] if k == 0 else (row[k + 1] - row[k - 1]) / (2 * k + 1) for row in p]
            for c in range(u.shape[1]):
                held = mpmath.fsum(mpmath.mpf(float(s)) * (q[i + 1] - q[i]) for i, s in enumerate(u[:, c]))
                x[c, k] = float(mpmath.sqrt(2 * k + 1) / 2 * held)
    return x


def reconstruct(x: np.ndarray, end: float, times: np.ndarray) -> np.ndarray:
    """u(s) = sum_n x_n r_n P_n(2 s / end - 1), shape ``(len(times), channels)``.

    >>> reconstruct(np.array([[2.0, 0.75**0.5]]), 2.0, np.array([0.0, 1.0, 2.0])).ravel()
    array([0.5, 2. , 3.5])
    """
    x = np.asarray(x, dtype=np.float64)
    n = x.shape[1]
    p = np.stack(list(_legendre(n - 1, 2 * np.asarray(times, dtype=np.float64) / end - 1)))
    return ((x * np.sqrt(2.0 * np.arange(n) + 1)) @ p).T
