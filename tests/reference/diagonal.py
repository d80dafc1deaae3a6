# SPDX-License-Identifier: Apache-2.0
"""Diagonal state-space layers from their formulas: slow and obviously right.

Per channel, over one of each conjugate pair of modes,

    x_k = a_bar x_{k-1} + b_bar u_k,   y_k = 2 Re(sum_n c_n x_k,n) + d u_k,
    K_l = 2 Re(sum_n c_n b_bar_n a_bar_n^l).
"""

from __future__ import annotations

import mpmath
import numpy as np


def discretize(a, b, dt, method="zoh", length=None):
    """``(a_bar, b_bar)`` of x' = a x + b u, shapes ``(H, N)``; dt ``(H,)``.

    zoh: a_bar = exp(dt a), b_bar = (a_bar - 1) / a b. bilinear: a_bar = (1 + dt a / 2) / (1 - dt a / 2),
    b_bar = dt b / (1 - dt a / 2). dss: as zoh, and b_bar divided by (exp(dt a length) - 1), where 1 / x is
    conj(x) / (|x|^2 + 1e-7) with x = a (exp(dt a length) - 1).

    >>> a_bar, b_bar = discretize(np.array([[-1.0 + 0j]]), np.array([[1.0 + 0j]]), np.array([1.0]))
    >>> a_bar.round(6).item(), b_bar.round(6).item()
    ((0.367879+0j), (0.632121+0j))
    """
    a, b, dt = np.asarray(a, complex), np.asarray(b, complex), np.asarray(dt, float)[:, None]
    if method == "bilinear":
        return (1 + dt * a / 2) / (1 - dt * a / 2), dt * b / (1 - dt * a / 2)
    a_bar = np.exp(dt * a)
    if method == "dss":
        x = a * (np.exp(dt * a * length) - 1)
        return a_bar, b * (a_bar - 1) * x.conj() / (np.abs(x) ** 2 + 1e-7)
    with np.errstate(invalid="ignore", divide="ignore"):
        return a_bar, np.where(a == 0, dt, (a_bar - 1) / a) * b


def kernel(a_bar, b_bar, c, length):
    """``K`` ``(H, length)`` in double precision, every power by itself.

    >>> kernel(np.array([[0.5]]), np.array([[1.0]]), np.array([[1.0]]), 3)
    array([[2. , 1. , 0.5]])
    """
    lags = np.arange(length)
    with np.errstate(divide="ignore"):
        log = np.log(np.asarray(a_bar, complex))
    out = np.zeros((log.shape[0], length))
    for h in range(log.shape[0]):
        for n in range(log.shape[1]):
            with np.errstate(invalid="ignore"):
                power = np.exp(log[h, n] * lags) if np.isfinite(log[h, n]) else (lags == 0).astype(complex)
            out[h] += 2 * (c[h, n] * b_bar[h, n] * power).real
    return out


def kernel_mp(a, b, c, dt, lags, method="zoh", length=None, digits=40):
    """``K`` of one channel (a, b, c ``(N,)``) at the lags, with `digits` decimal digits, rounded once.

    >>> kernel_mp([-1.0], [1.0], [0.5], 1.0, [0]).round(12)
    array([0.63212056])
    """
    with mpmath.workdps(digits):
        total = [mpmath.mpf(0) for _ in lags]
        step = mpmath.mpf(float(dt))
        for pole, gain, weight in zip(a, b, c, strict=True):
            pole, gain, weight = mpmath.mpc(complex(pole)), mpmath.mpc(complex(gain)), mpmath.mpc(complex(weight))
            z = step * pole
            if method == "bilinear":
                a_bar, b_bar = (1 + z / 2) / (1 - z / 2), step * gain / (1 - z / 2)
            elif method == "dss":
                x = pole * (mpmath.exp(z * length) - 1)
                eps = mpmath.mpf(1e-7)
                a_bar = mpmath.exp(z)
                b_bar = gain * (a_bar - 1) * mpmath.conj(x) / (abs(x) ** 2 + eps)
            else:
                a_bar = mpmath.exp(z)
                b_bar = gain * (a_bar - 1) / pole if pole != 0 else gain * step
            for i, lag in enumerate(lags):
                total[i] += 2 * mpmath.re(weight * b_bar * a_bar ** int(lag))
        return np.array([float(value) for value in total])


def scan(a_bar, b_bar, c, d, u, states=False):
    """``y`` ``(L, H)`` of ``u`` ``(L, H)``, sample by sample; with `states` also the largest |x| ``(H, N)``.

    >>> scan(np.array([[0.5]]), np.array([[1.0]]), np.array([[0.5]]), np.zeros(1), np.array([[1.0], [1.0]])).ravel()
    array([1. , 1.5])
    """
    x = np.zeros(np.shape(a_bar), complex)
    y = np.zeros(np.shape(u))
    largest = np.zeros(x.shape)
    for t in range(len(u)):
        x = a_bar * x + b_bar * np.asarray(u[t], float)[:, None]
        largest = np.maximum(largest, np.abs(x))
        y[t] = 2 * (c * x).sum(1).real + d * u[t]
    return (y, largest) if states else y


def convolve(k, u):
    """``y_t = sum_l k_l u_{t-l}`` per channel: k ``(H, K)``, u ``(L, H)``; the definition, in double precision.

    >>> convolve(np.array([[1.0, 0.5]]), np.array([[1.0], [0.0], [2.0]])).ravel()
    array([1. , 0.5, 2. ])
    """
    u = np.asarray(u, float)
    k = np.asarray(k, float)
    y = np.zeros_like(u)
    for lag in range(min(k.shape[1], len(u))):
        y[lag:] += k[:, lag] * u[: len(u) - lag]
    return y
