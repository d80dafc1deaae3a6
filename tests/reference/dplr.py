# SPDX-License-Identifier: Apache-2.0
"""Diagonal plus low rank layers from their formulas, dense and in double precision: slow and obviously right.

A system is the real (A, B, C) of x' = A x + B u, y = C x, or one half of its spectrum (lambda, p, q, b, c), for which
A = diag(lambda) - sum_r p_r q_r^* on both halves.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg


def legs(n):
    """``(A, B, P)`` of HiPPO-LegS as S4 uses it: A + P P^T + I / 2 is skew, P ``(1, n)``.

    >>> A, B, P = legs(2)
    >>> np.abs(A + P.T @ P + np.eye(2) / 2).round(6)
    array([[0.      , 0.866025],
           [0.866025, 0.      ]])
    """
    r = np.sqrt(2 * np.arange(n) + 1.0)
    return -np.tril(np.outer(r, r), -1) - np.diag(np.arange(n) + 1.0), r, r[None] / np.sqrt(2)


def legt(n):
    """``(A, B, P)`` of HiPPO-LegT, window 1: A + P^T P is skew, P ``(2, n)``.

    >>> A, B, P = legt(3)
    >>> M = A + P.T @ P
    >>> bool(np.allclose(M, -M.T))
    True
    """
    k = np.arange(n)
    r, sign = np.sqrt(2 * k + 1.0), (-1.0) ** k
    a = -np.outer(r, r) * np.where(k[None] <= k[:, None], 1.0, np.outer(sign, sign))
    return a, r, np.stack([r * (k % 2 == 0), r * (k % 2 == 1)])


def half_spectrum(a, b, p, c):
    """``(lambda, p, b, c)`` with A = V (diag(lambda) - p p^*) V^*, of each conjugate pair the one above the real axis.

    p ``(rank, n)``, c ``(..., n)``.

    >>> lam, p, b, c = half_spectrum(*legs(2)[:2], legs(2)[2], np.eye(2))
    >>> lam.round(6), bool(np.allclose(b, np.sqrt(2) * p[0]))
    (array([-0.5+0.866025j]), True)
    """
    skew = a + p.T @ p
    shift = np.diag(skew).mean()
    values, vectors = scipy.linalg.eigh(-1j * (skew - shift * np.eye(len(a))))
    keep = values > 0
    v = vectors[:, keep]
    return shift + 1j * values[keep], p @ v.conj(), v.conj().T @ b, c @ v


def full_spectrum(lam, p, q, b, c):
    """The complex ``(A, B, C)`` on both halves of the spectrum, from one: p, q ``(rank, n)``."""
    both = [np.concatenate([x, x.conj()], -1) for x in (lam, p, q, b, c)]
    return np.diag(both[0]) - both[1].T @ both[2].conj(), both[3], both[4]


def bilinear(a, b, dt):
    """``(A_bar, B_bar)``: A_bar = (I - dt A / 2)^-1 (I + dt A / 2), B_bar = (I - dt A / 2)^-1 dt B.

    >>> bilinear(np.array([[-1.0]]), np.array([1.0]), 2.0)
    (array([[0.]]), array([1.]))
    """
    half = np.eye(len(a)) - dt / 2 * a
    return np.linalg.solve(half, np.eye(len(a)) + dt / 2 * a), np.linalg.solve(half, dt * b)


def kernel(a_bar, b_bar, c, length):
    """``K_l = C A_bar^l B_bar``, one product after the other; columns of a matrix of powers where it is long.

    >>> kernel(np.array([[0.5]]), np.array([1.0]), np.array([2.0]), 3)
    array([2. , 1. , 0.5])
    """
    width = max(1, int(np.sqrt(length)))
    columns = [b_bar]
    for _ in range(width - 1):
        columns.append(a_bar @ columns[-1])
    columns = np.stack(columns, 1)
    jump = np.linalg.matrix_power(a_bar, width)
    rows, row = [], c
    for _ in range(-(-length // width)):
        rows.append(row @ columns)
        row = row @ jump
    return np.concatenate(rows).real[:length] if rows else np.zeros(0)


def scan(a_bar, b_bar, c, d, u):
    """``y_k = C x_k + d u_k``, ``x_k = A_bar x_{k-1} + B_bar u_k`` for one channel, ``u`` ``(L,)``."""
    x, y = np.zeros(len(b_bar), complex), np.zeros(len(u))
    for k, sample in enumerate(np.asarray(u, float)):
        x = a_bar @ x + b_bar * sample
        y[k] = (c @ x).real + d * sample
    return y
