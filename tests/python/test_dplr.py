# SPDX-License-Identifier: Apache-2.0
"""S4 layers against dense references, and the laws that kernel, scan, step and convolution obey."""

from __future__ import annotations

import pickle

import mpmath
import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from danaus.ssm import S4, S4D
from helpers import LAYOUTS, cut, laid_out, same_bits
from reference import dplr

DTYPES = ("float32", "float64")
TOLERANCE = {"float32": 3e-6, "float64": 1e-11}


def noise(shape, dtype="float64", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def hippo(measure, n, dts=(1e-3, 1e-2, 1e-1), seed=0):
    """A layer of HiPPO matrices with random outputs, and the real (A, B, C) of its channels."""
    a, b, p = {"legs": dplr.legs, "legt": dplr.legt}[measure](n)
    outputs = noise((len(dts), n), seed=seed)
    lam, p_half, b_half, c_half = dplr.half_spectrum(a, b, p, outputs)
    each = np.ones((len(dts), 1))
    layer = S4(lam * each, p_half[:, None] * each, b_half * each, c_half, noise(len(dts), seed=1), np.array(dts))
    return layer, [(a, b, c) for c in outputs]


def random_layer(channels, modes, rank=1, seed=0, tied=True):
    """Poles, corrections and steps in the ranges that trained layers have."""
    rng = np.random.default_rng([seed, channels, modes, rank])

    def gauss(*shape):
        return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)

    lam = -rng.uniform(0.2, 2.0, (channels, modes)) + 1j * rng.uniform(-60, 60, (channels, modes))
    p = gauss(rank, channels, modes)
    q = None if tied else p + 0.2 * gauss(rank, channels, modes)
    dt = np.exp(rng.uniform(np.log(1e-3), np.log(1e-1), channels))
    return S4(lam, p, gauss(channels, modes), gauss(channels, modes), rng.standard_normal(channels), dt, q=q)


def dense(layer, h):
    """``(A_bar, B_bar, C)`` of channel h on both halves of the spectrum."""
    q = layer.p if layer.q is None else layer.q
    a, b, c = dplr.full_spectrum(layer.lambda_[h], layer.p[:, h], q[:, h], layer.b[h], layer.c[h])
    return *dplr.bilinear(a, b, layer.dt[h]), c


def kernels(layer, length):
    return np.stack([dplr.kernel(*dense(layer, h), length) for h in range(len(layer.dt))])


def peaks(values):
    return np.abs(values).max(1, keepdims=True)


# ------------------------------------------------------------------------------------------ kernels


@pytest.mark.parametrize(("measure", "n"), [("legs", 2), ("legs", 64), ("legt", 64), ("legs", 256), ("legt", 256)])
def test_hippo_kernels_are_those_of_the_dense_real_matrices(measure, n):
    layer, systems = hippo(measure, n)
    for length in (1, 13, 1024, 16384 if n == 256 else 65536):
        truth = np.stack(
            [dplr.kernel(*dplr.bilinear(a, b, dt), c, length) for (a, b, c), dt in zip(systems, layer.dt, strict=True)]
        )
        for dtype, tolerance in (("float32", 1e-6), ("float64", 1e-11)):
            k = layer.kernel(length, dtype)
            assert k.dtype == dtype and k.shape == truth.shape
            assert (np.abs(k - truth) <= tolerance * peaks(truth)).all()


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("channels", "modes", "rank"), [(1, 1, 1), (3, 7, 1), (2, 32, 2), (5, 16, 4), (19, 4, 3)])
def test_kernel_is_that_of_the_dense_matrix(channels, modes, rank, tied):
    layer = random_layer(channels, modes, rank, tied=tied)
    for length in (1, 5, 97, 2000):
        truth = kernels(layer, length)
        assert (np.abs(layer.kernel(length, "float64") - truth) <= 1e-11 * peaks(truth)).all()
        assert (np.abs(layer.kernel(length) - truth) <= 1e-6 * peaks(truth)).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_long_kernels_by_blocks_agree_with_short_ones_by_recurrence(dtype):
    layer = random_layer(2, 32)
    long = layer.kernel(30011, dtype)  # a prime, in blocks; 2 channels fill no lanes
    for length in (1, 2, 31, 32, 33, 255):
        part = layer.kernel(length, dtype)
        assert (np.abs(part - long[:, :length]) <= (4e-7 if dtype == "float32" else 1e-12) * peaks(long)).all()
    truth = kernels(layer, 30011)
    assert (np.abs(long - truth) <= (1e-6 if dtype == "float32" else 1e-11) * peaks(truth)).all()


def test_kernel_against_forty_digits():
    layer = random_layer(1, 3, 2, seed=4)
    p, n = layer.p[:, 0], 6
    with mpmath.workdps(40):
        lam, b, c = (
            mpmath.matrix([mpmath.mpc(complex(z)) for z in (*v, *v.conj())])
            for v in (layer.lambda_[0], layer.b[0], layer.c[0])
        )
        a = mpmath.diag(list(lam))
        for row in p:
            full = mpmath.matrix([*map(mpmath.mpc, row), *map(mpmath.mpc, row.conj())])
            a -= full * full.H
        dt = mpmath.mpf(float(layer.dt[0]))
        half = mpmath.inverse(mpmath.eye(n) - dt / 2 * a)
        move, x, truth = half * (mpmath.eye(n) + dt / 2 * a), half * (dt * b), []
        for _ in range(200):
            truth.append(float(mpmath.re((c.T * x)[0])))
            x = move * x
    error = np.abs(layer.kernel(200, "float64")[0] - truth)
    assert error.max() <= 1e-13 * np.abs(truth).max()


def test_kernel_without_a_correction_is_the_diagonal_one():
    layer = random_layer(5, 8)
    plain = S4(layer.lambda_, np.zeros((2, 5, 8)), layer.b, layer.c, layer.d, layer.dt)
    diagonal = S4D(layer.lambda_, layer.b, layer.c, layer.d, layer.dt, method="bilinear")
    u = noise((400, 5))
    assert np.allclose(plain.kernel(400, "float64"), diagonal.kernel(400, "float64"), rtol=0, atol=1e-12)
    assert np.allclose(plain(u), diagonal(u), rtol=0, atol=1e-11)


@pytest.mark.parametrize("dtype", DTYPES)
def test_kernel_out_and_threads(dtype):
    layer = random_layer(35, 6)
    for length in (300, 5000):
        plain = layer.kernel(length, dtype)
        for threads in (1, 2, 3, 50):
            out = np.full((35, length), np.nan, dtype)
            assert layer.kernel(length, dtype, out=out, threads=threads) is out
            assert same_bits(out, plain)


def test_kernel_of_an_unstable_system():
    layer = S4([[0.3 + 2j, -1 + 1j]], np.full((1, 1, 2), 0.1), [[1, 1]], [[1, 0.5j]], [0.0], [0.2])
    truth = kernels(layer, 100)
    assert np.abs(layer.kernel(100, "float64") - truth).max() <= 1e-12 * np.abs(truth).max()
    report = layer.check(100)
    assert not report.stable and report.unstable == (0,) and report.radius > 1


# --------------------------------------------------------------------------------------------- scan


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(
    ("channels", "modes", "rank", "length"), [(1, 1, 1, 7), (3, 17, 2, 300), (17, 4, 4, 500), (2, 32, 3, 129)]
)
def test_scan_is_the_dense_recurrence(channels, modes, rank, length, tied, dtype):
    layer = random_layer(channels, modes, rank, tied=tied)
    u = noise((length, channels), dtype)
    truth = np.stack([dplr.scan(*dense(layer, h), layer.d[h], u[:, h]) for h in range(channels)], 1)
    y = layer(u)
    assert y.dtype == dtype and y.shape == u.shape
    assert (np.abs(y - truth) <= TOLERANCE[dtype] * np.abs(truth).max(0)).all()


@pytest.mark.parametrize("signal", ["noise", "constant"])
@pytest.mark.parametrize(
    ("measure", "n", "length"), [("legs", 64, 65536), ("legt", 64, 65536), ("legs", 256, 16384), ("legt", 256, 4096)]
)
def test_hippo_scans_hold_their_promise(measure, n, length, signal):
    """float32 to 3e-6 (N = 256, LegT: 5e-6) of the largest output, dt from 1e-3 to 1e-1."""
    layer, systems = hippo(measure, n)
    u = {"noise": noise(length), "constant": np.ones(length)}[signal].astype(np.float32)
    y = layer(np.repeat(u[:, None], 3, 1))
    y64 = layer(np.repeat(u[:, None].astype(float), 3, 1))
    for h, (a, b, c) in enumerate(systems):
        # float64 against the dense system of the same halves: those of N = 256 are off by 2e-11 themselves
        for system, got, tolerance in (
            ((*dplr.bilinear(a, b, layer.dt[h]), c), y, 5e-6 if (measure, n) == ("legt", 256) else 3e-6),
            (dense(layer, h), y64, 1e-11),
        ):
            truth = scipy.signal.fftconvolve(u.astype(float), dplr.kernel(*system, length))[:length] + layer.d[h] * u
            assert np.abs(got[:, h] - truth).max() <= tolerance * np.abs(truth).max()


def test_modes_far_above_the_sampling_rate_keep_their_digits():
    """The bilinear rule puts them at -1; stored as a_bar - 1 they would cost 1e-5 here."""
    layer, _ = hippo("legs", 256, dts=(0.1, 0.3))
    u = noise((4000, 2), "float32")
    wide = layer(u.astype(np.float64))
    assert (np.abs(layer(u) - wide).max(0) <= 3e-6 * np.abs(wide).max(0)).all()


def test_constant_input_does_not_stop_short_in_float32():
    for memory in (1000, 100_000):
        layer = S4([[-1.0]], [[[0.0]]], [[1.0]], [[0.5]], [0.0], [1 / memory])
        last = layer(np.ones((20 * memory, 1), np.float32))[-1, 0]
        assert abs(1 - last) <= 4 * 2.0**-24 + np.exp(-20)


@pytest.mark.parametrize("dtype", DTYPES)
def test_scan_is_the_convolution(dtype):
    layer = random_layer(9, 12, 2)
    u = noise((700, 9), dtype)
    y, convolved = layer(u), layer.convolve(u)
    assert convolved.dtype == dtype
    assert np.abs(y - convolved).max() <= TOLERANCE[dtype] * np.abs(convolved).max()


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_any_chunks_and_threads_give_the_same_bits(dtype, data):
    channels = data.draw(st.sampled_from([1, 3, 16, 21, 40]))
    layer = random_layer(channels, data.draw(st.sampled_from([1, 2, 5, 16])), data.draw(st.integers(1, 4)))
    length = data.draw(st.integers(0, 200))
    u = laid_out(noise((length, channels), dtype), data.draw(st.sampled_from(LAYOUTS)))
    whole = layer(u, threads=data.draw(st.integers(1, 4)), evaluation="scan")
    stream = layer.stream(None, dtype)
    pieces = cut(length, data.draw(st.lists(st.integers(0, 100), min_size=1, max_size=5)))
    threads = data.draw(st.integers(1, 3))
    parts = [np.empty((0, channels), dtype), *(stream.run(u[piece], threads=threads) for piece in pieces)]
    assert same_bits(np.concatenate(parts), whole)


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("dtype", DTYPES)
def test_steps_batches_prefill_and_saved_states_resume_bit_for_bit(rank, dtype):
    layer = random_layer(18, 20, rank)
    u = noise((3, 120, 18), dtype)
    whole = layer(u, evaluation="scan")
    y, stream = layer.prefill(u[:, :70], evaluation="scan")
    assert same_bits(y, whole[:, :70])
    other = layer.stream(3, dtype)
    other.state = stream.state
    for t in range(70, 120):
        assert same_bits(stream.step(u[:, t]), whole[:, t])
        assert same_bits(other.step(u[:, t]), whole[:, t])
    assert same_bits(stream.state, other.state)
    stream.reset()
    assert same_bits(stream.run(u), whole)
    assert same_bits(layer(u[1], evaluation="scan"), whole[1])
    same = u.copy()
    assert layer(same, out=same, evaluation="scan") is same and same_bits(same, whole)
    assert same_bits(pickle.loads(pickle.dumps(layer))(u, evaluation="scan"), whole)


# ---------------------------------------------------------------------------------------- passages


@pytest.mark.parametrize("measure", ["legs", "legt"])
@pytest.mark.parametrize("length", [1, 2, 3, 64, 97, 1000])
def test_truncated_outputs_come_back_and_give_the_same_kernel(length, measure):
    layer, _ = hippo(measure, 32, dts=(3 / length, 1 / length))
    parts = (layer.lambda_, layer.p, layer.b)
    truncated = []
    for h in range(2):
        a, _, c = dense(layer, h)
        truncated.append((c - c @ np.linalg.matrix_power(a, length))[:16])
    truth = layer.kernel(length, "float64")
    scale = peaks(truth)
    cauchy = S4.truncated_kernel(*parts, truncated, layer.dt, length)
    assert cauchy.shape == (2, length) and (np.abs(cauchy - truth) <= 1e-11 * scale).all()
    back = S4.from_truncated(*parts, truncated, layer.d, layer.dt, length)
    assert np.abs(back.c - layer.c).max() <= 1e-10 * np.abs(layer.c).max()
    assert (np.abs(back.kernel(3 * length, "float64")[:, :length] - truth) <= 1e-10 * scale).all()


def test_a_doubled_truncation_is_that_of_twice_the_length():
    layer, _ = hippo("legs", 16, dts=(0.02,))
    a, _, c = dense(layer, 0)
    power = np.linalg.matrix_power(a, 50)
    once = c - c @ power
    doubled = once + once @ power  # what official training does when it meets sequences of twice the length
    back = S4.from_truncated(layer.lambda_, layer.p, layer.b, doubled[None, :8], layer.d, layer.dt, 100)
    assert np.allclose(back.c, layer.c, rtol=0, atol=1e-11)


def test_truncated_outputs_of_undamped_systems_are_doubted_or_refused():
    near = (np.array([[-1e-11 + 2j, -1]]), np.zeros((1, 1, 2)), [[1, 1]], [[1, 1]], [0.0], np.array([1.0]))
    # the first a_bar is (1 + i) / (1 - i) = i, but for 1e-11: a fourth root of unity
    with pytest.warns(UserWarning, match="condition number"):
        S4.from_truncated(*near, 4)
    with pytest.raises(ValueError, match="singular in channel 0"):
        S4.from_truncated(np.array([[2j, -1]]), *near[1:], 4)


def test_resample_changes_dt_alone():
    layer = random_layer(3, 4)
    twice = layer.resample(2)
    assert np.array_equal(twice.dt, 2 * layer.dt) and np.array_equal(twice.c, layer.c)
    slow, _ = hippo("legs", 8, dts=(1e-4,))
    coarse, fine = slow.resample(10).kernel(100, "float64") / 10, slow.kernel(1000, "float64")[:, ::10]
    assert np.abs(coarse - fine).max() <= 0.02 * np.abs(fine).max()  # both sample the same continuous response
    for wrong in (0, -1, np.nan, np.inf):
        with pytest.raises(ValueError, match="rate must be"):
            layer.resample(wrong)


def test_check_tells_what_there_is():
    layer, _ = hippo("legs", 16)
    report = layer.check()
    assert report.system == "S4" and report.stable and report.difference < 3e-6 and report.modes == 8
    assert "Stable whatever p" in str(report)
    a_bar, _, _ = dense(layer, 2)
    assert np.isclose(np.abs(layer.poles[2]).max(), np.abs(np.linalg.eigvals(a_bar)).max(), rtol=1e-6)
    assert report.radius == np.abs(layer.poles).max() and layer.poles.shape == (3, 16)


# ---------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lambda_": np.zeros(2)}, "lambda_ must have shape"),
        ({"lambda_": np.zeros((0, 2))}, "lambda_ must have shape"),
        ({"p": np.zeros((2, 2))}, "p must have shape"),
        ({"p": np.zeros((5, 2, 2))}, "p must have shape"),
        ({"p": np.zeros((0, 2, 2))}, "p must have shape"),
        ({"p": np.full((1, 2, 2), np.nan)}, "p must be finite"),
        ({"q": np.zeros((2, 2, 2))}, "q must have shape"),
        ({"b": np.zeros((3, 2))}, "b must have shape"),
        ({"c": np.zeros((2, 3))}, "c must have shape"),
        ({"c": np.full((2, 2), np.inf)}, "c must be finite"),
        ({"d": np.zeros(3)}, "d must have shape"),
        ({"dt": np.zeros(2)}, "dt must be positive"),
        ({"dt": [0.1, np.nan]}, "dt must be finite"),
        ({"dt": 0.1}, "dt must have shape"),
        ({"method": "zoh"}, "method must be"),
        ({"lambda_": np.full((2, 2), 4.0), "dt": np.full(2, 0.5)}, "2 / dt must not be an eigenvalue"),
        ({"b": np.full((2, 2), 1e308), "dt": np.full(2, 1e3)}, "discrete system must be finite"),
    ],
)
def test_refusals_name_the_argument(change, words):
    good = {
        "lambda_": np.array([[-1, -2 + 1j], [-1, -3]]),
        "p": np.ones((1, 2, 2)),
        "b": np.ones((2, 2)),
        "c": np.ones((2, 2)),
        "d": np.ones(2),
        "dt": np.full(2, 0.1),
    }
    S4(**good)
    with pytest.raises(ValueError, match=words):
        S4(**{**good, **change})


def test_wrong_inputs_are_refused():
    layer = random_layer(3, 2)
    with pytest.raises(ValueError, match="u must have shape"):
        layer(np.zeros((4, 2), np.float32))
    with pytest.raises(TypeError, match="float32 or float64"):
        layer(np.zeros((4, 3), np.int32))
    with pytest.raises(ValueError, match="length must not be negative"):
        layer.kernel(-1)
    with pytest.raises(ValueError, match="batch must be"):
        layer.stream(0)
    with pytest.raises(ValueError, match="state must have shape"):
        layer.stream().state = np.zeros(3, np.float32)
    with pytest.raises(ValueError, match="length must be at least 1"):
        S4.from_truncated(layer.lambda_, layer.p, layer.b, layer.c, layer.d, layer.dt, 0)
    with pytest.raises(TypeError, match="length must be an integer"):
        S4.truncated_kernel(layer.lambda_, layer.p, layer.b, layer.c, layer.dt, 1.5)


def test_empty_and_huge():
    layer = random_layer(3, 2)
    assert layer(np.zeros((0, 3), np.float32)).shape == (0, 3)
    assert layer.kernel(0).shape == (3, 0)
    assert np.isfinite(layer(np.full((10, 3), 1e30, np.float32))).all()
    u = np.zeros((5, 3), np.float32)
    u[2, 1] = np.nan
    y = layer(u)
    assert np.isnan(y[2:, 1]).all() and np.isfinite(y[:, [0, 2]]).all() and np.isfinite(y[:2]).all()
