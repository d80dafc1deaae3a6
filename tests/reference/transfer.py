# SPDX-License-Identifier: Apache-2.0
"""Rational transfer functions from their formula: slow and obviously right.

Per channel, ``H(z) = h0 + (b_1 z^-1 + ... + b_N z^-N) / (1 + a_1 z^-1 + ... + a_N z^-N)``, that is

    y_t = h0 u_t + v_t,   v_t = sum_i b_i u_{t-i} - a_i v_{t-i}.
"""

from __future__ import annotations

import mpmath
import numpy as np


def scan(b, a, h0, u):
    """``y`` ``(L, H)`` of ``u`` ``(L, H)``; b, a ``(H, N)``, h0 ``(H,)``; in double precision, tap by tap.

    >>> scan(np.array([[1.0]]), np.array([[-0.5]]), np.array([2.0]), np.array([[1.0], [0.0], [0.0]])).ravel()
    array([2. , 1. , 0.5])
    """
    b, a, u = np.asarray(b, float), np.asarray(a, float), np.asarray(u, float)
    v = np.zeros(u.shape)
    for t in range(len(u)):
        for i in range(1, min(t, b.shape[1]) + 1):
            v[t] += b[:, i - 1] * u[t - i] - a[:, i - 1] * v[t - i]
    return v + np.asarray(h0) * u


def kernel(b, a, h0, length, digits=40):
    """The impulse response of one channel (b, a ``(N,)``) with `digits` decimal digits, rounded once.

    >>> kernel([1.0], [-0.5], 2.0, 4)
    array([2.  , 1.  , 0.5 , 0.25])
    """
    with mpmath.workdps(digits):
        b, a = ([mpmath.mpf(float(x)) for x in values] for values in (b, a))
        h = [mpmath.mpf(0)]
        for n in range(1, length):
            value = b[n - 1] if n <= len(b) else mpmath.mpf(0)
            h.append(value - sum(a[i - 1] * h[n - i] for i in range(1, min(n, len(a) + 1))))
        h[0] = mpmath.mpf(float(h0))
        return np.array([float(x) for x in h[:length]])


def trained_kernel(b, a, h0, length, digits=40):
    """What an RTF layer trained at `length` samples convolves with, one channel: every root of unity by itself.

    The first `length` samples of the inverse transform of ``h0 + B / A`` over P = length + length % 2 points, where
    the transforms of the coefficients are cut off at P of them.

    >>> trained_kernel([0.5], [0.0], 1.0, 3)
    array([1. , 0.5, 0. ])
    """
    points = length + length % 2
    with mpmath.workdps(digits):
        b, a = ([mpmath.mpf(float(x)) for x in values] for values in ([0.0, *b], [1.0, *a]))
        b, a = b[:points], a[:points]
        roots = [mpmath.expjpi(mpmath.mpf(-2 * i) / points) for i in range(points)]

        def transform(values, sign):
            return [mpmath.fsum(x * roots[sign * i * k % points] for i, x in enumerate(values)) for k in range(points)]

        ratio = [mpmath.mpf(float(h0)) + x / y for x, y in zip(transform(b, 1), transform(a, 1), strict=True)]
        k = [mpmath.re(x) / points for x in transform(ratio, -1)]
        return np.array([float(x) for x in k[:length]])


def state(b, a, inputs, outputs):
    """``s_j``, j in [0, N), of one channel after its inputs and its outputs without h0 u: what they add to the future.

    >>> state(np.array([1.0, 3.0]), np.array([0.0, 0.0]), np.array([5.0, 2.0]), np.zeros(2))
    array([17.,  6.])
    """
    n, length = len(b), len(inputs)
    s = np.zeros(n)
    for j in range(n):
        for i in range(j + 1, n + 1):
            t = length + j - i
            if t >= 0:
                s[j] += b[i - 1] * inputs[t] - a[i - 1] * outputs[t]
    return s
