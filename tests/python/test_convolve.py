# SPDX-License-Identifier: Apache-2.0
"""Causal convolution against its definition and SciPy's transforms."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from danaus.ssm import causal_convolve
from helpers import LAYOUTS, laid_out, same_bits
from reference import diagonal

DTYPES = ("float32", "float64")


def noise(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def bound(u, k):
    """As the function states it, per channel, with one unit where there is no transform (log2(1) = 0)."""
    unit = 1e-7 if u.dtype == np.float32 else 2e-16
    taps = k[:, : u.shape[-2]].astype(float)
    return unit * (1 + np.log2(u.shape[-2])) * np.linalg.norm(u.astype(float), axis=-2) * np.linalg.norm(taps, axis=1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", range(1, 71))
def test_every_small_length(dtype, length):
    for channels, taps in ((1, 1), (3, length), (9, length // 2 + 1), (17, 70)):
        u, k = noise((length, channels), dtype), noise((channels, taps), dtype, 1)
        y = causal_convolve(u, k)
        assert y.dtype == dtype and y.shape == u.shape
        assert (np.abs(y - diagonal.convolve(k, u)) <= bound(u, k)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", [127, 128, 1000, 1021, 2187, 4096, 5040, 8191, 10007, 65536])
def test_scipy_and_numpy_convolve_the_same(dtype, length):
    u, k = noise((length, 2), dtype), noise((2, min(length, 5000)), dtype, 1)
    y = causal_convolve(u, k)
    truth = scipy.signal.fftconvolve(u.astype(float), k.astype(float).T, axes=0)[:length]
    assert (np.abs(y - truth) <= bound(u, k) + bound(u.astype(float), k)).all()
    if length <= 8192:
        direct = np.stack([np.convolve(u[:, h].astype(float), k[h].astype(float))[:length] for h in range(2)], 1)
        assert (np.abs(y - direct) <= bound(u, k)).all()


@given(
    length=st.integers(1, 300),
    taps=st.integers(0, 400),
    channels=st.integers(1, 40),
    lead=st.sampled_from([(), (2,), (2, 3)]),
    dtype=st.sampled_from(DTYPES),
    layouts=st.tuples(st.sampled_from(LAYOUTS), st.sampled_from(LAYOUTS)),
    threads=st.integers(1, 4),
)
def test_any_shape_layout_and_threads(length, taps, channels, lead, dtype, layouts, threads):
    u, k = noise((*lead, length, channels), dtype), noise((channels, taps), dtype, 1)
    y = causal_convolve(u, k)
    for one, result in zip(u.reshape(-1, length, channels), y.reshape(-1, length, channels), strict=True):
        assert (np.abs(result - diagonal.convolve(k, one)) <= bound(one, k)).all()
        assert same_bits(causal_convolve(one, k), result)
    assert same_bits(causal_convolve(laid_out(u, layouts[0]), laid_out(k, layouts[1]), threads=threads), y)
    out = np.full_like(u, np.nan)
    causal_convolve(u, k, out=out, threads=threads)
    assert same_bits(out, y)


@pytest.mark.parametrize("dtype", DTYPES)
def test_taps_beyond_the_signal_have_no_effect(dtype):
    u, k = noise((20, 3), dtype), noise((3, 50), dtype, 1)
    spoiled = k.copy()
    spoiled[:, 20:] = np.nan
    assert same_bits(causal_convolve(u, spoiled), causal_convolve(u, k))
    assert same_bits(causal_convolve(u, np.ascontiguousarray(k[:, :20])), causal_convolve(u, k))


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_impulse_gives_the_taps_and_one_tap_gives_the_signal(dtype):
    k = noise((5, 300), dtype)
    impulse = np.zeros((300, 5), dtype)
    impulse[0] = 1
    assert (np.abs(causal_convolve(impulse, k) - k.T) <= bound(impulse, k)).all()
    u = noise((300, 5), dtype)
    one = np.ones((5, 1), dtype)
    assert (np.abs(causal_convolve(u, one) - u) <= bound(u, one)).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_channels_do_not_mix(dtype):
    u, k = noise((100, 19), dtype), noise((19, 100), dtype, 1)
    y = causal_convolve(u, k)
    for h in range(19):
        assert same_bits(causal_convolve(u[:, h : h + 1], k[h : h + 1])[:, 0], y[:, h].copy())
