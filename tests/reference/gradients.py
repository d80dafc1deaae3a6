# SPDX-License-Identifier: Apache-2.0
"""Gradients written from their definitions: sums over all pairs, differences in fifty digits. Slow on purpose."""

from __future__ import annotations

import mpmath
import numpy as np


def convolve_vjp(u, k, grad):
    """``(du, dk)`` of ``y_t = sum_j k_j u_{t-j}``: u and grad ``(B, L, H)``, k ``(H, K)``.

    >>> convolve_vjp(np.array([[[1.0], [2.0]]]), np.array([[3.0, 4.0]]), np.array([[[1.0], [10.0]]]))[1]
    array([[21., 10.]])
    """
    u, k, grad = (np.asarray(x, float) for x in (u, k, grad))
    du, dk = np.zeros_like(u), np.zeros_like(k)
    length = u.shape[1]
    for j in range(min(length, k.shape[1])):
        du[:, : length - j] += k[:, j] * grad[:, j:]
        dk[:, j] = (grad[:, j:] * u[:, : length - j]).sum((0, 1))
    return du, dk


def modes_vjp(delta, gain, dk):
    """``(ddelta, dgain)`` of ``K_l = sum_n Re(gain_n (1 + delta_n)^l)`` and the sums of absolute values behind them.

    Every power by multiplication in extended precision; delta, gain ``(H, N)``, dk ``(H, L)``.

    >>> modes_vjp([[-0.5]], [[2.0]], [[0.0, 1.0, 1.0]])[0].real
    array([[4.]])
    """
    delta, gain = np.asarray(delta, np.clongdouble), np.asarray(gain, np.clongdouble)
    dk = np.asarray(dk, np.longdouble)[:, :, None]
    power, before = np.ones_like(delta), np.zeros_like(delta)
    total, slope = np.zeros_like(delta), np.zeros_like(delta)
    size, steep = np.zeros(delta.shape), np.zeros(delta.shape)
    for lag in range(dk.shape[1]):
        total += dk[:, lag] * power
        slope += dk[:, lag] * lag * before
        size += np.abs(dk[:, lag] * power).astype(float)
        steep += np.abs(dk[:, lag] * lag * before).astype(float)
        power, before = power * (1 + delta), power
    return (gain * slope).conj().astype(complex), total.conj().astype(complex), np.abs(gain).astype(float) * steep, size


def _kernel_mp(a, b, c, dt, length, method):
    """The kernel of one channel at every lag, unrounded."""
    total = [mpmath.mpf(0)] * length
    for pole, gain, weight in zip(a, b, c, strict=True):
        z = dt * pole
        if method == "bilinear":
            a_bar, b_bar = (1 + z / 2) / (1 - z / 2), dt * gain / (1 - z / 2)
        elif method == "dss":
            x = pole * (mpmath.exp(z * length) - 1)
            a_bar = mpmath.exp(z)
            b_bar = gain * (a_bar - 1) * mpmath.conj(x) / (mpmath.re(x) ** 2 + mpmath.im(x) ** 2 + mpmath.mpf(1e-7))
        else:
            a_bar = mpmath.exp(z)
            b_bar = gain * (a_bar - 1) / pole if pole != 0 else gain * dt
        term = 2 * weight * b_bar
        for lag in range(length):
            total[lag] += mpmath.re(term)
            term *= a_bar
    return total


def s4d_kernel_vjp(a, b, c, dt, dk, method):
    """Gradients by a, b, c ``(N,)`` and dt of one channel's ``sum_l dk_l K_l``, by central differences in 60 digits.

    The gradient by a complex z is the derivative by Re z plus i that by Im z.

    >>> da, db, dc, ddt = s4d_kernel_vjp([-1.0], [1.0], [0.5], 1.0, [1.0], "zoh")
    >>> dc.real.round(12), round(ddt, 12)
    (array([1.26424112]), 0.367879441171)
    """
    with mpmath.workdps(60):
        values = [[mpmath.mpc(complex(x)) for x in row] for row in (a, b, c)] + [[mpmath.mpf(float(dt))]]
        weights = [mpmath.mpf(float(x)) for x in dk]
        step = mpmath.mpf(10) ** -20

        def loss(row, n, by):
            moved = [list(x) for x in values]
            moved[row][n] += by
            k = _kernel_mp(*moved[:3], moved[3][0], len(weights), method)
            return mpmath.fsum(w * x for w, x in zip(weights, k, strict=True))

        def slope(row, n, direction):
            return float((loss(row, n, direction * step) - loss(row, n, -direction * step)) / (2 * step))

        found = [
            np.array([slope(row, n, 1) + 1j * slope(row, n, mpmath.mpc(0, 1)) for n in range(len(a))])
            for row in range(3)
        ]
        return (*found, slope(3, 0, 1))


def transfer_response(b, a, length):
    """The response of one channel: ``h_n = b_n - sum_i a_i h_{n-i}``, b and a ``(N,)`` numbered from 1.

    >>> transfer_response([1.0], [-0.5], 4)
    array([0.  , 1.  , 0.5 , 0.25])
    """
    h = np.zeros(length)
    for n in range(1, length):
        h[n] = b[n - 1] if n <= len(b) else 0
        for i in range(1, min(n, len(a)) + 1):
            h[n] -= a[i - 1] * h[n - i]
    return h


def transfer_kernel_vjp(b, a, dk):
    """``(db, da)`` of that response: dh/db_i is 1/A delayed by i, dh/da_i is -b/A^2 delayed by i.

    >>> transfer_kernel_vjp([1.0], [-0.5], [0.0, 0.0, 1.0])
    (array([0.5]), array([-1.]))
    """
    dk, order = np.asarray(dk, float), len(b)
    if len(dk) == 0:
        return np.zeros(order), np.zeros(order)
    inverse = transfer_response([1.0] + [0.0] * (order - 1), a, len(dk) + 1)[1:]
    square = np.convolve(inverse, transfer_response(b, a, len(dk)))[: len(dk)]
    db, da = np.zeros(order), np.zeros(order)
    for i in range(1, min(order, len(dk) - 1) + 1):
        db[i - 1] = dk[i:] @ inverse[: len(dk) - i]
        da[i - 1] = -dk[i:] @ square[: len(dk) - i]
    return db, da


def dplr_kernel(lambda_, p, q, b, c, dt, length):
    """``K`` of one channel from dense matrices over the full spectrum: lambda, b, c ``(N,)``, p and q ``(rank, N)``.

    >>> dplr_kernel([-1.0], [[0.0]], [[0.0]], [1.0], [1.0], 2.0, 2)
    array([2., 0.])
    """
    full = lambda x: np.concatenate([x, np.conj(x)], -1).astype(complex)  # noqa: E731
    p, q = full(np.asarray(p)), full(np.asarray(q))
    a = np.diag(full(np.asarray(lambda_))) - p.T @ q.conj()
    eye = np.eye(len(a))
    inverse = np.linalg.inv(eye - dt / 2 * a)
    a_bar, state, c = inverse @ (eye + dt / 2 * a), dt * inverse @ full(np.asarray(b)), full(np.asarray(c))
    k = np.zeros(length)
    for lag in range(length):
        k[lag] = (c @ state).real
        state = a_bar @ state
    return k


def dplr_kernel_vjp(lambda_, p, q, b, c, dt, dk):
    """Gradients by lambda, p, q, b, c and dt of one channel's ``sum_l dk_l K_l``, by differences in 40 digits.

    >>> found = dplr_kernel_vjp([-1.0], [[0.0]], [[0.0]], [1.0], [1.0], 2.0, [1.0])
    >>> found[4].real.round(12), round(found[5], 12)
    (array([2.]), 0.5)
    """
    p, q = np.atleast_2d(p), np.atleast_2d(q)
    rank, modes = p.shape
    flat = [complex(x) for part in (lambda_, p.ravel(), q.ravel(), b, c) for x in part]
    with mpmath.workdps(40):
        values = [mpmath.mpc(x) for x in flat] + [mpmath.mpf(float(dt))]
        step = mpmath.mpf(10) ** -12

        def loss(index, by):
            moved = [x + by if i == index else x for i, x in enumerate(values)]

            def row(at):
                half = moved[at : at + modes]
                return mpmath.matrix([*half, *map(mpmath.conj, half)])

            a = mpmath.diag(row(0))
            for r in range(rank):
                a -= row(modes * (1 + r)) * row(modes * (1 + rank + r)).transpose_conj()
            inverse = mpmath.inverse(mpmath.eye(2 * modes) - moved[-1] / 2 * a)
            a_bar = 2 * inverse - mpmath.eye(2 * modes)
            state, out = moved[-1] * inverse * row(modes * (1 + 2 * rank)), row(modes * (2 + 2 * rank))
            total = mpmath.mpf(0)
            for weight in dk:
                total += mpmath.mpf(float(weight)) * mpmath.re((out.T * state)[0])
                state = a_bar * state
            return total

        def slope(index, direction):
            return float((loss(index, direction * step) - loss(index, -direction * step)) / (2 * step))

        found = np.array([slope(i, 1) + 1j * slope(i, mpmath.mpc(0, 1)) for i in range(len(flat))])
        parts = np.split(found, np.cumsum([modes, rank * modes, rank * modes, modes]))
        return parts[0], parts[1].reshape(rank, modes), parts[2].reshape(rank, modes), *parts[3:], slope(len(flat), 1)
