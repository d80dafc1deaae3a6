# SPDX-License-Identifier: Apache-2.0
"""Memories of windows and decays: against dense references, laws of feeding and saving, reconstruction, gradients."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st

from danaus.hippo import Memory, scan, scan_vjp
from helpers import cut, same_bits
from reference import windows

WINDOWS = ("legt", "lmu", "fout", "fourier_decay")
DECAYS = ("lagt", "tlagt", "glagt", "foud")
MEASURES = WINDOWS + DECAYS
METHODS = ("exact", "bilinear", "backward_euler", 0.7)
PROMISED = {"float32": 1e-6, "float64": 1e-12}


def noise(shape, dtype="float64", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def scale(measure, theta, dt):
    """Arguments of Memory, and the step in the measure's own time."""
    if measure in WINDOWS:
        return {"theta": theta, "dt": 1.0}, 1 / theta
    return {"dt": dt}, dt


def dense(measure, n, h, method):
    return windows.discrete(*windows.matrices(measure, n, beta=0.01 if measure == "glagt" else 1.0), h, method)


def error(x, truth, measure="legt"):
    """Of all channels together, LMU's coefficients weighed as LegT's."""
    weight = 1 / np.sqrt(2 * np.arange(truth.shape[-1]) + 1) if measure == "lmu" else 1.0
    return np.linalg.norm((np.asarray(x) - truth) * weight) / np.linalg.norm(truth * weight)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("measure", MEASURES)
def test_memories_are_the_dense_recurrence(measure, method, dtype):
    for n, length, channels, theta, dt in ((2, 5, 1, 3.0, 0.3), (16, 700, 3, 60.0, 0.02), (64, 900, 20, 400.0, 0.01)):
        time, h = scale(measure, theta, dt)
        u = noise((length, channels), dtype)
        memory = Memory(measure, n, channels=channels, method=method, dtype=dtype, **time)
        memory.extend(u)
        want = windows.states(*dense(measure, n, h, method), u.astype(float))[-1]
        assert error(memory.coefficients, want, measure) <= PROMISED[dtype]
        assert memory.time == pytest.approx(length * time["dt"])


@pytest.mark.parametrize(("measure", "n"), [("legt", 256), ("lagt", 256), ("fout", 256), ("legt", 1024)])
def test_large_orders(measure, n):
    time, h = scale(measure, 3.0 * n, 0.01)
    u = noise((500 if n == 256 else 40, 2))
    x = scan(u, n, measure=measure, **time, method="bilinear")
    assert error(x, windows.states(*dense(measure, n, h, "bilinear"), u)[-1]) <= 1e-12
    if n == 256:
        memory = Memory(measure, n, channels=2, dtype="float64", **time)
        memory.extend(u)
        assert error(memory.coefficients, windows.states(*dense(measure, n, h, "exact"), u)[-1]) <= 1e-12


@pytest.mark.parametrize("measure", ["legt", "lagt", "fout", "foud"])
def test_two_hundred_thousand_samples_do_not_drift(measure):
    time, h = scale(measure, 5000.0, 0.002)
    u = noise((200_000, 1), "float32")
    ad, bd = dense(measure, 32, h, "exact")
    powers = [bd]
    for _ in range(9999):
        powers.append(ad @ powers[-1])
    step, window = np.linalg.matrix_power(ad, 10_000), np.array(powers)[::-1]
    x = np.zeros(32)
    for part in u[:, 0].astype(float).reshape(-1, 10_000):
        x = step @ x + part @ window
    memory = Memory(measure, 32, **time)
    memory.extend(u)
    assert error(memory.coefficients[0], x) <= 1e-6
    stepped = scan(u, 32, measure=measure, **time)
    precise = scan(u.astype(float), 32, measure=measure, **time)
    assert error(stepped, precise) <= 6e-8 * 5 * 5000**0.5  # a few roundings a step, 5000 steps in memory


@given(
    measure=st.sampled_from(MEASURES),
    method=st.sampled_from(METHODS),
    shape=st.tuples(st.integers(1, 35), st.integers(1, 70)),
    sizes=st.lists(st.integers(0, 70), min_size=1, max_size=5),
    spaced=st.booleans(),
)
def test_chunks_steps_and_resumes_give_the_same_bits(measure, method, shape, sizes, spaced):
    channels, length = shape
    u = noise((length, channels), "float32")
    spaced = spaced and (method != "exact" or measure == "foud")
    times = np.cumsum(np.random.default_rng(1).uniform(0.1, 3, length)) if spaced else None
    time, _ = scale(measure, 20.0, 1.0)
    whole = Memory(measure, 6, channels=channels, method=method, **time)
    memory = whole.copy()
    whole.extend(u, times)
    for piece in cut(length, sizes):
        memory.extend(u[piece], None if times is None else times[piece])
        memory.coefficients  # noqa: B018  reading changes nothing
        memory = pickle.loads(pickle.dumps(memory))
    assert same_bits(memory.coefficients, whole.coefficients)
    assert same_bits(memory.state_dict()["state"], whole.state_dict()["state"])
    if times is None:
        memory.reset()
        for row in u:
            memory.step(row)
        assert same_bits(memory.coefficients, whole.coefficients)


@pytest.mark.parametrize(("measure", "method"), [("legt", "exact"), ("fout", "bilinear"), ("fous", "exact")])
def test_channels_are_independent_on_any_threads(measure, method):
    """150 channels are three parts, which threads share out."""
    time = {} if measure == "fous" else {"theta": 30.0}
    u = noise((300, 150), "float32")
    bits = []
    for threads in (1, 2, 5):
        memory = Memory(measure, 8 if time else 7, channels=150, method=method, **time)
        memory._core.extend(u, None, threads)
        bits.append(memory)
    again = pickle.loads(pickle.dumps(bits[0]))
    for other in (*bits[1:], again):
        assert same_bits(other.coefficients, bits[0].coefficients)
        assert same_bits(other.reconstruct([280.5, 299.0]), bits[0].reconstruct([280.5, 299.0]))
    for c in (0, 63, 64, 128, 149):
        one = Memory(measure, 8 if time else 7, method=method, **time)
        one.extend(u[:, c : c + 1])
        assert error(one.coefficients[0], bits[0].coefficients[c]) <= 1e-6
    if measure == "fout":
        with pytest.raises(ValueError, match="increase from beyond"):
            memory._core.extend(u[:2], np.array([302.0, 301.0]), 3)
        assert memory.time == 300


@pytest.mark.parametrize("measure", MEASURES)
def test_irregular_times_are_steps_of_their_length(measure):
    ends = np.cumsum(np.random.default_rng(2).uniform(0.05, 40, 60))
    u, x = noise((60, 2)), np.zeros((2, 8))
    time, h = scale(measure, 20.0, 0.05)
    memory = Memory(measure, 8, channels=2, method="bilinear", dtype="float64", **time)
    memory.extend(u, ends * time["dt"])
    for k, gap in enumerate(np.diff(ends, prepend=0)):
        x = windows.states(*dense(measure, 8, h * gap, "bilinear"), u[k : k + 1], x)[-1]
    assert error(memory.coefficients, x, measure) <= 1e-12


# ------------------------------------------------------------------------------------ reconstruction


@pytest.mark.parametrize("measure", MEASURES)
def test_reconstruction_is_the_basis(measure):
    time, h = scale(measure, 50.0, 0.05)
    memory = Memory(measure, 12, dtype="float64", **time)
    memory.extend(noise((300, 1)))
    age = np.linspace(0.01, 1.0 if measure in WINDOWS else 10.0, 83)
    at = memory.time - age * (time["dt"] / h)
    phi = windows.basis(measure, 12, age, beta=0.01 if measure == "glagt" else 1.0)
    want = phi @ memory.coefficients[0]
    assert np.abs(memory.reconstruct(at)[:, 0] - want).max() <= 1e-10 * np.abs(phi).max() * np.abs(want).max()


def smooth(t):
    return np.sin(2 * np.pi * t) + 0.4 * np.cos(4.6 * np.pi * t + 0.3)


@pytest.mark.parametrize("measure", ["legt", "lmu"])
def test_windows_converge_on_smooth_signals(measure):
    """Samples are held, an error of about 1 / L: more samples, until the truncation shows."""
    errors = []
    for n in (6, 10, 14, 20):
        memory = Memory(measure, n, theta=1.0, dt=1 / 4000, dtype="float64")
        t = (np.arange(12_000) + 0.5) / 4000
        memory.extend(smooth(t)[:, None])
        at = np.linspace(2.0, 2.999, 500)
        errors.append(np.abs(memory.reconstruct(at)[:, 0] - smooth(at)).max())
    assert errors[1] < errors[0] / 5 and errors[2] < errors[1] / 20 and errors[3] < 3e-5


def test_fourier_windows_remember_their_harmonics():
    """FouT at any age; FouD, which sees a jump where its weight begins again, away from that."""
    t = (np.arange(60_000) + 0.5) / 20_000
    u = (1 + np.cos(6 * np.pi * t) + 0.5 * np.sin(10 * np.pi * t))[:, None]
    for measure, n, near, bound in (("fout", 24, 0.01, 2e-3), ("foud", 24, 0.2, 0.05), ("foud", 192, 0.2, 6e-3)):
        time = {"theta": 1.0} if measure == "fout" else {}
        memory = Memory(measure, n, dt=1 / 20_000, dtype="float64", **time)
        for _ in range(8):
            memory.extend(u)
        at = memory.time - np.linspace(near, 1 - near, 200)
        want = 1 + np.cos(6 * np.pi * at) + 0.5 * np.sin(10 * np.pi * at)
        assert np.abs(memory.reconstruct(at)[:, 0] - want).max() <= bound


@pytest.mark.parametrize("measure", ["lagt", "tlagt"])
def test_laguerre_memories_reconstruct(measure):
    """What the public code's convention does not: u(t - tau) from exp(-tau / 2) L_n(tau)."""
    t = np.arange(20_000) / 500
    u = np.exp(-((t - 37) ** 2))
    errors = []
    for n in (8, 16, 32, 64):
        memory = Memory(measure, n, dt=1 / 500, dtype="float64")
        memory.extend(u[:, None])
        age = np.linspace(0.5, 6, 200)
        got = memory.reconstruct(memory.time - age)[:, 0]
        errors.append(np.abs(got - np.exp(-((memory.time - age - 37) ** 2))).max())
    assert errors[-1] < 1e-2 and errors[-1] < errors[0] / 20


# -------------------------------------------------------------------------------------------- complex


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fous_is_the_solution_of_its_equation(dtype):
    n, length = 9, 70
    ends = np.cumsum(np.random.default_rng(3).uniform(0.05, 4, length))
    u = noise((length, 3), dtype)
    memory = Memory("fous", n, channels=3, dtype=dtype)
    memory.extend(u, ends)
    a = windows.fous(n)
    rest = -np.linalg.solve(a, np.ones(n))
    x = u[0].astype(complex)[:, None] * rest
    for k in range(1, length):
        fixed = u[k][:, None] * rest
        x = fixed + (x - fixed) @ scipy.linalg.expm(a * np.log(ends[k] / ends[k - 1])).T
    assert memory.coefficients.dtype == np.result_type(dtype, np.complex64)
    assert error(memory.coefficients, x) <= (1e-6 if dtype == "float32" else 1e-12)
    at = np.linspace(0.1, 0.9, 7) * ends[-1]
    want = np.exp(2j * np.pi * np.outer(at / ends[-1], np.arange(n) - n // 2)) @ x.T
    assert np.allclose(memory.reconstruct(at), want.real, atol=1e-5 if dtype == "float32" else 1e-11)
    again = pickle.loads(pickle.dumps(memory))
    again.step(u[0])
    memory.step(u[0])
    assert same_bits(again.coefficients, memory.coefficients)


def test_fous_over_a_million_units_of_time():
    u = noise((2000, 1))
    ends = np.geomspace(1, 1e6, 2000)
    memory = Memory("fous", 33, dtype="float64")
    memory.extend(u, ends)
    w, v = np.linalg.eig(windows.fous(33))
    b = np.linalg.solve(v, np.ones(33))
    z = -b / w * u[0]
    for k in range(1, 2000):
        z = -b / w * u[k] + (z + b / w * u[k]) * (ends[k] / ends[k - 1]) ** w
    assert error(memory.coefficients[0], v @ z) <= 1e-11


def test_sliding_fourier_is_its_equation():
    n, theta, length = 7, 30.0, 100
    m = np.arange(n) - n // 2
    a = (np.diag(2j * np.pi * m) - 1) / theta
    ad = scipy.linalg.expm(a)
    bd = np.linalg.solve(a, (ad - np.eye(n)) @ np.full(n, 1 / theta))
    u = noise((length, 2))
    memory = Memory("fourier_sliding", n, channels=2, theta=theta, dtype="float64")
    memory.extend(u)
    assert error(memory.coefficients, windows.states(ad, bd, u)[-1]) <= 1e-12


# ------------------------------------------------------------------------------------------ gradients


@pytest.mark.parametrize("method", [*METHODS, "forward_euler"])
@pytest.mark.parametrize("every", [None, 1, 3])
@pytest.mark.parametrize("measure", MEASURES)
def test_gradients_are_those_of_complex_steps(measure, every, method):
    """Im f(u + i e v) / e of the dense reference; scans themselves equal it."""
    n, length, channels = 6, 23, 2
    time, h = scale(measure, 90.0, 0.005)
    ad, bd = dense(measure, n, h, method)
    rng = np.random.default_rng(4)
    u, x0 = rng.standard_normal((length, channels)), rng.standard_normal((channels, n))
    du, dx = rng.standard_normal(u.shape), rng.standard_normal(x0.shape)
    beta = 0.01 if measure == "glagt" else None
    options = dict(measure=measure, method=method, every=every, beta=beta, **time)
    got = scan(u, n, x0=x0, **options)
    e = 1e-30
    moved = windows.states(ad, bd, u + 1j * e * du, x0 + 1j * e * dx)
    moved = moved[-1] if every is None else moved[every - 1 :: every]
    assert error(got, moved.real) <= 1e-12
    grad = rng.standard_normal(got.shape)
    gu, gx = scan_vjp(grad, length, **options)
    along = np.sum(grad * moved.imag) / e
    assert np.sum(gu * du) + np.sum(gx * dx) == pytest.approx(along, rel=1e-11, abs=1e-11 * np.abs(grad).sum())


def test_gradients_of_long_exact_scans_and_tilted_laguerre():
    """<grad, scan(u, x0)> = <gu, u> + <gx, x0>, across chunks of 256 and with powers of tau."""
    rng = np.random.default_rng(5)
    for options in (
        dict(measure="legt", theta=300.0, method="exact"),
        dict(measure="glagt", dt=0.05, alpha=0.3, beta=0.5),
        dict(measure="glagt", dt=0.05, alpha=-0.4, beta=0.5, method="forward_euler"),
    ):
        u, x0 = rng.standard_normal((700, 18)), rng.standard_normal((18, 10))
        for every in (None, 300):
            got = scan(u, 10, x0=x0, every=every, **options)
            grad = rng.standard_normal(got.shape)
            gu, gx = scan_vjp(grad, 700, every=every, **options)
            sides = np.sum(grad * got), np.sum(gu * u) + np.sum(gx * x0)
            assert abs(sides[0] - sides[1]) <= 1e-12 * np.linalg.norm(grad) * np.linalg.norm(got)


# ------------------------------------------------------------------------------------------- refusals


def test_what_is_refused_is_said():
    with pytest.raises(ValueError, match=r"theta must be the length of the window for 'legt', is None"):
        Memory("legt", 8)
    with pytest.raises(ValueError, match=r"theta must be at least dt = 1.0, one sample, is 0.5"):
        Memory("fout", 8, theta=0.5)
    with pytest.raises(ValueError, match=r"theta must be None for 'lagt', which has no window"):
        Memory("lagt", 8, theta=3.0)
    with pytest.raises(ValueError, match=r"at most 0\..* \(spectral radius of I \+ h A at most 1\), got 1"):
        Memory("legt", 32, theta=190.0, method="forward_euler")
    Memory("legt", 32, theta=200.0, method="forward_euler")
    with pytest.raises(ValueError, match="spectral radius"):
        scan(np.ones((3, 1)), 8, measure="foud", dt=0.1, method="forward_euler")
    with pytest.raises(ValueError, match=r"method 'bilinear' takes any times"):
        Memory("legt", 8, theta=9.0).extend(np.ones((2, 1), np.float32), [1, 3])
    with pytest.raises(ValueError, match="increase from beyond"):
        Memory("legt", 8, theta=9.0, method="bilinear").extend(np.ones((2, 1), np.float32), [3, 3])
    with pytest.raises(ValueError, match="n must be even"):
        Memory("fout", 7, theta=9.0)
    with pytest.raises(ValueError, match="n must be odd"):
        Memory("fous", 8)
    with pytest.raises(ValueError, match="method must be 'exact' for 'fous'"):
        Memory("fous", 7, method="bilinear")
    with pytest.raises(ValueError, match="method must be one of"):
        Memory("legt", 7, theta=9.0, method="zoh")
    with pytest.raises(ValueError, match=r"from 0\.5 to 1"):
        Memory("legt", 7, theta=9.0, method=0.2)
    with pytest.raises(ValueError, match="merge must have measure 'legs'"):
        Memory("legt", 8, theta=9.0).merge(Memory("legt", 8, theta=9.0))
    with pytest.raises(ValueError, match="measure must be one of"):
        Memory("legx", 8)
    with pytest.raises(ValueError, match="n must be at most 1024 with method 'exact'"):
        Memory("legt", 1025, theta=9.0)
    with pytest.raises(ValueError, match=r"grad must have shape \(H, n\)"):
        scan_vjp(np.ones(3), 3, measure="lagt")
    with pytest.raises(ValueError, match=r"x0 must have shape \(2, 4\), has \(4,\)"):
        scan(np.ones((3, 2)), 4, measure="lagt", x0=np.ones(4))
    with pytest.raises(TypeError, match="must be float32"):
        Memory("legt", 8, theta=9.0).step(np.ones(1))


def test_forward_euler_within_its_limit_is_the_dense_recurrence():
    u = noise((400, 2))
    x = scan(u, 16, measure="legt", theta=70.0, method="forward_euler")
    assert error(x, windows.states(*dense("legt", 16, 1 / 70, "forward_euler"), u)[-1]) <= 1e-10


def test_empty_nan_and_silence():
    memory = Memory("legt", 4, channels=2, theta=8.0)
    memory.extend(np.empty((0, 2), np.float32))
    assert memory.time == 0 and (memory.coefficients == 0).all()
    memory.step(np.array([1, np.nan], np.float32))
    x = memory.coefficients
    assert np.isfinite(x[0]).all() and np.isnan(x[1]).all()
    assert scan(np.empty((0, 2)), 4, measure="lagt", every=1).shape == (0, 2, 4)
    assert (scan(np.zeros((9, 2)), 4, measure="lagt") == 0).all()
