# SPDX-License-Identifier: Apache-2.0
"""Windows and decays, dense and slow: x' = A x + B u in float64 with matrices written from the formulas.

Matrices are those of the papers at theta = 1; a step of h is taken with h / theta. Everything is a plain
NumPy or SciPy call on an (N, N) matrix.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.linalg
from scipy.special import binom, eval_genlaguerre, eval_legendre, gamma, gammaln


def matrices(measure: str, n: int, alpha: float = 0.0, beta: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """A ``(n, n)`` and B ``(n,)`` of x' = A x + B u for a window of 1.

    >>> matrices("lagt", 2)[0].tolist()
    [[-0.5, -0.0], [-1.0, -0.5]]
    """
    i = np.arange(n)
    row, column = i[:, None], i[None, :]
    r = np.sqrt(2 * i + 1.0)
    sign = np.where((row - column) % 2 == 0, 1.0, -1.0)
    if measure == "legt":
        return -r[:, None] * r * np.where(column <= row, 1.0, sign), r
    if measure == "lmu":
        return (2 * row + 1) * np.where(row < column, -1.0, -sign), (-1.0) ** i * (2 * i + 1)
    if measure in ("lagt", "tlagt", "glagt"):
        tilt = 0.0 if measure == "lagt" else beta
        lower = -np.tril(np.ones((n, n)), -1) - (1 + tilt) / 2 * np.eye(n)
        if measure == "lagt":
            return lower, np.ones(n)
        if measure == "tlagt":
            return lower, np.full(n, beta)
        s = np.exp(0.5 * (gammaln(i + alpha + 1) - gammaln(i + 1)))
        c = beta ** ((1 - alpha) / 2) / math.sqrt(gamma(1 - alpha))
        return lower * s / s[:, None], c * binom(i + alpha, i) / s
    phi = np.where(i % 2 == 0, math.sqrt(2), 0.0)
    phi[0] = 1
    turn = np.zeros((n, n))
    for k in range(1, n // 2):
        turn[2 * k, 2 * k + 1], turn[2 * k + 1, 2 * k] = -2 * np.pi * k, 2 * np.pi * k
    if measure == "fout":
        return turn - 2 * np.outer(phi, phi), 2 * phi
    if measure == "fourier_decay":
        return turn - np.outer(phi, phi), phi
    return turn - 0.5 * np.eye(n), phi  # foud


def discrete(a: np.ndarray, b: np.ndarray, h: float, method: str | float) -> tuple[np.ndarray, np.ndarray]:
    """Ad and Bd of one step h.

    >>> discrete(np.array([[-1.0]]), np.array([1.0]), 1.0, "backward_euler")
    (array([[0.5]]), array([0.5]))
    """
    n, eye = len(b), np.eye(len(b))
    if method == "exact":
        whole = np.zeros((n + 1, n + 1))
        whole[:n, :n], whole[:n, n] = h * a, h * b
        e = scipy.linalg.expm(whole)
        return e[:n, :n], e[:n, n]
    alpha = {"bilinear": 0.5, "backward_euler": 1.0, "forward_euler": 0.0}.get(method, method)
    left = eye - alpha * h * a
    return np.linalg.solve(left, eye + (1 - alpha) * h * a), np.linalg.solve(left, h * b)


def states(ad: np.ndarray, bd: np.ndarray, u: np.ndarray, x0: np.ndarray | None = None) -> np.ndarray:
    """The states ``(L, H, N)`` after each sample of ``u`` ``(L, H)``; any dtype, complex steps included.

    >>> states(np.array([[0.5]]), np.array([1.0]), np.ones((3, 1))).ravel().tolist()
    [1.0, 1.5, 1.75]
    """
    x = np.zeros((u.shape[1], len(bd))) if x0 is None else x0
    out = []
    for row in u:
        x = x @ ad.T + row[:, None] * bd
        out.append(x)
    return np.array(out)


def basis(measure: str, n: int, age: np.ndarray, alpha: float = 0.0, beta: float = 1.0) -> np.ndarray:
    """``(len(age), n)``: u(t - age) is about ``basis @ x``.

    >>> basis("lmu", 2, np.array([0.25])).tolist()
    [[1.0, -0.5]]
    """
    i = np.arange(n)
    age = age[:, None]
    if measure == "legt":
        return np.sqrt(2 * i + 1) * eval_legendre(i, 1 - 2 * age)
    if measure == "lmu":
        return eval_legendre(i, 2 * age - 1)
    if measure == "lagt":
        return np.exp(-age / 2) * eval_genlaguerre(i, 0.0, age)
    if measure == "tlagt":
        return np.exp(-(1 - beta) * age / 2) * eval_genlaguerre(i, 0.0, age) / beta
    if measure == "glagt":
        c = beta ** ((1 - alpha) / 2) / math.sqrt(gamma(1 - alpha))
        norm = np.exp(0.5 * (gammaln(i + alpha + 1) - gammaln(i + 1)))
        return age**alpha * np.exp(-(1 - beta) * age / 2) * eval_genlaguerre(i, alpha, age) / norm / c
    angle = 2 * np.pi * (i // 2) * age
    phi = math.sqrt(2) * np.where(i % 2 == 0, np.cos(angle), np.sin(angle))
    phi[:, 0] = 1
    return phi * np.exp(age / 2) * (1 - math.exp(-0.5)) if measure == "foud" else phi


def fous(n: int) -> np.ndarray:
    """A ``(n, n)`` of x' = (A x + 1 u) / t, frequencies -M to M.

    >>> fous(3).real[2].tolist()
    [-0.5, -1.0, -1.0]
    """
    m = np.arange(n) - n // 2
    away = (m[:, None] - m).astype(float)
    np.fill_diagonal(away, 1)
    a = -(m[:, None] / away).astype(complex)
    np.fill_diagonal(a, 1j * np.pi * m - 1)
    return a
