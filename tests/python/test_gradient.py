# SPDX-License-Identifier: Apache-2.0
"""Gradients against their definitions in double, extended and sixty-digit precision, and the laws they obey."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from danaus.ssm import S4D, causal_convolve, gradient
from helpers import LAYOUTS, laid_out, same_bits
from reference import gradients
from systems import random_layer, s4d_lin

DTYPES = ("float32", "float64")


def noise(shape, dtype="float64", seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def norm(x, axes):
    return np.sqrt((x.astype(float) ** 2).sum(axes))


# ------------------------------------------------------------------------------------------ convolution


def convolve_bounds(u, k, grad):
    """As the function states them, with one unit where there is no transform (log2(1) = 0): for du and dk."""
    unit = (1e-7 if u.dtype == np.float32 else 2e-16) * (1 + np.log2(u.shape[1]))
    du = unit * norm(grad, 1)[:, None] * norm(k[:, : u.shape[1]], 1)
    return du, unit * (norm(grad, 1) * norm(u, 1)).sum(0)[:, None]


def check_convolution(u, k, grad):
    du, dk = gradient.causal_convolve_vjp(u, k, grad)
    assert du.dtype == dk.dtype == u.dtype
    assert du.shape == u.shape and dk.shape == k.shape
    truth = gradients.convolve_vjp(u, k, grad)
    for found, wanted, bound in zip((du, dk), truth, convolve_bounds(u, k, grad), strict=True):
        assert (np.abs(found - wanted) <= bound).all()
    return du, dk


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", range(1, 71))
def test_convolution_of_every_small_length(dtype, length):
    for batch, channels, taps in ((1, 1, 1), (2, 3, length), (1, 17, length // 2 + 1), (3, 2, 70)):
        u, grad = noise((batch, length, channels), dtype), noise((batch, length, channels), dtype, 1)
        check_convolution(u, noise((channels, taps), dtype, 2), grad)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", [127, 128, 1000, 1021, 4096])
def test_convolution_of_long_signals(dtype, length):
    u, grad = noise((2, length, 2), dtype), noise((2, length, 2), dtype, 1)
    check_convolution(u, noise((2, length), dtype, 2), grad)


@given(
    length=st.integers(1, 200),
    taps=st.integers(0, 300),
    channels=st.integers(1, 40),
    lead=st.sampled_from([(), (2,), (2, 3)]),
    dtype=st.sampled_from(DTYPES),
    layouts=st.tuples(*[st.sampled_from(LAYOUTS)] * 3),
    threads=st.integers(1, 4),
)
def test_convolution_of_any_shape_layout_and_threads(length, taps, channels, lead, dtype, layouts, threads):
    shape = (*lead, length, channels)
    u, k, grad = noise(shape, dtype), noise((channels, taps), dtype, 1), noise(shape, dtype, 2)
    flat = (-1, length, channels)
    du, dk = check_convolution(u.reshape(flat), k, grad.reshape(flat))
    du = du.reshape(shape)
    given = [laid_out(x, layout) for x, layout in zip((u, k, grad), layouts, strict=True)]
    again = gradient.causal_convolve_vjp(*given, threads=threads)
    assert same_bits(again[0], du) and same_bits(again[1], dk)
    out = np.full_like(u, np.nan), np.full_like(k, np.nan)
    filled = gradient.causal_convolve_vjp(u, k, grad, out=out, threads=threads)
    assert filled[0] is out[0] and filled[1] is out[1]
    assert same_bits(out[0], du) and same_bits(out[1], dk)


@pytest.mark.parametrize("dtype", DTYPES)
def test_convolution_into_its_own_arguments(dtype):
    shape = (2, 50, 20)
    u, k, grad = noise(shape, dtype), noise((20, 50), dtype, 1), noise(shape, dtype, 2)
    du, dk = gradient.causal_convolve_vjp(u, k, grad)
    for which in (0, 2):
        given = [x.copy() for x in (u, k, grad)]
        gradient.causal_convolve_vjp(*given, out=(given[which], given[1]))
        assert same_bits(given[which], du) and same_bits(given[1], dk)
    memory = np.concatenate([u.ravel(), np.zeros(20, dtype)])  # du one row behind u
    gradient.causal_convolve_vjp(memory[: u.size].reshape(shape), k, grad, out=(memory[20:].reshape(shape), dk))
    assert same_bits(memory[20:].reshape(shape), du)


@pytest.mark.parametrize("dtype", DTYPES)
def test_convolution_keeps_what_is_not_finite_in_its_channel(dtype):
    u, k, grad = noise((1, 40, 20), dtype), noise((20, 60), dtype, 1), noise((1, 40, 20), dtype, 2)
    clean = gradient.causal_convolve_vjp(u, k, grad)
    k[:, 40:] = np.nan  # no sample reaches them
    grad[0, 7, 3] = np.inf
    du, dk = gradient.causal_convolve_vjp(u, k, grad)
    assert np.isnan(du[..., 3]).all() and np.isnan(dk[3, :40]).all() and (dk[:, 40:] == 0).all()
    others = np.arange(20) != 3
    assert np.array_equal(du[..., others], clean[0][..., others]) and np.array_equal(dk[others], clean[1][others])


@pytest.mark.parametrize("shape", [(0, 3), (0, 5, 3), (2, 0, 3), (5, 0)])
def test_convolution_of_nothing(shape):
    u, k = np.zeros(shape, np.float32), np.ones((shape[-1], 4), np.float32)
    du, dk = gradient.causal_convolve_vjp(u, k, u)
    assert du.shape == shape and np.array_equal(dk, np.zeros_like(k))


# --------------------------------------------------------------------------------------------- kernels


def modes(channels, count, seed=0):
    """Poles of every kind: slow, at once forgotten, real, on the circle, outside; and gains."""
    rng = np.random.default_rng([seed, channels, count])
    kind = np.arange(channels * count).reshape(channels, count)
    radius = np.choose(kind % 4, [1 - 1e-5 * rng.random(kind.shape), 0.1 * rng.random(kind.shape), 0.99, 1.0])
    a = radius * np.exp(1j * np.where(kind % 5 == 0, 0, rng.uniform(-3.1, 3.1, kind.shape)))
    return a - 1, rng.standard_normal(kind.shape) + 1j * rng.standard_normal(kind.shape)


def modes_error(delta, gain, dk, size, steep):
    """Bounds for ddelta and dgain.

    float64: a power a^l is a product of at most l factors, each product adds at most sqrt(5) roundings, the factor 1 +
    delta one; a matrix product adds J + 1 for J <= 256 terms, Horner's rule is counted with the powers, the gain adds
    3. float32: two rounded factors and the sum of J. Then what is left out: powers below 2^-62 (2^-510) within a block.
    """
    length, rows = dk.shape[1], min(256, max(16, 16 * -(-int(dk.shape[1] ** 0.5) // 16)))
    single = dk.dtype == np.float32
    unit = (length * (np.sqrt(5) + 1) + 3 + rows + 1) * 2.0**-53 + (rows + 3) * 2.0**-24 * single
    grown = np.maximum(1, np.abs(1 + delta)) ** length
    left = (2.0**-62 if single else 2.0**-510) * np.abs(dk.astype(float)).sum(1, keepdims=True) * length * grown
    return unit * steep + left * np.abs(gain), unit * size + left


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", [*range(71), 255, 256, 257, 1000, 1021, 16384, 70000])
def test_modes_are_the_sums(dtype, length):
    for channels, count in ((2, 4),) if length > 2000 else ((1, 1), (3, 17), (2, 32)):
        delta, gain = modes(channels, count, length)
        dk = noise((channels, length), dtype)
        ddelta, dgain = gradient.modes_vjp(delta, gain, dk)
        true_delta, true_gain, steep, size = gradients.modes_vjp(delta, gain, dk)
        by_delta, by_gain = modes_error(delta, gain, dk, size, steep)
        assert (np.abs(dgain - true_gain) <= by_gain).all() and (np.abs(ddelta - true_delta) <= by_delta).all()


@pytest.mark.parametrize("length", [100, 1024, 16384])
def test_modes_in_float32_are_within_3e_7_of_their_sums(length):
    layer = s4d_lin(16, 32)
    dk = noise((16, length), "float32")
    ddelta, dgain = gradient.modes_vjp(*layer._modes, dk)
    true_delta, true_gain, steep, size = gradients.modes_vjp(*layer._modes, dk)
    assert (np.abs(dgain - true_gain) <= 3e-7 * size).all() and (np.abs(ddelta - true_delta) <= 3e-7 * steep).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_modes_that_vanish_and_modes_that_grow(dtype):
    dk = noise((1, 300), dtype)
    once = gradient.modes_vjp(np.array([[-1.0 + 0j]]), np.array([[3 + 4j]]), dk)  # a_bar = 0
    assert np.allclose(once[1], dk[0, 0], rtol=1e-7) and np.allclose(once[0], (3 - 4j) * dk[0, 1], rtol=1e-7)
    outside = np.array([[0.1j + 0.05]])
    found = gradient.modes_vjp(outside, np.ones((1, 1), complex), dk)
    truth = gradients.modes_vjp(outside, np.ones((1, 1)), dk)
    unit = 1e-4 if dtype == "float32" else 1e-12
    assert np.abs(found[0] - truth[0]) <= unit * truth[2] and np.abs(found[1] - truth[1]) <= unit * truth[3]
    late = np.zeros((1, 4096), dtype)
    late[0, -1] = 1  # decays through more than the range of doubles
    found = gradient.modes_vjp(np.array([[-0.5 + 0j]]), np.ones((1, 1), complex), late)
    assert found[0] == 0 and found[1] == 0


@pytest.mark.parametrize("method", ["zoh", "bilinear", "dss"])
@pytest.mark.parametrize("length", [1, 2, 13, 30])
def test_kernel_against_differences_in_sixty_digits(method, length):
    rng = np.random.default_rng(length)
    a = np.array([-0.5 + 0j, -1e-3 + 2j, -0.3 - 40j, -30 + 1j, -4 + 4j])
    b, c = (rng.standard_normal(5) + 1j * rng.standard_normal(5) for _ in range(2))
    dk = rng.standard_normal(length)
    for dt in (1e-4, 0.02, 0.3):
        layer = S4D(a[None], b[None], c[None], np.zeros(1), np.full(1, dt), method=method, length=length)
        found = gradient.kernel_vjp(layer, dk[None])
        truth = gradients.s4d_kernel_vjp(a, b, c, dt, dk, method)
        # of L = 1 samples dss hardly depends on dt: there the parts cancel, each of the size of gain / dt
        parts = 2.0**-49 * np.abs(layer._modes[1]).sum() * np.abs(dk).sum()
        for name, value, wanted in zip(("a", "b", "c", "dt"), (a, b, c, dt), truth, strict=True):
            error = np.abs(getattr(found, name)[0] - wanted)
            assert (error <= 1e-11 * np.abs(wanted).max() + parts / np.abs(value)).all(), (dt, name)
    assert found.d.shape == (1,) and found.d[0] == 0


@pytest.mark.parametrize("method", ["zoh", "bilinear"])
def test_kernel_of_an_integrator(method):
    """At a = 0: K_l = 2 Re(c) dt, and by a the derivative of dt phi(dt a) a_bar^l."""
    layer = S4D([[0.0]], 1, [[0.5]], [0.0], [0.25], method=method)
    found = gradient.kernel_vjp(layer, np.ones((1, 6)))
    truth = gradients.s4d_kernel_vjp([0.0 if method == "bilinear" else 1e-25], [1.0], [0.5], 0.25, np.ones(6), method)
    for name, wanted in zip(("a", "b", "c", "dt"), truth, strict=True):
        assert np.allclose(getattr(found, name)[0], wanted, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
def test_kernel_and_threads(dtype):
    layer, dk = random_layer(11, 6), noise((11, 300), dtype)
    plain = gradient.kernel_vjp(layer, dk)
    for threads in (2, 3, 50):
        again = gradient.kernel_vjp(layer, laid_out(dk, "strided"), threads=threads)
        assert all(same_bits(getattr(again, n), getattr(plain, n)) for n in ("a", "b", "c", "d", "dt"))


# ----------------------------------------------------------------------------------------------- scans


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("channels", "count", "length"), [(1, 1, 1), (3, 17, 70), (16, 4, 1000), (37, 8, 129)])
def test_scan_is_the_scan_from_the_end(dtype, channels, count, length):
    layer = random_layer(channels, count)
    u, grad = noise((2, length, channels), dtype), noise((2, length, channels), dtype, 1)
    du, found = gradient.scan_vjp(layer, u, grad)
    assert same_bits(du, layer(grad[:, ::-1], evaluation="scan")[:, ::-1].copy())
    true_du, true_dk = gradients.convolve_vjp(u, layer.kernel(length, "float64"), grad)
    unit = 4e-6 if dtype == "float32" else 1e-12  # of the scan, as S4D states it
    assert np.abs(du - true_du - layer.d * grad).max() <= unit * np.abs(layer.d * grad + true_du).max()
    wanted = gradient.kernel_vjp(layer, true_dk)
    for name in ("a", "b", "c", "dt"):
        value, truth = getattr(found, name), getattr(wanted, name)
        assert np.abs(value - truth).max() <= (3e-6 if dtype == "float32" else 1e-11) * np.abs(truth).max()
    assert np.allclose(found.d, (u.astype(float) * grad).sum((0, 1)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_scan_out_threads_and_layouts(dtype):
    layer = random_layer(21, 5)
    u, grad = noise((3, 100, 21), dtype), noise((3, 100, 21), dtype, 1)
    du, _ = gradient.scan_vjp(layer, u, grad)
    for layout in LAYOUTS:
        out = np.full_like(u, np.nan)
        assert gradient.scan_vjp(layer, laid_out(u, layout), laid_out(grad, layout), out=out, threads=3)[0] is out
        assert same_bits(out, du)
    gradient.scan_vjp(layer, u, grad, out=grad)
    assert same_bits(grad, du)


def test_scan_of_nothing():
    layer = random_layer(3, 2)
    for shape in ((0, 3), (0, 5, 3)):
        du, found = gradient.scan_vjp(layer, np.zeros(shape, np.float32), np.zeros(shape, np.float32))
        assert du.shape == shape and not found.a.any() and not found.d.any()


# ---------------------------------------------------------------------------------- transfer functions


def transfer(channels, rows, order, seed=0):
    """l1-stable denominators (Montel): sum |a_i| < 1."""
    rng = np.random.default_rng([seed, channels, order])
    a = rng.standard_normal((rows, order))
    return rng.standard_normal((channels, order)), a / (1.02 * np.abs(a).sum(1, keepdims=True))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", [0, 1, 2, 3, 7, 8, 9, 70, 127, 128, 129, 300])
@pytest.mark.parametrize("order", [1, 2, 7, 8, 9, 16, 17, 33, 70])
def test_transfer_is_the_definition(dtype, length, order):
    """An error of 2^-53 in a sample passes through 1/A, |1/A|_1 <= 51, twice for a; the sums are of N and L terms."""
    channels, rows = (5, 5) if order % 2 else (6, 3)
    b, a = transfer(channels, rows, order)
    dk = noise((channels, length), dtype)
    response = gradient.transfer_response(b, a, length)
    db, da = gradient.transfer_kernel_vjp(b, a, dk)
    assert db.shape == b.shape and da.shape == a.shape and db.dtype == da.dtype == np.float64
    unit = 51**2 * (order + length) * 2.0**-53
    apart = np.zeros((channels, order))
    for h in range(channels):
        row = a[h // (channels // rows)]
        largest = np.abs(b[h]).sum() * (1 + np.abs(dk[h]).sum())
        assert np.abs(response[h] - gradients.transfer_response(b[h], row, length)).max(initial=0) <= unit * largest
        true_db, apart[h] = gradients.transfer_kernel_vjp(b[h], row, dk[h])
        assert np.abs(db[h] - true_db).max() <= unit * largest
    assert (
        np.abs(da - apart.reshape(rows, -1, order).sum(1)).max() <= unit * 51 * (1 + np.abs(dk).sum()) * np.abs(b).sum()
    )


@pytest.mark.parametrize("order", [4, 64, 256])
def test_transfer_is_the_adjoint_in_frequencies(order):
    """G of dk: db = irfft(G / conj A), da = -irfft(G conj K / conj A) on so many points that none wraps around."""
    b, a = transfer(3, 3, order)
    length, points = 4096, 1 << 17
    dk = noise((3, length))
    spectrum = np.fft.rfft(np.concatenate([np.ones((3, 1)), a], 1), points)
    kernel = np.fft.rfft(gradient.transfer_response(b, a, length + 40000), points)
    back = np.fft.rfft(dk, points) / spectrum.conj()
    db, da = gradient.transfer_kernel_vjp(b, a, dk)
    true_db = np.fft.irfft(back, points)[:, 1 : order + 1]
    true_da = -np.fft.irfft(back * kernel.conj(), points)[:, 1 : order + 1]
    assert np.abs(db - true_db).max() <= 1e-12 * np.abs(true_db).max()
    assert np.abs(da - true_da).max() <= 1e-12 * np.abs(true_da).max()


def test_transfer_with_poles_outside_the_circle():
    b, a = np.array([[1.0, 0.5]]), np.poly([1.05, -0.5])[None, 1:]
    dk = noise((1, 200))
    db, da = gradient.transfer_kernel_vjp(b, a, dk)
    true_db, true_da = gradients.transfer_kernel_vjp(b[0], a[0], dk[0])
    assert np.allclose(db[0], true_db, rtol=1e-11) and np.allclose(da[0], true_da, rtol=1e-11)


def test_transfer_that_decays_leaves_no_trace_of_what_keeps_it_off_denormals():
    b, a = np.array([[1.0]]), np.array([[-0.5]])
    response = gradient.transfer_response(b, a, 5000)
    assert np.array_equal(response[0, 1:300], 0.5 ** np.arange(299)) and (response[0, 1500:] == 0).all()
    db, da = gradient.transfer_kernel_vjp(b, a, np.zeros((1, 5000)))
    assert not db.any() and not da.any()


@given(
    channels=st.integers(1, 40),
    order=st.integers(1, 20),
    length=st.integers(0, 60),
    threads=st.integers(1, 4),
    layout=st.sampled_from(LAYOUTS),
)
def test_transfer_of_any_shape_layout_and_threads(channels, order, length, threads, layout):
    b, a = transfer(channels, channels, order)
    dk = noise((channels, length))
    plain = gradient.transfer_kernel_vjp(b, a, dk)
    again = gradient.transfer_kernel_vjp(
        laid_out(b, layout), laid_out(a, layout), laid_out(dk, layout), threads=threads
    )
    assert same_bits(plain[0], again[0]) and same_bits(plain[1], again[1])
    alone = gradient.transfer_kernel_vjp(b[:1], a[:1], dk[:1])
    assert same_bits(alone[0], plain[0][:1]) and same_bits(alone[1], plain[1][:1])


# ------------------------------------------------------------------------- diagonal plus low rank


def low_rank(channels, count, rank, seed=0):
    """lambda_, p, b, c, dt and q of stable layers."""
    rng = np.random.default_rng([seed, channels, count, rank])

    def normal(*shape):
        return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)

    lambda_ = -rng.uniform(0.2, 1, (channels, count)) + 1j * rng.uniform(0, 20, (channels, count))
    p, q = 0.5 * normal(rank, channels, count), 0.2 * normal(rank, channels, count)
    return lambda_, p, normal(channels, count), normal(channels, count), rng.uniform(0.01, 0.2, channels), q


@pytest.mark.parametrize(("rank", "length"), [(1, 1), (1, 2), (1, 9), (2, 6), (3, 4), (4, 5)])
def test_low_rank_against_differences_in_forty_digits(rank, length):
    lambda_, p, b, c, dt, q = low_rank(1, 2, rank, length)
    dk = noise((1, length))
    for right in (None, q):
        found = gradient.dplr_kernel_vjp(lambda_, p, b, c, dt, dk, q=right)
        other = p if right is None else right
        by = gradients.dplr_kernel_vjp(lambda_[0], p[:, 0], other[:, 0], b[0], c[0], dt[0], dk[0])
        assert (found.q is None) == (right is None)
        both = by[1] + by[2]
        pairs = [(found.lambda_[0], by[0]), (found.p[:, 0], both if right is None else by[1])]
        pairs += [(found.b[0], by[3]), (found.c[0], by[4]), (found.dt[0], np.array(by[5]))]
        pairs += [] if right is None else [(found.q[:, 0], by[2])]
        for value, truth in pairs:
            assert np.abs(value - truth).max() <= 1e-12 * np.abs(truth).max()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", [15, 16, 17, 31, 32, 33, 48, 49, 97, 1000, 1021])
def test_low_rank_along_a_direction(length, dtype):
    """The loss of dense matrices, differenced over five points: h^4 and 2^-53 / h of it are left."""
    channels, count, rank = 3, 5, 2
    values = low_rank(channels, count, rank)
    directions = low_rank(channels, count, rank, seed=1)
    dk = noise((channels, length), dtype)
    found = gradient.dplr_kernel_vjp(*values[:5], dk, q=values[5])
    slope = sum(
        (np.conj(by) * d).real.sum()
        for by, d in zip((found.lambda_, found.p, found.b, found.c, found.dt, found.q), directions, strict=True)
    )

    def loss(step):
        lambda_, p, b, c, dt, q = (x + step * d for x, d in zip(values, directions, strict=True))
        kernels = [
            gradients.dplr_kernel(lambda_[h], p[:, h], q[:, h], b[h], c[h], dt[h], length) for h in range(channels)
        ]
        return (dk.astype(float) * kernels).sum()

    h = 1e-2 / (length + 10)  # a pole's turn over the whole length changes by 1e-2 or so
    wanted = (8 * (loss(h) - loss(-h)) - (loss(2 * h) - loss(-2 * h))) / (12 * h)
    assert abs(slope - wanted) <= 1e-8 * sum(np.abs(by).max() for by in (found.lambda_, found.p, found.dt))


def test_low_rank_threads_and_layouts():
    lambda_, p, b, c, dt, q = low_rank(37, 3, 2)
    dk = noise((37, 60))
    names = ("lambda_", "p", "q", "b", "c", "dt")
    plain = gradient.dplr_kernel_vjp(lambda_, p, b, c, dt, dk, q=q)
    for layout, threads in (("fortran", 2), ("strided", 3), ("reversed", 4)):
        given = [laid_out(x, layout) for x in (lambda_, p, b, c, dt, dk)]
        again = gradient.dplr_kernel_vjp(*given, q=laid_out(q, layout), threads=threads)
        assert all(same_bits(getattr(again, name), getattr(plain, name)) for name in names)
    one = gradient.dplr_kernel_vjp(lambda_[20:21], p[:, 20:21], b[20:21], c[20:21], dt[20:21], dk[20:21], q=q[:, 20:21])
    assert same_bits(one.p[:, 0], plain.p[:, 20].copy()) and one.dt[0] == plain.dt[20]
    nothing = gradient.dplr_kernel_vjp(lambda_, p, b, c, dt, dk[:, :0], q=q)
    silent = gradient.dplr_kernel_vjp(lambda_, p, b, c, dt, 0 * dk, q=q)
    assert not any(getattr(x, name).any() for x in (nothing, silent) for name in names)


# ------------------------------------------------------------------------------------ autograd agrees


def test_pytorch_differentiates_the_same():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    layer = random_layer(3, 5)
    u, grad = noise((2, 70, 3)), noise((2, 70, 3), seed=1)
    leaves = {n: torch.tensor(getattr(layer, n).copy(), requires_grad=True) for n in ("a", "b", "c", "d", "dt")}
    a, b, c, d, dt = leaves.values()
    signal = torch.tensor(u, requires_grad=True)
    a_bar = torch.exp(dt[:, None] * a)
    k = 2 * ((c * b * (a_bar - 1) / a)[..., None] * a_bar[..., None] ** torch.arange(70)).sum(1).real
    spectrum = torch.fft.rfft(signal, n=140, dim=1) * torch.fft.rfft(k, n=140).T
    (torch.fft.irfft(spectrum, n=140, dim=1)[:, :70] + d * signal).backward(torch.tensor(grad))
    du, found = gradient.scan_vjp(layer, u, grad)
    assert np.abs(du - signal.grad.numpy()).max() <= 1e-11 * np.abs(du).max()
    for name, leaf in leaves.items():
        assert np.abs(getattr(found, name) - leaf.grad.numpy()).max() <= 1e-11 * np.abs(leaf.grad.numpy()).max()

    b, a = transfer(4, 2, 9)
    numerator, denominator = torch.tensor(b, requires_grad=True), torch.tensor(a, requires_grad=True)
    one = torch.ones(2, 1, dtype=torch.float64)
    below = torch.fft.rfft(torch.cat((one, denominator), 1), n=1 << 14).repeat_interleave(2, 0)
    above = torch.fft.rfft(torch.nn.functional.pad(numerator, (1, 0)), n=1 << 14)
    dk = rng.standard_normal((4, 300))
    torch.fft.irfft(above / below, n=1 << 14)[:, :300].backward(torch.tensor(dk))
    for value, leaf in zip(gradient.transfer_kernel_vjp(b, a, dk), (numerator, denominator), strict=True):
        assert np.abs(value - leaf.grad.numpy()).max() <= 1e-11 * np.abs(value).max()


# ------------------------------------------------------------------------------------------- refusals

LAYER = S4D([[-1.0]], 1, [[0.5]], [0.0], [0.1])
U, K, MODES = np.ones((5, 1)), np.ones((1, 3)), np.ones((1, 1), complex)
LOW = (-MODES, MODES[None], MODES, MODES, np.ones(1), K)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: gradient.causal_convolve_vjp(U, K, U[:4]), ValueError, r"grad must have shape \(5, 1\)"),
        (lambda: gradient.causal_convolve_vjp(U, K, U.astype("f")), TypeError, "grad must be float64"),
        (lambda: gradient.causal_convolve_vjp(U, K.astype("f"), U), TypeError, "k must be float64"),
        (lambda: gradient.causal_convolve_vjp(U, K[0], U), ValueError, r"k must have shape \(channels, taps\)"),
        (lambda: gradient.causal_convolve_vjp(U, np.ones((2, 3)), U), ValueError, "u must have shape"),
        (lambda: gradient.causal_convolve_vjp(U[:, 0], K, U[:, 0]), ValueError, "u must have shape"),
        (lambda: gradient.causal_convolve_vjp(1, K, 1), TypeError, "u must be float32 or float64"),
        (lambda: gradient.causal_convolve_vjp(U, K, U, out=U), TypeError, "out must be a tuple"),
        (lambda: gradient.causal_convolve_vjp(U, K, U, out=(U, U)), ValueError, "share memory"),
        (lambda: gradient.causal_convolve_vjp(U, K, U, out=(U, U[:3] + 0)), ValueError, "out must have shape"),
        (lambda: gradient.causal_convolve_vjp(U, K, U, out=(U.astype("f"), K)), TypeError, "out must be a writable"),
        (lambda: gradient.causal_convolve_vjp(U, K, U, threads=0), ValueError, "threads"),
        (lambda: gradient.modes_vjp(MODES, MODES[0], K), ValueError, "gain must have shape"),
        (lambda: gradient.modes_vjp(MODES[0], MODES[0], K), ValueError, "delta must have shape"),
        (lambda: gradient.modes_vjp(MODES * np.nan, MODES, K), ValueError, "delta must be finite"),
        (lambda: gradient.modes_vjp(MODES, MODES, K[0]), ValueError, "dk must have shape"),
        (lambda: gradient.modes_vjp(MODES, MODES, np.ones((2, 3))), ValueError, r"dk must have shape \(1, length\)"),
        (lambda: gradient.dplr_kernel_vjp(MODES[0], *LOW[1:]), ValueError, "lambda_ must have shape"),
        (lambda: gradient.dplr_kernel_vjp(LOW[0], MODES, *LOW[2:]), ValueError, "p must have shape"),
        (lambda: gradient.dplr_kernel_vjp(*LOW, q=MODES), ValueError, "q must have shape"),
        (lambda: gradient.dplr_kernel_vjp(*LOW[:5], np.ones((2, 3))), ValueError, r"dk must have shape \(1, length\)"),
        (lambda: gradient.dplr_kernel_vjp(*LOW[:4], -LOW[4], K), ValueError, "dt must be positive"),
        (
            lambda: gradient.dplr_kernel_vjp(LOW[0], *(np.nan * x for x in LOW[1:2]), *LOW[2:]),
            ValueError,
            "p must be fin",
        ),
        (
            lambda: gradient.dplr_kernel_vjp(0 * MODES, 1j * MODES[None], *LOW[2:5], K, q=-1j * MODES[None]),
            ValueError,
            "2 / dt must not be an eigenvalue of A, is one in channel 0",
        ),
        (lambda: gradient.kernel_vjp(3, K), TypeError, "layer must be a danaus.ssm.S4D, is int"),
        (lambda: gradient.kernel_vjp(LAYER, [[1, 2]]), TypeError, "dk must be float32 or float64"),
        (lambda: gradient.scan_vjp(LAYER, U, U[:2]), ValueError, "grad must have shape"),
        (lambda: gradient.scan_vjp(LAYER, np.ones((5, 2)), np.ones((5, 2))), ValueError, "u must have shape"),
        (lambda: gradient.scan_vjp(LAYER, U, U, out=U[:2]), ValueError, "out must have shape"),
        (lambda: gradient.transfer_response(K, K[:, :2], 5), ValueError, "a must have shape"),
        (lambda: gradient.transfer_response(np.ones((3, 2)), np.ones((2, 2)), 5), ValueError, "a must have shape"),
        (lambda: gradient.transfer_response(K, K, -1), ValueError, "length must not be negative"),
        (lambda: gradient.transfer_response(K[0], K, 5), ValueError, "b must have shape"),
        (lambda: gradient.transfer_kernel_vjp(K * np.inf, K, K), ValueError, "b must be finite"),
        (lambda: gradient.transfer_kernel_vjp(K, K, np.ones((2, 9))), ValueError, r"dk must have shape \(1, length\)"),
        (lambda: gradient.transfer_kernel_vjp(K * 1j, K, K), TypeError, "b must be real"),
    ],
)
def test_refusals_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_step_downhill_goes_downhill():
    """The kernel of a layer moves towards a wanted one along the gradients of half the squared distance."""
    layer, wanted = random_layer(4, 8), random_layer(4, 8, seed=1).kernel(200, "float64")

    def loss(layer):
        return 0.5 * ((layer.kernel(200, "float64") - wanted) ** 2).sum()

    slope = gradient.kernel_vjp(layer, layer.kernel(200, "float64") - wanted)
    parts = {n: getattr(slope, n) for n in ("a", "b", "c", "dt")}
    steepness = sum((np.abs(x) ** 2).sum() for x in parts.values())
    rate = 1e-6 * loss(layer) / steepness
    moved = S4D(*(getattr(layer, n) - rate * parts[n] for n in "abc"), layer.d, layer.dt - rate * parts["dt"])
    assert np.isclose(loss(layer) - loss(moved), rate * steepness, rtol=1e-3)


def test_causal_convolution_and_its_gradient_are_adjoint():
    u, k, v = noise((3, 100, 5)), noise((5, 40), seed=1), noise((3, 100, 5), seed=2)
    du, dk = gradient.causal_convolve_vjp(u, k, v)
    inner = (causal_convolve(u, k) * v).sum()
    assert np.isclose((du * u).sum(), inner, rtol=1e-12) and np.isclose((dk * k).sum(), inner, rtol=1e-12)
