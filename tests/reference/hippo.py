# SPDX-License-Identifier: Apache-2.0
"""HiPPO systems from what they are made for, by quadrature and in many digits: slow and obviously right.

A measure keeps x_m(t) = integral of u against functions psi_m, and gives u back as sum x_m chi_m. Both are written down
here; A and B follow from differentiating the integral, never from a formula for a matrix.
"""

from __future__ import annotations

import functools

import mpmath
import numpy as np
import scipy.special


def legendre(n, x):
    """``(n, len(x))`` of sqrt(2m + 1) P_m(x), and of its derivative."""
    p, slope = np.ones((n, len(x)), x.dtype), np.zeros((n, len(x)), x.dtype)
    for m in range(1, n):
        before = p[m - 2] if m > 1 else 0
        p[m] = ((2 * m - 1) * x * p[m - 1] - (m - 1) * before) / m
        slope[m] = m * p[m - 1] + x * slope[m - 1]
    r = np.sqrt((2 * np.arange(n) + 1).astype(x.dtype))[:, None]
    return r * p, r * slope


def fourier(n, z):
    """``(n, len(z))`` of 1, 0, sqrt2 cos 2 pi z, sqrt2 sin 2 pi z, ..., and of its derivative."""
    k = (np.arange(n) // 2)[:, None]
    angle, sine = 2 * np.pi * k * z, (np.arange(n) % 2 == 1)[:, None]
    scale = np.where(k == 0, 1, np.sqrt(2))
    value = scale * np.where(sine, np.sin(angle), np.cos(angle))
    slope = scale * 2 * np.pi * k * np.where(sine, np.cos(angle), -np.sin(angle))
    return value, slope


def waves(n, z):
    """``(n, len(z))`` of exp(2 pi i m z), m = -M ... M, and of its derivative."""
    m = (np.arange(n) - n // 2)[:, None]
    value = np.exp(2j * np.pi * m * z)
    return value, 2j * np.pi * m * value


@functools.cache
def points(n):
    """Nodes and weights on [0, 1], exact for polynomials of degree 2 n - 1.

    In extended precision: the derivatives of polynomials of degree n make n^2 of an error of the nodes.

    >>> z, w = points(3)
    >>> round(float(w @ z**5), 12)
    0.166666666667
    """
    x = -np.cos(np.pi * (np.arange(n, dtype=np.longdouble) + 0.75) / (n + 0.5))
    for _ in range(5):
        before, p = np.zeros_like(x), np.ones_like(x)
        for m in range(n):
            before, p = p, ((2 * m + 1) * x * p - m * before) / (m + 1)
        slope = n * (before - x * p) / (1 - x * x)
        x = x - p / slope
    return (x + 1) / 2, 1 / ((1 - x * x) * slope * slope)


def window(measure, n, theta, rows=slice(None)):
    """``(A, B)`` of x_m(t) = integral over [0, 1] of u(t - theta z) psi_m(z), u = sum x_m chi_m, some rows of them.

    theta x' = psi(0) u(t) - psi(1) u(t - theta) + integral of psi' u, and what leaves the window is taken from the
    expansion there; for "fout" that gives the middle of the jump between u(t) and u(t - theta).

    >>> A, B = window("legt", 2, 1.0)
    >>> A.round(6), B.round(6)
    (array([[-1.      ,  1.732051],
           [-1.732051, -3.      ]]), array([1.      , 1.732051]))
    """
    ends = np.array([0.0, 1.0])
    if measure in ("legt", "lmu"):
        z, w = points(n)
        psi, slope = legendre(n, 1 - 2 * z)
        slope, edge = -2 * slope, legendre(n, 1 - 2 * ends)[0]
    else:
        z, w = np.arange(3 * n) / (3 * n), np.full(3 * n, 1 / (3 * n))  # exact for what turns fewer times
        basis = waves if measure == "fourier_sliding" else fourier
        (psi, slope), edge = basis(n, z), basis(n, ends)[0]
    a = (slope[rows] * w) @ psi.conj().T - np.outer(edge[rows, 1], edge[:, 1].conj())
    b = edge[rows, 0].copy()
    if measure == "fout":
        a, b = a - np.outer(edge[rows, 1], edge[:, 1]), b + edge[rows, 1]
    if measure == "lmu":  # x_m = s_m r_m (that of legt)
        scale = (-1.0) ** np.arange(n) * np.sqrt(2 * np.arange(n) + 1.0)
        a, b = scale[rows, None] * a / scale, scale[rows] * b
    kind = complex if np.iscomplexobj(a) else float
    return (a / theta).astype(kind), b / theta


def scaled(measure, n, rows=slice(None)):
    """``(A, B)`` of x_m(t) = integral over [0, 1] of u(t z) psi_m(z): t x' = psi(1) u(t) - x - integral of z psi' u.

    >>> A, B = scaled("legs", 2)
    >>> A.round(6) + 0.0, B.round(6)
    (array([[-1.      ,  0.      ],
           [-1.732051, -2.      ]]), array([1.      , 1.732051]))
    """
    if measure == "legs":
        z, w = points(n + 1)
        psi, slope = legendre(n, 2 * z - 1)
        slope, last, chi = 2 * slope, legendre(n, np.ones(1))[0][:, 0], psi
        kind = float
    else:
        z, w = (x.astype(float) for x in points(5 * n))
        psi, slope = (np.conj(f) for f in waves(n, z))
        last, chi, kind = np.ones(n), np.conj(psi), complex
    return (-np.eye(n)[rows] - (slope[rows] * (w * z)) @ chi.T).astype(kind), last[rows]


def laguerre(measure, n, tau, alpha=0.0, beta=0.0):
    """``(n, len(tau))`` of the impulse response of a Laguerre measure, its derivative, and what rebuilds the past."""
    m = np.arange(n)[:, None]
    if measure == "lagt":
        alpha, rate, gain = 0.0, 0.5, 1.0
    elif measure == "tlagt":
        alpha, rate, gain = 0.0, (1 + beta) / 2, beta
    else:
        rate, gain = (1 + beta) / 2, beta ** ((1 - alpha) / 2) / np.sqrt(scipy.special.gamma(1 - alpha))
    norm = np.exp((scipy.special.gammaln(m + 1) - scipy.special.gammaln(m + alpha + 1)) / 2)
    value = norm * scipy.special.eval_genlaguerre(m, alpha, tau)
    slope = np.where(m > 0, -norm * scipy.special.eval_genlaguerre(np.maximum(m - 1, 0), alpha + 1, tau), 0.0)
    decay = np.exp(-rate * tau)
    with np.errstate(divide="ignore"):
        rebuilt = tau**alpha * np.exp(-(1 - rate) * tau) * value / gain
    return gain * decay * value, gain * decay * (slope - rate * value), rebuilt


def legs_distance(n, w, j):
    """How far w is from the root j of sum atan(2 w / (2m + 1)) = (n - 1) pi / 2 - j pi, relative to w.

    A + P P^T of LegS has the eigenvalues -1/2 +- i w, j = 0, 1, ... from the largest.

    >>> legs_distance(2, np.sqrt(0.75), 0) < 1e-16  # the skew part is [0, -sqrt3; sqrt3, 0] / 2
    True
    """
    with mpmath.workdps(40):
        w, sizes = mpmath.mpf(float(w)), [mpmath.mpf(2 * m + 1) for m in range(n)]
        excess = mpmath.fsum(mpmath.atan(2 * w / m) for m in sizes) - (mpmath.mpf(n - 1) / 2 - j) * mpmath.pi
        slope = mpmath.fsum(2 * m / (m * m + 4 * w * w) for m in sizes)
        return abs(float(excess / slope / w))


def exponential(a, b, dt, digits=40):
    """exp(dt a) and integral of exp(s a) b over [0, dt], by the exponential of [a b; 0 0] in many digits.

    >>> exponential(np.array([[0.0]]), np.array([3.0]), 0.5)
    (array([[1.]]), array([1.5]))
    """
    n = len(b)
    kind = complex if np.iscomplexobj(a) else float
    with mpmath.workdps(digits):
        wide = mpmath.zeros(n + 1)
        for i in range(n):
            wide[i, n] = mpmath.mpmathify(b[i]) * mpmath.mpf(dt)
            for k in range(n):
                wide[i, k] = mpmath.mpmathify(a[i, k]) * mpmath.mpf(dt)
        e = mpmath.expm(wide)
        full = np.array([[kind(e[i, k]) for k in range(n + 1)] for i in range(n)], kind)
    return full[:, :n], full[:, n]


def rational(a, b, before, after, gain, digits=40):
    """(I - after a)^-1 (I + before a) and (I - after a)^-1 gain b in many digits.

    >>> rational(np.array([[-1.0]]), np.array([2.0]), 0.5, 0.5, 1.0)[1].round(6)
    array([1.333333])
    """
    n = len(b)
    kind = complex if np.iscomplexobj(a) else float
    with mpmath.workdps(digits):
        m = mpmath.matrix(n, n)
        for i in range(n):
            for k in range(n):
                m[i, k] = mpmath.mpmathify(a[i, k])
        inverse = mpmath.inverse(mpmath.eye(n) - mpmath.mpf(after) * m)
        ad = inverse * (mpmath.eye(n) + mpmath.mpf(before) * m)
        bd = inverse * (mpmath.mpf(gain) * mpmath.matrix([mpmath.mpmathify(x) for x in b]))
        return (
            np.array([[kind(ad[i, k]) for k in range(n)] for i in range(n)], kind),
            np.array([kind(bd[i]) for i in range(n)], kind),
        )


def legs_dilation(n, rho):
    """rho^-A of LegS: the coefficients over [0, t / rho] of a signal that is known over [0, t] and 0 afterwards.

    >>> legs_dilation(2, 0.5).round(6)
    array([[ 0.5     ,  0.      ],
           [-0.433013,  0.25    ]])
    """
    z, w = (x.astype(float) for x in points(n))
    return rho * (legendre(n, 2 * rho * z - 1)[0] * w) @ legendre(n, 2 * z - 1)[0].T
