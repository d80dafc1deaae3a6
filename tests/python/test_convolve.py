# SPDX-License-Identifier: Apache-2.0
"""Causal convolution against its definition and SciPy's transforms."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from danaus.ssm import Convolution, ConvolutionStream, causal_convolve, correlate
from helpers import LAYOUTS, laid_out, same_bits
from reference import diagonal

DTYPES = ("float32", "float64")


def noise(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def bound(u, k):
    """As the function states it, per channel."""
    unit = 1e-7 if u.dtype == np.float32 else 2e-16
    taps = k[:, : u.shape[-2]].astype(float)
    return unit * (2 + np.log2(u.shape[-2])) * np.linalg.norm(u.astype(float), axis=-2) * np.linalg.norm(taps, axis=1)


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
@pytest.mark.parametrize("channels", [1, 2, 3, 5, 8, 9, 16, 17, 19, 33, 65])
def test_channels_do_not_mix(dtype, channels):
    """A channel on its own has its own plan, so that bits may differ; infinities next door leave no trace."""
    u, k = noise((300, channels), dtype), noise((channels, 300), dtype, 1)
    y = causal_convolve(u, k)
    for h in range(channels):
        alone = causal_convolve(u[:, h : h + 1], k[h : h + 1])[:, 0]
        assert (np.abs(alone - y[:, h]) <= 2 * bound(u, k)[h]).all()
    loud = u.copy()
    loud[::7, ::2] = np.inf
    through = causal_convolve(loud, k)
    assert same_bits(through[:, 1::2].copy(), y[:, 1::2].copy())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", [1, 2, 5, 31, 100, 1000, 2500])
def test_both_layouts_give_the_same_bits(dtype, length):
    """(L, H) and (H, L), as an axis and as a strided view, in a batch, into given arrays."""
    for channels in (1, 3, 16, 40):
        u, k = noise((2, length, channels), dtype), noise((channels, min(length, 900)), dtype, 1)
        y = causal_convolve(u, k)
        turned = np.ascontiguousarray(u.swapaxes(1, 2))
        other = causal_convolve(turned, k, axis=-1)
        assert other.shape == turned.shape and other.flags.c_contiguous
        assert same_bits(np.ascontiguousarray(other.swapaxes(1, 2)), y)
        view = causal_convolve(turned.swapaxes(1, 2), k)
        assert view.shape == y.shape and (channels == 1 or view.swapaxes(1, 2).flags.c_contiguous)
        assert same_bits(view.copy(), y)
        given = np.full_like(turned, np.nan)
        assert causal_convolve(turned, k, axis=-1, out=given).base is not None
        assert same_bits(given, other)
        assert same_bits(causal_convolve(u, k, out=given.swapaxes(1, 2)).copy(), y)
        in_place = turned.copy()
        causal_convolve(in_place, k, axis=-1, out=in_place)
        assert same_bits(in_place, other)
        overlapping = np.concatenate([turned.ravel(), np.zeros(5, dtype)])
        late = overlapping[5:].reshape(turned.shape)
        causal_convolve(overlapping[:-5].reshape(turned.shape), k, axis=-1, out=late)
        assert same_bits(late, other)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("length", "taps", "behind"), [(1, 1, 1), (40, 7, 40), (300, 300, 299), (1000, 5, 2000)])
def test_kept_transforms_bidirectional_taps_and_correlation(dtype, length, taps, behind):
    for channels in (1, 5, 20):
        u = noise((2, length, channels), dtype)
        k, b = noise((channels, taps), dtype, 1), noise((channels, behind), dtype, 2)
        both = Convolution(k, backward=b, length=length)(u, threads=2)
        causal = Convolution(k, length=length)(u)
        adjoint = correlate(u, k)
        assert same_bits(causal, causal_convolve(u, k)) or taps < length
        for i in range(2):
            one = u[i].astype(float)
            past = diagonal.convolve(k, one)
            future = diagonal.convolve(b, one[::-1])[::-1]  # lags 0, -1, ...; wanted are -1, -2, ...
            future = np.concatenate([future[1:], np.zeros((1, channels))])
            limit = bound(u[i], k) + bound(u[i], b)
            assert (np.abs(causal[i] - past) <= limit).all()
            assert (np.abs(both[i] - past - future) <= limit).all()
            assert (np.abs(adjoint[i] - diagonal.convolve(k, one[::-1])[::-1]) <= limit).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_short_kernel_runs_over_a_long_sequence_in_blocks(dtype):
    for channels, taps in ((1, 3), (4, 700), (18, 513)):
        u, k = noise((5000, channels), dtype), noise((channels, taps), dtype, 1)
        kept = Convolution(k)
        truth = scipy.signal.fftconvolve(u.astype(float), k.astype(float).T, axes=0)[:5000]
        limit = bound(u, k) + bound(u.astype(float), k.astype(float))
        for y in (causal_convolve(u, k), kept(u), kept(u, threads=2)):
            assert (np.abs(y - truth) <= limit).all()
        assert kept.block < 1000 and kept.nbytes >= channels * kept.block * 2 * u.itemsize


def test_refusals():
    u, k = noise((9, 3), "float32"), noise((3, 4), "float32")
    both = Convolution(k, backward=k, length=8)
    with pytest.raises(ValueError, match=r"u must have at most length = 8 samples where taps act on the future, has 9"):
        both(u)
    with pytest.raises(ValueError, match=r"axis of time must be -2, \(..., L, H\), or -1, \(..., H, L\); is 0"):
        causal_convolve(u, k, axis=0)
    with pytest.raises(ValueError, match=r"u must have shape \(..., length, 3\), has \(3, 9\)"):
        Convolution(k)(u.T.copy())
    with pytest.raises(ValueError, match=r"backward must have shape \(3, taps\), has \(2, 4\)"):
        Convolution(k, backward=k[:2])
    with pytest.raises(ValueError, match="length must be positive, is 0"):
        Convolution(k, length=0)
    with pytest.raises(ValueError, match=r"k must be finite, is nan at \(1, 2\)"):
        Convolution(np.where(np.arange(12).reshape(3, 4) == 6, np.float32(np.nan), k))
    with pytest.raises(TypeError, match="u must be float32, is float64"):
        Convolution(k)(u.astype(float))
    with pytest.raises(TypeError, match="out must be a writable float32 array, C-contiguous or with its last two axes"):
        Convolution(k)(u, out=np.zeros((18, 3), "float32")[::2])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("taps", [0, 1, 2, 31, 32, 33, 64, 65, 129, 1000, 2049, 2051, 5000])
def test_streams_are_the_convolution(dtype, taps):
    """Lengths on both sides of every size at which another product begins."""
    channels, length = (3, 12000) if taps > 2000 else (18, 3 * taps + 200)
    u, k = noise((length, channels), dtype), noise((channels, taps), dtype, 1)
    truth = scipy.signal.fftconvolve(u.astype(float), k.astype(float).T, axes=0)[:length] if taps else 0 * u
    stream = ConvolutionStream(k)
    y = stream.run(u)
    assert y.dtype == dtype
    limit = bound(u, k) + bound(u.astype(float), k.astype(float))
    assert (np.abs(y - truth) <= limit).all()
    stream.reset()
    pieces, t, rng = [], 0, np.random.default_rng(2)
    while t < length:
        step = int(rng.integers(1, 400))
        pieces.append(stream.run(u[t : t + step]) if step > 5 else stream.step(u[t])[None])
        t += len(pieces[-1])
        if t % 7 == 0:  # saved and resumed, copied
            state = stream.state
            stream = ConvolutionStream(k) if t % 2 else stream.copy()
            stream.state = state
    assert same_bits(np.concatenate(pieces), y)


@given(taps=st.integers(0, 300), channels=st.integers(1, 20), length=st.integers(0, 400), batch=st.integers(1, 3))
def test_a_batch_of_streams_is_each_of_them(taps, channels, length, batch):
    u, k = noise((batch, length, channels), "float32"), noise((channels, taps), "float32", 1)
    stream = ConvolutionStream(k, batch)
    y = stream.run(u, threads=2)
    for b in range(batch):
        assert same_bits(ConvolutionStream(k).run(u[b]), y[b])
        assert length == 0 or (np.abs(y[b] - diagonal.convolve(k, u[b])) <= bound(u[b], k)).all()
    state = stream.state
    one = stream.step(u[:, 0]) if length else np.zeros((batch, channels))
    stream.state = state
    assert same_bits(stream.step(u[:, 0]), one) if length else True


def test_refusals_of_streams():
    k = noise((3, 4), "float32")
    with pytest.raises(ValueError, match="batch must be at least 1, is 0"):
        ConvolutionStream(k, 0)
    with pytest.raises(ValueError, match=r"u must have shape \(3,\), has \(4,\)"):
        ConvolutionStream(k).step(np.zeros(4, "float32"))
    with pytest.raises(ValueError, match=r"k must have shape \(channels, taps\)"):
        ConvolutionStream(k[0])
    stream = ConvolutionStream(k)
    with pytest.raises(ValueError, match="state must have shape"):
        stream.state = np.zeros(5, "float32")
    damaged = stream.state
    damaged[:4] = np.nan  # no place a sample could be written to is taken from a state unchecked
    with pytest.raises(ValueError, match="state"):
        stream.state = damaged
