# SPDX-License-Identifier: Apache-2.0
"""Diagonal layers of many inputs and outputs from their formulas, in double precision: slow and obviously right."""

from __future__ import annotations

import numpy as np
import scipy.linalg


def discretize(lam, b, dt, method="zoh"):
    """``(lambda_bar, B_bar)`` by dense functions of diag(lambda): lam, dt ``(P,)``, b ``(P, H)``.

    zoh: the exponential of [[lambda, 1], [0, 0]] dt, its last column times b; bilinear: solves with 1 - dt lambda / 2.

    >>> discretize(np.array([-1.0]), np.array([[1.0]]), np.array([2.0]), "bilinear")
    (array([0.+0.j]), array([[1.+0.j]]))
    """
    poles, gains = [], []
    for pole, row, step in zip(np.asarray(lam, complex), np.asarray(b, complex), dt, strict=True):
        if method == "zoh":
            moved = scipy.linalg.expm(np.array([[pole, 1], [0, 0]]) * step)
            poles.append(moved[0, 0])
            gains.append(moved[0, 1] * row)
        else:
            half = 1 - step * pole / 2
            poles.append((1 + step * pole / 2) / half)
            gains.append(step * row / half)
    return np.array(poles), np.array(gains)


def scan(a_bar, b_bar, c, d, u):
    """``y`` ``(L, H_out)``: x_k = a_bar x_{k-1} + B_bar u_k, y_k = 2 Re(C x_k) + d u_k.

    >>> scan(np.array([0.5]), np.array([[1.0]]), np.array([[0.5]]), 0.0, np.array([[1.0], [1.0]])).ravel()
    array([1. , 1.5])
    """
    x, y = np.zeros(len(a_bar), complex), []
    for sample in np.asarray(u, float):
        x = a_bar * x + b_bar @ sample
        y.append(2 * (c @ x).real + d * sample if np.size(d) and np.any(d) else 2 * (c @ x).real)
    return np.array(y)


def kernel(a_bar, b_bar, c, length):
    """``K[o, h, l] = 2 Re(sum_n c_on a_bar_n^l b_bar_nh)``."""
    powers = np.asarray(a_bar)[:, None] ** np.arange(length)
    return 2 * np.einsum("on,nl,nh->ohl", c, powers, b_bar).real
