# SPDX-License-Identifier: Apache-2.0
"""Rational transfer functions against SciPy, mpmath and the published formula."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import dlsim, lfilter

from danaus import _core
from danaus.ssm import TransferFunction
from helpers import LAYOUTS, cut, laid_out, same_bits
from reference import transfer

UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}
LENGTHS = [1, 2, 3, 5, 7, 8, 13, 64, 97, 100, 255]


def polynomial(poles):
    """``a_1 .. a_N`` of real systems with these poles, one of each conjugate pair.

    The smallest and the largest real parts in turn, so that no partial product is large.
    """
    poles = sorted(poles, key=lambda z: z.real)
    a = np.ones(1)
    while poles:
        z = poles.pop(0 if len(a) % 4 == 1 else -1)
        a = np.convolve(a, [1, -2 * z.real, abs(z) ** 2])
    return a[1:]


def spread(order, radius, rng):
    """Poles all around the circle, up to ``radius``."""
    angles = (np.arange(order // 2) + 0.5 + 0.3 * rng.uniform(-1, 1, order // 2)) * 2 * np.pi / order
    moduli = radius * (0.9 + 0.1 * rng.uniform(0, 1, order // 2))
    moduli[0] = radius
    return polynomial(moduli * np.exp(1j * angles))


def random_system(channels, order, seed=0, rows=None):
    """All sum |a| <= 0.9, so that sum |g_t| <= 10 for g = 1 / A."""
    rng = np.random.default_rng([seed, channels, order])
    a = rng.uniform(-0.9, 0.9, (rows or channels, order)) / order
    return TransferFunction(rng.uniform(-1, 1, (channels, order)), a, rng.uniform(-1, 1, channels))


def every_a(system):
    return np.repeat(system.a, len(system.b) // len(system.a), axis=0)


def filtered(system, u):
    """SciPy's answer in double precision."""
    a, u = every_a(system), np.asarray(u, float)
    y = [
        lfilter(np.concatenate([[0.0], system.b[h]]), np.concatenate([[1.0], a[h]]), u[:, h]) + system.h0[h] * u[:, h]
        for h in range(len(a))
    ]
    return np.stack(y, axis=1)


def bound(system, u, y, dtype):
    """How far rounding may take the outputs of ``random_system``.

    2 roundings of each of N states a sample, each state at most sum |b| |u| + |a|_1 |y'|, go on through sum |g| <= 10;
    rounding the coefficients does as much; then the output. SciPy's own error is of the same kind in double precision.
    """
    peak, order = np.abs(u).max(initial=0), system.b.shape[1]
    largest = np.abs(y).max(0, initial=0) + np.abs(system.h0) * peak
    state = np.abs(system.b).sum(1) * peak + np.abs(every_a(system)).sum(1) * largest
    return (UNIT[dtype] + 2 * UNIT["float64"]) * (10 * (2 * order + 2) * state + 3 * (largest + peak)) + 1e-18


@pytest.mark.parametrize("dtype", UNIT)
def test_every_order_against_scipy(dtype):
    for order in range(1, 71):
        system = random_system(order % 5 + 1 if order % 9 else 20, order)
        u = np.random.default_rng(order).uniform(-1, 1, (90, len(system.b))).astype(dtype)
        y = system(u)
        assert y.dtype == dtype
        want = filtered(system, u)
        assert (np.abs(y - want) <= bound(system, u, want, dtype)).all(), order


def test_the_reference_is_scipys_and_dlsims_system():
    system = random_system(2, 5)
    u = np.random.default_rng(0).standard_normal((40, 2))
    want = filtered(system, u)
    np.testing.assert_allclose(transfer.scan(system.b, system.a, system.h0, u), want, atol=1e-13)
    for h in range(2):
        top = np.concatenate([[system.h0[h]], system.b[h] + system.h0[h] * system.a[h]])
        _, y = dlsim((top, np.concatenate([[1.0], system.a[h]]), 1.0), u[:, h])
        np.testing.assert_allclose(y[:, 0], want[:, h], atol=1e-13)
        np.testing.assert_allclose(system(u)[:, h], y[:, 0], atol=1e-13)


@pytest.mark.parametrize("rows", [1, 2, 3, 6])
def test_shared_denominators(rows):
    shared = random_system(6, 4, rows=rows)
    each = TransferFunction(shared.b, every_a(shared), shared.h0)
    u = np.random.default_rng(1).standard_normal((50, 6)).astype(np.float32)
    assert same_bits(shared(u), each(u))
    assert same_bits(shared.kernel(33), each.kernel(33))
    assert same_bits(shared.truncated(16), each.truncated(16))


@given(
    st.integers(1, 40),
    st.integers(1, 24),
    st.sampled_from(["float32", "float64", "mixed"]),
    st.lists(st.integers(0, 30), min_size=1, max_size=6),
)
def test_pieces_agree_bit_for_bit(channels, order, kind, sizes):
    system = random_system(channels, order)
    if kind == "mixed":  # float samples, double states
        system.__dict__["_sensitive"] = np.ones(channels, bool)
    dtype = "float64" if kind == "float64" else "float32"
    u = np.random.default_rng(2).standard_normal((77, channels)).astype(dtype)
    whole = system(u, evaluation="scan")
    stream, steps = system.stream(dtype=dtype), system.stream(dtype=dtype)
    assert stream.state.dtype == (np.float32 if kind == "float32" else np.float64)
    assert same_bits(np.concatenate([stream.run(u[piece]) for piece in cut(len(u), sizes)]), whole)
    assert same_bits(np.stack([steps.step(row) for row in u]), whole)
    assert same_bits(stream.state, steps.state)


@pytest.mark.parametrize("dtype", UNIT)
def test_streams_resume_copy_and_reset(dtype):
    system = random_system(19, 9)
    u = np.random.default_rng(3).standard_normal((3, 60, 19)).astype(dtype)
    whole = system(u, evaluation="scan")
    y, stream = system.prefill(u[:, :29], evaluation="scan")
    assert same_bits(y, np.ascontiguousarray(whole[:, :29]))
    other = system.stream(3, dtype)
    other.state = stream.state
    twin = stream.copy()
    rest = np.ascontiguousarray(whole[:, 29:])
    for one in (stream, other, twin):
        assert same_bits(one.run(u[:, 29:]), rest)
    stream.reset()
    assert same_bits(stream.run(u), whole)


@pytest.mark.parametrize("order", [1, 4, 8, 33])
@pytest.mark.parametrize("length", [1, 5, 33, 200])
def test_a_stream_goes_on_after_a_convolution(order, length):
    system = random_system(18, order)
    u = np.random.default_rng(4).uniform(-1, 1, (length + 40, 18))
    head = system.convolve(u[:length])
    rest = system.stream_after(u[:length], head).run(u[length:])
    want = filtered(system, u)
    # What the convolution lost (1e-15 log2 L of the norms) goes through |a|_1 <= 1 and sum |g| <= 10.
    lost = 10 * np.abs(head - want[:length]).max()
    assert np.abs(rest - want[length:]).max() <= 2 * bound(system, u, want, "float64").max() + lost
    known = slice(max(length - order, 0), length)  # the last N rows are all that counts
    again = system.stream_after(u[known], head[known])
    assert same_bits(again.state, system.stream_after(u[:length], head).state)
    tail = [
        transfer.state(system.b[h], system.a[h], u[:length, h], head[:, h] - system.h0[h] * u[:length, h])
        for h in range(18)
    ]
    state = again.state.reshape(2, -1, 16)[:, :order].transpose(0, 2, 1).reshape(32, order)
    assert np.abs(state[:18] - tail).max() <= 2 * bound(system, u, want, "float64").max()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_and_threads(layout):
    system = random_system(21, 6)
    u = np.random.default_rng(5).standard_normal((2, 3, 40, 21)).astype(np.float32)
    want = system(u, evaluation="scan")
    assert same_bits(system(laid_out(u, layout), threads=2, evaluation="scan"), want)
    out = np.empty_like(u)
    assert system(laid_out(u, layout), out=out, evaluation="scan") is not None and same_bits(out, want)
    k = np.empty((21, 50), np.float32)
    system.kernel(50, out=k, threads=3)
    assert same_bits(k, system.kernel(50))


@pytest.mark.parametrize("dtype", UNIT)
def test_kernels_of_every_order_and_length(dtype):
    for order in [*range(1, 20), 31, 32, 33, 48, 64, 70]:
        system = random_system(order % 4 + 1, order, seed=1)
        for length in (0, 1, 2, order, order + 1, 71, 131):
            k = system.kernel(length, dtype)
            impulse = np.eye(length, 1) * np.ones(len(system.b))
            want = filtered(system, impulse).T if length else np.zeros((len(system.b), 0))
            assert k.shape == want.shape and k.dtype == dtype
            far = bound(system, impulse, want.T, "float64")[:, None] + UNIT[dtype] * np.abs(want)
            if dtype == "float32":  # made in single precision
                far = np.maximum(far, 3e-7 * np.abs(want[:, 1:]).max(1, initial=0)[:, None])
            assert (np.abs(k - want) <= far).all()


@pytest.mark.parametrize("order", [2, 16, 64])
@pytest.mark.parametrize("radius", [0.9, 0.99, 0.9999])
def test_kernels_against_many_digits(order, radius):
    """1e-11 of the peak, where the coefficients are well conditioned; float32 is that, rounded once."""
    rng = np.random.default_rng([order, int(radius * 1e4)])
    a, b = spread(order, radius, rng), rng.standard_normal(order)
    system = TransferFunction(b[None], a[None], [0.3])
    want = transfer.kernel(b, a, 0.3, 500)
    peak = np.abs(want).max()
    assert np.abs(system.kernel(500, "float64")[0] - want).max() <= 1e-11 * peak
    assert np.abs(system.kernel(500)[0] - want).max() <= 1e-7 * peak


def chunk_bound(system, y, dtype):
    """What transforms of n samples lose: 2^-24 log2 n of their factors' norms, sqrt(n) peaks spread over n samples.

    The state takes up |a|_1 <= 0.9 of that and gives back sum |g| <= 10 of it.
    """
    n = system.chunk_length
    size = np.abs(y).max(0, initial=0) + np.abs(system.b).sum(1)
    return 20 * UNIT[dtype] * np.log2(n) * size


@pytest.mark.parametrize("dtype", UNIT)
@pytest.mark.parametrize("order", [1, 3, 8, 15, 16, 33, 70])
def test_chunks_against_scipy(order, dtype):
    system = random_system(19, order, seed=3)
    n = system.chunk_length
    u = np.random.default_rng(order).uniform(-1, 1, (3 * n + 71, 19)).astype(dtype)
    want = filtered(system, u)
    around = [n - 1, n, n + 1, 2 * n - 1, 2 * n, 2 * n + 1, 3 * n, 3 * n + 7, 3 * n + 71]
    for length in [*range(0, 71, 1 if order == 8 else 7), 97, 127, *around]:
        y, stream = system.chunked_prefill(u[:length])
        far = bound(system, u, want, dtype) + chunk_bound(system, want, dtype)
        assert y.dtype == dtype and (np.abs(y - want[:length]) <= far).all(), length
        assert same_bits(system.chunked(u[:length]), y)
        rest = stream.run(u[length : length + 71])
        assert (np.abs(rest - want[length : length + len(rest)]) <= far).all(), length


@pytest.mark.parametrize("dtype", ["float32", "float64", "mixed"])
def test_chunks_of_batches_threads_and_states(dtype):
    system = random_system(40, 20, seed=4)
    if dtype == "mixed":
        system.__dict__["_sensitive"] = np.ones(40, bool)
    kind = "float64" if dtype == "float64" else "float32"
    u = np.random.default_rng(4).standard_normal((2, 3, 333, 40)).astype(kind)
    y = system.chunked(u, threads=2)
    for i in np.ndindex(2, 3):
        assert same_bits(system.chunked(np.ascontiguousarray(u[i])), np.ascontiguousarray(y[i]))
    out = np.empty_like(u)
    assert system.chunked(u, out=out) is not None and same_bits(out, y)
    assert same_bits(system.chunked(u, out=u.copy()), y)
    head, stream = system.chunked_prefill(u[0])
    exact, scanned = system.prefill(u[0])
    unit = UNIT["float64" if dtype == "float64" else "float32"]
    for a, b in ((head, exact), (stream.step(u[1, :, 0]), scanned.step(u[1, :, 0]))):
        assert np.abs(a - b).max() <= 200 * unit * np.abs(exact).max()
    again = system.stream(3, kind)
    again.state = stream.state
    assert same_bits(again.run(u[1]), stream.run(u[1]))
    for empty in ((0, 40), (2, 0, 40), (0, 70, 40)):
        assert system.chunked(np.zeros(empty, kind)).shape == empty


def test_chunks_with_channels_that_are_filters():
    pytest.importorskip("danaus.ssm.convert")
    rng = np.random.default_rng(5)
    a = np.stack([spread(16, r, rng) for r in (0.95, 1.05)])
    system = TransferFunction.from_truncated(rng.standard_normal(a.shape), a, [0.0, 1.0], 200)
    u = rng.standard_normal((300, 2))
    y, stream = system.chunked_prefill(u[:250])
    want = system(u)
    peak = np.abs(want).max()
    assert np.abs(system.chunked(u) - want).max() <= 1e-11 * peak
    assert np.abs(np.concatenate([y, stream.run(u[250:])]) - want).max() <= 1e-11 * peak


ARCS = {
    "64 poles on an arc": (64, 0.1, 2.5, 0.95),
    "16 poles near one": (16, 0.1, 0.5, 0.99),
    "12 poles at low frequencies": (12, 0.05, 0.3, 0.98),
    "a slow arc": (16, 0.2, 0.8, 0.9999),
}


def arc(name):
    """Poles next to each other: coefficients of condition 1e9 and more."""
    order, first, last, radius = ARCS[name]
    return polynomial((radius * np.exp(1j * np.linspace(first, last, order // 2))).tolist())


def arcs(name, channels=3):
    """Such a system between two well-conditioned ones."""
    rng = np.random.default_rng(len(name))
    a = 0.5 * rng.uniform(-1, 1, (channels, ARCS[name][0])) / ARCS[name][0]
    a[1] = arc(name)
    return TransferFunction(rng.standard_normal(a.shape), a, rng.standard_normal(channels))


@pytest.mark.parametrize("name", ARCS)
def test_ill_conditioned_channels_run_as_modes(name):
    """The recurrence in double precision loses 1e-10 or more, the modes 1e-12 at most; the stream is the kernel's."""
    system = arcs(name)
    want = np.stack([transfer.kernel(system.b[h], system.a[h], system.h0[h], 600) for h in range(3)])
    peak = np.abs(want).max(1)
    direct = _core.transfer_kernel64(system.b, system.a, system.h0, 600)
    assert np.abs(direct - want)[1].max() >= 1e-10 * peak[1]
    assert (np.abs(system.kernel(600, "float64") - want).max(1) <= 1e-12 * peak).all()
    assert (np.abs(system.kernel(600) - want).max(1) <= 3e-7 * peak).all()
    assert system.kernel(0).shape == (3, 0) and system.kernel(1)[1] == np.float32(want[1, 0])
    u = np.random.default_rng(1).standard_normal((2, 600, 3))
    truth = np.stack([transfer_convolved(want, sequence) for sequence in u])
    largest = np.abs(truth).max(1, keepdims=True)
    for dtype, far in (("float64", 1e-11), ("float32", 3e-6)):
        signal = u.astype(dtype)
        y = system(signal, evaluation="scan")
        assert y.dtype == dtype and (np.abs(y - truth) <= far * largest).all()
        assert (np.abs(system.chunked(signal) - truth) <= far * largest).all()
        assert (np.abs(system.convolve(signal) - truth) <= far * largest).all()
        head, stream = system.prefill(signal[:, :350], evaluation="scan")
        state, twin = stream.state, stream.copy()
        rest = stream.run(signal[:, 350:])
        assert same_bits(np.concatenate([head, rest], axis=1), y)
        steps = np.stack([twin.step(np.ascontiguousarray(signal[:, t])) for t in range(350, 400)], axis=1)
        assert same_bits(steps, np.ascontiguousarray(rest[:, :50]))
        twin.state = state
        assert same_bits(twin.run(signal[:, 350:]), rest)
        twin.reset()
        assert same_bits(twin.run(signal), y)
        same, again = system.chunked_prefill(signal[:, :350])
        assert same_bits(same, head) and same_bits(again.run(signal[:, 350:]), rest)
    report = system.check(256)
    assert "1 channels as modes" in report.evaluation and report.difference < 3e-6
    assert any("channels 1 run as modes" in note for note in report.notes)
    assert not any("ill conditioned" in note for note in report.notes)
    with pytest.raises(ValueError, match="channels 1 run as modes; use prefill"):
        system.stream_after(u[0], u[0])
    copied = pickle.loads(pickle.dumps(system))
    assert same_bits(copied(u), system(u))


def test_modes_where_no_form_is_accurate_are_said_to_be_so():
    """A pole of multiplicity 16, its coefficients exact: no modes, and a recurrence that loses half of all digits."""
    a = np.array([math.comb(16, i) * (-0.75) ** i for i in range(1, 17)])
    b = np.eye(1, 16)
    system = TransferFunction(b, a[None], [0.0])
    want = transfer.kernel(b[0], a, 0.0, 1025)
    lost = np.abs(_core.transfer_kernel64(b, a[None], system.h0, 1025)[0] - want).max() / np.abs(want).max()
    _, refused, loss = system._forms
    assert lost > 1e-6 and (refused == [0]).all() and abs(loss[0] / lost - 1) < 1e-6
    notes = system.check(64).notes
    assert any("no form keeps channels 0 to 1e-6" in note for note in notes)
    assert any("ill conditioned" in note for note in notes)


def test_a_cluster_that_rounding_has_parted_has_modes():
    """A pole of multiplicity 6 as float64 holds it: six poles, which modes find and the recurrence does not."""
    a = polynomial([0.9 + 0.05j] * 6)
    system = TransferFunction(np.ones((1, 12)), a[None], [0.0])
    want = transfer.kernel(np.ones(12), a, 0.0, 400)
    assert np.abs(system.kernel(400, "float64")[0] - want).max() <= 1e-9 * np.abs(want).max()
    assert system._forms[0] is not None


def test_modes_only_where_they_are_better():
    rng = np.random.default_rng(13)
    a = np.stack([spread(64, 0.9999, rng), spread(64, 0.99, rng), clustered(rng), np.zeros(64)])
    system = TransferFunction(rng.standard_normal(a.shape), a, np.zeros(4))
    assert system._forms[0] is None and "modes" not in system.check(64).evaluation
    silent = TransferFunction(np.zeros((1, 16)), arc("16 poles near one")[None], [1.0])
    assert silent._forms[0] is None and same_bits(silent(np.ones((5, 1))), np.ones((5, 1)))


def l1_rule(channels, order, total, rng):
    """As layers are trained under: sum |a| = total < 1."""
    a = rng.uniform(-1, 1, (channels, order))
    return rng.standard_normal((channels, order)), total * a / np.abs(a).sum(1, keepdims=True), np.zeros(channels)


@pytest.mark.parametrize("total", [0.5, 0.95, 0.998])
@pytest.mark.parametrize("order", [1, 2, 4, 15, 16, 17, 64, 127, 200, 600])
def test_kernels_in_single_precision(order, total):
    """3e-7 of each channel's peak, by recurrence and by transforms, at lengths that pass from one to the other."""
    system = TransferFunction(*l1_rule(33, order, total, np.random.default_rng(order)))
    exact = system.kernel(5003, "float64")
    for length in (5, order + 1, 1021, 1024, 1025, 2050, 5003):
        k, want = system.kernel(length), exact[:, :length]
        assert (np.abs(k - want).max(1) <= 3e-7 * np.abs(want).max(1)).all(), length


def test_kernels_in_single_precision_are_for_whom_they_suit():
    """Long memories, poles on and outside the circle, tiny and huge numerators: double precision, rounded once."""
    rng = np.random.default_rng(11)
    b, a, h0 = l1_rule(48, 16, 0.9, rng)
    a[3], a[20], a[40] = spread(16, 0.9999, rng), spread(16, 1.01, rng), polynomial([np.exp(0.3j)] * 2 + [0.5j] * 6)
    b[5] *= 1e-30
    system = TransferFunction(b, a, h0)
    assert (np.flatnonzero(system._single == 0) == [3, 5, 20, 40]).all()
    for length in (300, 1500):
        k, want = system.kernel(length), system.kernel(length, "float64")
        assert (np.abs(k - want).max(1) <= 3e-7 * np.abs(want).max(1)).all()
        assert (k[3] == want[3].astype(np.float32)).all()


def test_a_response_that_has_not_ended_is_not_folded():
    """One sharp pole that the conditioning allows, in kernels of every length: nothing wraps around."""
    a, b = np.zeros((16, 64)), np.zeros((16, 64))
    a[:, -1], b[:, 0] = -0.9, 1.0
    system = TransferFunction(b, a, np.zeros(16))
    for length in (700, 1024, 1500, 4000):
        want = np.zeros(length)
        want[1::64] = 0.9 ** np.arange(len(want[1::64]))
        assert np.abs(system.kernel(length) - want).max() <= 3e-7


def test_the_power_gain_is_the_sum_of_squares():
    a = l1_rule(20, 9, 0.9, np.random.default_rng(12))[1]
    impulse = np.eye(1, 3000)[0]
    want = [(lfilter([1.0], [1.0, *row], impulse) ** 2).sum() for row in a]
    np.testing.assert_allclose(_core.power_gain(a), want, rtol=1e-12)
    assert not np.isfinite(_core.power_gain(np.array([[-1.0], [0.0]])))[0]


def clustered(rng):
    """Order 64: sixteen clusters of two near poles, in conjugate pairs."""
    centres = 0.9 * np.exp(1j * (np.arange(16) + 0.5) * np.pi / 16)
    near = 0.01 * (rng.standard_normal(32) + 1j * rng.standard_normal(32))
    return polynomial((np.repeat(centres, 2) + near).tolist())


HARD = {
    "slow": lambda rng: spread(64, 0.9999, rng),
    "very slow": lambda rng: spread(16, 0.99999, rng),
    "clustered": clustered,
    "near one": lambda rng: polynomial(1 - rng.uniform(1e-3, 2e-2, 2) + 1j * rng.uniform(1e-3, 2e-2, 2)),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_systems_in_float32(name):
    """Where float states would lose digits they are double: 3e-6 of the largest output."""
    rng = np.random.default_rng(7)
    a = np.stack([HARD[name](rng) for _ in range(3)])
    b = rng.standard_normal(a.shape)
    system = TransferFunction(b, a, rng.standard_normal(3))
    u = (rng.standard_normal((4000, 3)) + 1).astype(np.float32)
    want = filtered(system, u)
    y = system(u, evaluation="scan")
    assert (np.abs(y - want).max(0) <= 3e-6 * np.abs(want).max(0)).all()
    stream = system.stream()
    assert same_bits(np.concatenate([stream.run(u[:1001]), stream.run(u[1001:])]), y)
    long = (rng.standard_normal((40000, 3)) + 1).astype(np.float32)
    want = filtered(system, long)
    assert (np.abs(system(long, evaluation="scan") - want).max(0) <= 3e-6 * np.abs(want).max(0)).all()
    for h in range(3):
        k = transfer.kernel(b[h], a[h], system.h0[h], 300)
        assert np.abs(system.kernel(300)[h] - k).max() <= 1e-6 * np.abs(k).max()


@pytest.mark.parametrize("quirks", [True, False])
def test_head_formula_undoes_truncation(quirks):
    """From infinite to truncated and back, at every length beyond the order."""
    pytest.importorskip("danaus.ssm.convert")
    system = random_system(5, 9)
    for length in (10, 11, 16, 37, 128):
        if quirks and length % 2:
            continue
        again = TransferFunction.from_truncated(system.truncated(length), system.a, system.h0, length, quirks=quirks)
        # |k| <= 10 |b|_1; the sum of N products and the transforms' 1e-16 log2 P
        assert np.abs(again.b - system.b).max() <= 1e-13
        wrapped = system.kernel(length + 1, "float64")[:, -1] if quirks else 0
        assert np.abs(again.h0 - system.h0 - wrapped).max() <= 1e-13


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("order", [1, 2, 7, 8, 12])
def test_trained_numerators_of_any_length(order, length):
    """The published kernel at odd, prime, tiny lengths, also shorter than the order."""
    pytest.importorskip("danaus.ssm.convert")
    system = random_system(2, order, seed=length)
    trained = TransferFunction.from_truncated(system.b, system.a, system.h0, length)
    k = trained.kernel(length, "float64")
    for h in range(2):
        want = transfer.trained_kernel(system.b[h], system.a[h], system.h0[h], length)
        assert np.abs(k[h] - want).max() <= 1e-13 * max(np.abs(want).max(), 1)
    assert trained.kernel(2 * length + 3).shape == (2, 2 * length + 3)
    assert np.isfinite(trained.kernel(1000)).all()
    u = np.random.default_rng(0).standard_normal((length, 2))
    steps = np.stack([trained.stream(dtype="float64").run(u[: t + 1])[-1] for t in range(min(length, 20))])
    assert np.abs(steps - transfer_convolved(k, u)[: len(steps)]).max() <= 1e-12


def transfer_convolved(k, u):
    return np.stack([np.convolve(k[h], u[:, h])[: len(u)] for h in range(len(k))], axis=1)


@pytest.mark.parametrize("radius", [1.005, 1.1])
@pytest.mark.parametrize("length", [33, 256])
def test_unstable_channels_are_filters_of_the_trained_length(radius, length):
    pytest.importorskip("danaus.ssm.convert")
    rng = np.random.default_rng(8)
    a = np.stack([spread(32, r, rng) for r in (0.95, radius, 0.99)])
    b, h0 = rng.standard_normal(a.shape) / 6, rng.standard_normal(3)
    system = TransferFunction.from_truncated(b, a, h0, length)
    want = np.stack([transfer.trained_kernel(b[h], a[h], h0[h], length) for h in range(3)])
    k = system.kernel(length)
    assert (np.abs(k - want).max(1) <= 1e-6 * np.abs(want).max(1)).all()
    assert (system.kernel(length + 9)[1, length:] == 0).all()
    u = rng.standard_normal((2, length, 3)).astype(np.float32)
    y = system(u)
    for sequence, answer in zip(u, y, strict=True):
        truth = transfer_convolved(want, sequence.astype(float))
        assert (np.abs(answer - truth).max(0) <= 3e-6 * np.abs(truth).max(0)).all()
    report = system.check(64)
    assert report.unstable == (1,) and "1 channels as filters" in report.evaluation
    assert any("channels 1 have poles outside" in note for note in report.notes)
    again = pickle.loads(pickle.dumps(system))
    assert same_bits(again(u), y)
    for batch, signal, answer in ((None, u[0], y[0]), (2, u, y)):
        streamed, stream = system.prefill(signal[..., : length // 2, :])
        state, other = stream.state, stream.copy()
        rest = stream.run(signal[..., length // 2 :, :])
        together = np.concatenate([streamed, rest], axis=-2)
        assert (np.abs(together - answer).max(-2) <= 3e-6 * np.abs(answer).max(-2)).all()
        one = np.zeros_like(signal[..., 0, :])
        assert other.step(signal[..., length // 2, :], one) is one and same_bits(one, rest[..., 0, :].copy())
        stream.state = state
        assert same_bits(stream.run(signal[..., length // 2 :, :]), rest)
        stream.reset()
        fresh = system.stream(batch)
        assert same_bits(fresh.run(signal), stream.run(signal))
        for _ in range(20):  # what is left unused does not grow in silence
            quiet = fresh.run(np.zeros((*signal.shape[:-2], 1000, 3), np.float32))
        assert np.isfinite(quiet).all() and np.abs(quiet[..., 1]).max() < 1e-3
        with pytest.raises(ValueError, match="state must have the shape"):
            stream.state = state[..., :-1]


def test_check_says_what_was_chosen_and_why():
    pytest.importorskip("danaus.ssm.convert")
    report = random_system(4, 6).check()
    assert (
        report.stable
        and report.evaluation in ("scan", "convolution")
        and report.notes == ()
        and report.difference < 1e-6
    )
    rng = np.random.default_rng(9)
    slow = TransferFunction(rng.standard_normal((2, 16)), [spread(16, r, rng) for r in (0.5, 0.9999)], [0.0, 0.0])
    report = slow.check()
    assert report.evaluation in ("scan, states in double precision", "convolution") and "channels 1" in report.notes[0]
    assert abs(report.radius - 0.9999) < 1e-9 and abs(report.memory - 9999.5) < 1
    heavy = TransferFunction(np.ones((1, 12)), polynomial([0.99 + 0.01j] * 6)[None], [0.0])
    assert any("ill conditioned" in note for note in heavy.check(16).notes)
    growing = TransferFunction([[1.0]], [[-1.01]], [0.0])
    report = growing.check(16)
    assert report.unstable == (0,) and "grow" in report.notes[-1]


def test_silence_costs_nothing_and_stays_silent():
    system = random_system(16, 8)
    stream = system.stream()
    stream.run(np.ones((3, 16), np.float32))
    rest = stream.run(np.zeros((5000, 16), np.float32))
    assert np.abs(rest[-1]).max() < 1e-17
    state = stream.state
    assert (np.abs(state[state != 0]) > np.finfo(np.float32).tiny).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite(bad):
    for b, a, h0 in (([[bad]], [[0.5]], [1.0]), ([[1.0]], [[bad]], [1.0]), ([[1.0]], [[0.5]], [bad])):
        with pytest.raises(ValueError, match="must be finite"):
            TransferFunction(b, a, h0)
    system = random_system(17, 5)
    u = np.ones((20, 17), np.float32)
    clean = system(u)
    u[7, 3] = bad
    y = system(u)
    assert same_bits(np.delete(y, 3, 1), np.delete(clean, 3, 1)) and same_bits(y[:7], clean[:7])
    assert not np.isfinite(y[7:, 3]).any()


def test_large_values_pass():
    system = random_system(3, 4)
    u = np.random.default_rng(0).uniform(-1, 1, (40, 3))
    np.testing.assert_allclose(system(u * 1e300), system(u) * 1e300, rtol=1e-9, atol=1e290)


@pytest.mark.parametrize(
    ("b", "a", "h0", "words"),
    [
        ([1.0], [[1.0]], [1.0], r"b must have shape \(H, N\), has \(1,\)"),
        (np.zeros((0, 3)), np.zeros((0, 3)), [], r"b must have shape \(H, N\)"),
        (np.ones((4, 3)), np.ones((4, 2)), np.ones(4), r"a must have shape \(num_a, 3\)"),
        (np.ones((4, 3)), np.ones((3, 3)), np.ones(4), "num_a a divisor of 4"),
        (np.ones((4, 3)), np.ones((0, 3)), np.ones(4), "num_a a divisor of 4"),
        (np.ones((4, 3)), np.ones((1, 3)), np.ones(3), r"h0 must have shape \(4,\), has \(3,\)"),
    ],
)
def test_shapes_that_do_not_fit(b, a, h0, words):
    with pytest.raises(ValueError, match=words):
        TransferFunction(b, a, h0)
    with pytest.raises(ValueError, match=r"ssm\.from_truncated: "):
        TransferFunction.from_truncated(b, a, h0, 8)


def test_refusals():
    system = random_system(3, 4)
    u = np.zeros((5, 3), np.float32)
    for call, error, words in (
        (lambda: system(u.astype(int)), TypeError, "u must be float32 or float64"),
        (lambda: system(u[:, :2]), ValueError, r"u must have shape \(\.\.\., length, 3\)"),
        (lambda: system(u, out=np.zeros((5, 3))), TypeError, "out must be a writable, C-contiguous float32"),
        (lambda: system(u, threads=0), ValueError, "threads must be at least 1"),
        (lambda: system.kernel(-1), ValueError, "length must not be negative"),
        (lambda: system.kernel(4, "float16"), TypeError, "dtype must be float32 or float64"),
        (lambda: system.stream(0), ValueError, "batch must be at least 1"),
        (lambda: system.prefill(u[0]), ValueError, r"u must have shape \(L, H\)"),
        (lambda: system.stream().step(u[0, :2]), ValueError, r"u must have shape \(3,\)"),
        (lambda: system.stream_after(u, u[:2]), ValueError, "y must have shape"),
        (lambda: system.stream_after(u, u.astype(float)), TypeError, "y must be float32"),
        (lambda: system.truncated(0), ValueError, "length must be at least 1"),
        (lambda: TransferFunction([[1j]], [[0.5]], [0.0]), TypeError, "b must be real"),
    ):
        with pytest.raises(error, match=words):
            call()


def test_a_denominator_that_vanishes_on_the_grid():
    pytest.importorskip("danaus.ssm.convert")
    with pytest.raises(ValueError, match="a must not vanish at a root of unity of order 8, channel 1 does"):
        TransferFunction.from_truncated([[1.0], [1.0]], [[0.5], [-1.0]], [0.0, 0.0], 8)


def test_empty_sequences():
    system = random_system(3, 4)
    for shape in ((0, 3), (2, 0, 3), (0, 5, 3)):
        assert system(np.zeros(shape, np.float32)).shape == shape
    y, stream = system.prefill(np.zeros((0, 3)))
    assert y.shape == (0, 3) and (stream.state == 0).all()


@pytest.mark.parametrize("strange", [np.nan, np.inf, -1.0, 1e30, 8.0])
def test_no_state_makes_it_crash(strange):
    stream = random_system(20, 4).stream(2)
    stream.state = np.full_like(stream.state, strange)
    stream.run(np.zeros((2, 21, 20), np.float32))
    stream.step(np.zeros((2, 20), np.float32))


def test_pickling():
    system = random_system(4, 4)
    u = np.random.default_rng(0).standard_normal((30, 4)).astype(np.float32)
    again = pickle.loads(pickle.dumps(system))
    assert same_bits(again(u), system(u)) and not again.a.flags.writeable
