# SPDX-License-Identifier: Apache-2.0
"""Random diagonal layers, and how far rounding may take them from the truth."""

from __future__ import annotations

import numpy as np

from danaus.ssm import S4D
from helpers import Array
from reference import diagonal


def random_layer(channels: int, modes: int, seed: int = 0, method: str = "zoh", *, length: int = 64) -> S4D:
    """Poles and steps in the ranges that trained layers have."""
    rng = np.random.default_rng([seed, channels, modes])
    shape = (channels, modes)
    a = -rng.uniform(0.2, 2.0, shape) + 1j * rng.uniform(-60, 60, shape)
    b, c = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape) for _ in range(2))
    d, dt = rng.standard_normal(channels), np.exp(rng.uniform(np.log(1e-3), np.log(1e-1), channels))
    return S4D(a, b, c, d, dt, method=method, length=length if method == "dss" else None)


def s4d_lin(channels: int, modes: int, seed: int = 0) -> S4D:
    """S4D as it is initialised: a = -1/2 + i pi n, b = 1, c complex normal, dt from 1e-3 to 1e-1."""
    rng = np.random.default_rng(seed)
    a = np.broadcast_to(-0.5 + 1j * np.pi * np.arange(modes), (channels, modes))
    c = (rng.standard_normal((channels, modes)) + 1j * rng.standard_normal((channels, modes))) * 0.5**0.5
    dt = np.exp(rng.uniform(np.log(1e-3), np.log(1e-1), channels))
    return S4D(a, 1, c, rng.standard_normal(channels), dt)


def discrete(layer: S4D) -> tuple[Array, Array]:
    """Its textbook ``(a_bar, b_bar)``."""
    return diagonal.discretize(layer.a, layer.b, layer.dt, layer.method, layer.length)


def kernel_bound(layer: S4D, length: int, dtype: str) -> Array:
    """Largest error of a kernel's value, per channel ``(H, 1)``: units of sum_n |gain_n|.

    float32: two rounded factors and 2 N rounded sums a value, 2^-24 each. float64: the power a_bar^l is a product of
    at most l factors; each product adds at most sqrt(5) roundings, the factor itself (1 + delta, and z = dt a) 1 +
    2 |z|; then the gain (8: two complex products, expm1, a quotient) and the sum as above.
    """
    _, b_bar = discrete(layer)
    gains = 2 * np.abs(layer.c * b_bar).sum(1, keepdims=True)
    z = np.abs(layer.a * layer.dt[:, None]).max(1, keepdims=True)
    powers = (length * (np.sqrt(5) + 1 + 2 * z) + 8 + 2 * layer.a.shape[1]) * 2.0**-53
    single = (2 * layer.a.shape[1] + 2) * 2.0**-24
    return gains * (powers + (single if dtype == "float32" else 0) + reference_error(layer))


def reference_error(layer: S4D) -> Array:
    """What exp(z) - 1 loses in the reference itself, relative to the gain, ``(H, 1)``."""
    return 2.0**-52 / np.abs(layer.a * layer.dt[:, None]).min(1, keepdims=True)


def scan_bound(layer: S4D, u: Array, largest: Array, dtype: str) -> Array:
    """Largest error of a scan's value, per channel ``(H,)``; ``largest`` is the largest |x| of each mode.

    The state is x / b_bar. A step rounds delta, its products and the sum: at most sqrt(2) (1 + 4 |delta|) |s| + 2 |u|
    units of 2^-24 (2^-53), and what a step adds lives on for sum_k |a_bar|^k <= min(L, 1 / (1 - |a_bar|)). Then 2 N + 3
    roundings of the output.
    """
    unit = 2.0**-24 if dtype == "float32" else 2.0**-53
    a_bar, b_bar = discrete(layer)
    delta, modulus = np.abs(a_bar - 1), np.abs(a_bar)
    memory = np.minimum(len(u), 1 / np.maximum(1 - modulus, 1e-300))
    gain = 2 * np.abs(layer.c * b_bar)
    with np.errstate(divide="ignore", invalid="ignore"):
        state = np.where(np.abs(b_bar) > 0, largest / np.abs(b_bar), 0)
    peak = np.abs(u).max(0, initial=0)[:, None]
    rounding = memory * (2**0.5 * (1 + 4 * delta) * state + 2 * peak) + (2 * layer.a.shape[1] + 3) * state
    textbook = reference_error(layer)[:, 0] * (gain * state).sum(1) * (1 + memory.max(1) * delta.max(1))
    return unit * ((gain * rounding).sum(1) + np.abs(layer.d) * peak[:, 0]) + textbook


def scan_spread(layer: S4D, u: Array, largest: Array) -> Array:
    """Six standard deviations of the error of a float32 scan, ``(H,)``, where the roundings are independent.

    One rounding of v has the variance (2^-24 v)^2 / 3; those of a step live on in
    sum_k |a_bar|^(2k) = 1 / (1 - |a_bar|^2).
    """
    a_bar, b_bar = discrete(layer)
    state, peak = largest / np.abs(b_bar), np.abs(u).max(0)[:, None]
    step = 2 * (((1 + 4 * np.abs(a_bar - 1)) * state) ** 2 + (2 * peak) ** 2)
    walk = step / (1 - np.abs(a_bar) ** 2) + (2 * layer.a.shape[1] + 3) * state**2
    return 6 * 2.0**-24 * np.sqrt((np.abs(2 * layer.c * b_bar) ** 2 * walk).sum(1) / 3)
