# SPDX-License-Identifier: Apache-2.0
"""Forms of one linear system from their definitions: slow and obviously right.

H(z) = h0 + (b_1 z^-1 + ... + b_N z^-N) / (1 + a_1 z^-1 + ... + a_N z^-N)
"""

from __future__ import annotations

import mpmath
import numpy as np
import scipy.linalg


def kernel(b, a, length, digits=60):
    """h_1..h_length of one channel by the recursion h_n = b_n - sum_k a_k h_{n-k}, with `digits` decimal digits.

    >>> kernel([1.0], [-0.5], 3)
    array([1.  , 0.5 , 0.25])
    """
    with mpmath.workdps(digits):
        b, a = [mpmath.mpf(float(v)) for v in b], [mpmath.mpf(float(v)) for v in a]
        h = []
        for n in range(length):
            terms = (a[k] * h[n - 1 - k] for k in range(min(n, len(a))))
            h.append((b[n] if n < len(b) else 0) - mpmath.fsum(terms))
        return np.array([float(v) for v in h])


def modal_kernel(poles, residues, length, digits=40):
    """h_n = Re sum_i r_i p_i^(n-1), n = 1..length, with `digits` decimal digits.

    >>> modal_kernel([0.5], [2.0], 3)
    array([2. , 1. , 0.5])
    """
    with mpmath.workdps(digits):
        p, r = [mpmath.mpmathify(complex(v)) for v in poles], [mpmath.mpmathify(complex(v)) for v in residues]
        h = []
        for _ in range(length):
            h.append(float(mpmath.re(mpmath.fsum(r))))
            r = [gain * pole for gain, pole in zip(r, p, strict=True)]
        return np.array(h)


def polynomial(roots, digits=200):
    """a_1..a_N of prod (z - root), rounded once.

    >>> polynomial([0.5, -0.5])
    array([ 0.  , -0.25])
    """
    with mpmath.workdps(digits):
        c = [mpmath.mpf(1)]
        for root in roots:
            z = mpmath.mpmathify(complex(root))
            c = [x - z * y for x, y in zip([*c, 0], [0, *c], strict=True)]
        return np.array([float(mpmath.re(v)) for v in c[1:]])


def roots(a, digits=120):
    """The roots of z^N + a_1 z^(N-1) + ..., as mpmath finds them.

    >>> sorted(roots([0.0, -0.25]).real.tolist())
    [-0.5, 0.5]
    """
    with mpmath.workdps(digits):
        rising = [*(mpmath.mpf(float(v)) for v in a[::-1]), mpmath.mpf(1)]
        try:
            found = mpmath.polyroots(rising, maxsteps=500, extraprec=4 * digits, asc=True)
        except TypeError:  # mpmath before 1.4
            found = mpmath.polyroots(rising[::-1], maxsteps=500, extraprec=4 * digits)
        return np.array([complex(v) for v in found])


def reflection(a, digits=400):
    """k_1..k_N by the step-down recursion in `digits` decimal digits, rounded once.

    >>> reflection([-0.9, 0.5]).round(12)
    array([-0.6,  0.5])
    """
    with mpmath.workdps(digits):
        now, k = [mpmath.mpf(float(v)) for v in a], []
        while now:
            last = now[-1]
            k.append(last)
            if abs(last) == 1:
                return np.full(len(a), np.nan)
            now = [(x - last * y) / (1 - last**2) for x, y in zip(now[:-1], now[-2::-1], strict=True)]
        return np.array([float(v) for v in k[::-1]])


def state_space_kernel(a, b, c, length):
    """h_n = C A^(n-1) B, n = 1..length.

    >>> state_space_kernel(np.array([[0.5]]), np.array([1.0]), np.array([2.0]), 3)
    array([2. , 1. , 0.5])
    """
    h, x = [], b
    for _ in range(length):
        h.append(c @ x)
        x = a @ x
    return np.array(h)


def hankel_values(a, b, c):
    """Hankel singular values from the Gramians, by SciPy.

    >>> hankel_values(np.array([[0.5]]), np.array([1.0]), np.array([1.0])).round(6)
    array([1.333333])
    """
    reach = scipy.linalg.solve_discrete_lyapunov(a, np.outer(b, b))
    see = scipy.linalg.solve_discrete_lyapunov(a.T, np.outer(c, c))
    return np.sqrt(np.sort(np.abs(np.linalg.eigvals(reach @ see)))[::-1])


def frequency_response(b, a, h0=0.0, points=4096):
    """H on `points` points of the upper unit circle, at least.

    >>> float(frequency_response([1.0], [-0.5], points=2)[0].real)
    2.0
    """
    x = np.exp(-1j * np.linspace(0, np.pi, points))
    return h0 + x * np.polyval(np.asarray(b)[::-1], x) / np.polyval(np.r_[1, a][::-1], x)


def legs(n, dt):
    """HiPPO-LegS by the bilinear rule: A (n, n), B (n,).

    >>> legs(1, 2.0)[0].round(6)
    array([[0.]])
    """
    q = np.sqrt(2 * np.arange(n) + 1)
    a = -np.tril(np.outer(q, q), -1) - np.diag(np.arange(n) + 1.0)
    step = np.eye(n) - dt / 2 * a
    return np.linalg.solve(step, np.eye(n) + dt / 2 * a), np.linalg.solve(step, dt * q)
