# SPDX-License-Identifier: Apache-2.0
"""The LegS memory against its closed form, and the laws of feeding, merging, saving and reading it."""

from __future__ import annotations

import copy
import pickle
from importlib import resources

import numpy as np
import pytest
import scipy.integrate
from hypothesis import given
from hypothesis import strategies as st

from danaus.hippo import Memory, project, transition
from helpers import LAYOUTS, cut, laid_out, same_bits
from reference import legs

DTYPES = ("float32", "float64")
PROMISED = {"float32": 1e-6, "float64": 1e-11}  # relative to the norm of a channel's coefficients


def noise(shape, dtype="float64", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def irregular(length, seed=0):
    return np.cumsum(np.random.default_rng(seed).uniform(0.01, 3, length))


def error(x, truth):
    """Per channel, relative to the norm."""
    return np.linalg.norm(np.asarray(x, float) - truth, axis=1) / np.linalg.norm(truth, axis=1)


def filled(u, n=16, times=None):
    memory = Memory(n=n, channels=u.shape[1], dtype=u.dtype)
    memory.extend(u, times)
    return memory


# -------------------------------------------------------------------------------------- coefficients


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("spacing", ["unit", "irregular"])
@pytest.mark.parametrize("n", [1, 2, 3, 8, 17, 64])
def test_coefficients_are_the_closed_form(n, spacing, dtype):
    for length, channels in ((1, 1), (2, 3), (31, 1), (70, 9), (600, 2), (2500, 40)):
        u = noise((length, channels), dtype)
        times = irregular(length) if spacing == "irregular" else None
        x = filled(u, n, times).coefficients
        assert x.dtype == dtype and x.shape == (channels, n)
        assert (error(x, legs.coefficients(u, n, times)) <= PROMISED[dtype]).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("times", [None, "irregular"])
def test_coefficients_against_forty_digits(times, dtype):
    u = noise((300, 2), dtype)
    ends = None if times is None else irregular(300)
    for n in (5, 48):
        truth = legs.coefficients_mp(u, n, ends)
        assert (error(filled(u, n, ends).coefficients, truth) <= PROMISED[dtype]).all()
        assert (error(legs.coefficients(u, n, ends), truth) <= 1e-13).all()  # the reference itself


@pytest.mark.parametrize("dtype", DTYPES)
def test_two_hundred_thousand_samples(dtype):
    t = np.arange(200_000)[:, None]
    u = (np.sin(t * [1e-4, 0.01, 0.7]) + 0.1 * noise((200_000, 3)) + [0, 0, 5]).astype(dtype)
    assert (error(project(u, 64), legs.coefficients(u, 64)) <= PROMISED[dtype]).all()


def test_five_minutes_of_heart_beats():
    with np.load(resources.files("danaus") / "data" / "ecg.npz") as file:
        u = ((file["signal"].astype(np.float32) - 1024) / 200)[:, None]
    assert u.shape == (108_000, 1)
    assert error(project(u, 256), legs.coefficients(u, 256)).item() <= 1e-6
    assert error(project(u.astype(np.float64), 256), legs.coefficients(u, 256)).item() <= 1e-11


def test_the_differential_equation_has_the_same_solution():
    """X' = (A x + B u) / t from any start after 0: what ``transition`` gives and what the memory does agree."""
    a, b = transition("legs", 6)
    n = np.arange(6)
    r = np.sqrt(2 * n + 1)
    assert np.array_equal(a, -np.tril(np.outer(r, r), -1) - np.diag(n + 1.0)) or np.allclose(
        a, -np.tril(np.outer(r, r), -1) - np.diag(n + 1.0), rtol=1e-15
    )
    assert np.allclose(b, r, rtol=1e-15) and a.dtype == b.dtype == np.float64
    u = noise((20, 1))
    x = filled(u[:5], 6).coefficients[0]
    for k in range(5, 20):
        solution = scipy.integrate.solve_ivp(
            lambda t, x, k=k: (a @ x + b * u[k, 0]) / t, (k, k + 1), x, "DOP853", rtol=1e-12, atol=1e-13
        )
        x = solution.y[:, -1]
    assert np.allclose(x, filled(u, 6).coefficients[0], atol=1e-10)


@given(level=st.floats(-1e6, 1e6), n=st.integers(1, 40), length=st.integers(1, 700))
def test_a_constant_is_its_mean_and_nothing_else(level, n, length):
    x = project(np.full((length, 1), level), n)[0]
    assert abs(x[0] - level) <= 1e-11 * abs(level)
    assert np.linalg.norm(x[1:]) <= 1e-11 * abs(level)


# ------------------------------------------------------------------- one result, whatever the way


shapes = st.tuples(st.integers(1, 40), st.integers(1, 33), st.integers(1, 70))
chunks = st.lists(st.integers(0, 70), min_size=1, max_size=5)


@given(shape=shapes, dtype=st.sampled_from(DTYPES), sizes=chunks, spaced=st.booleans(), layout=st.sampled_from(LAYOUTS))
def test_chunks_steps_and_layouts_give_the_same_bits(shape, dtype, sizes, spaced, layout):
    channels, n, length = shape
    u = noise((length, channels), dtype)
    times = irregular(length) if spaced else None
    whole = filled(u, n, times)
    memory = Memory(n=n, channels=channels, dtype=dtype)
    for piece in cut(length, sizes):
        memory.extend(laid_out(u[piece], layout), None if times is None else times[piece])
        memory.coefficients  # noqa: B018  reading changes nothing
    assert same_bits(memory.coefficients, whole.coefficients)
    assert same_bits(memory.state_dict()["state"], whole.state_dict()["state"])
    assert memory.time == whole.time == (length if times is None else times[-1])
    if not spaced:
        memory.reset()
        for row in laid_out(u, layout):
            memory.step(row)
        assert same_bits(memory.coefficients, whole.coefficients)


@pytest.mark.parametrize("sizes", [[1], [255], [256], [257, 0, 1], [1000], [511, 2]])
@pytest.mark.parametrize("n", [4, 64])
def test_chunks_across_the_fold_give_the_same_bits(n, sizes):
    u = noise((1500, 2), "float32")
    whole = filled(u, n)
    memory = Memory(n=n, channels=2)
    for piece in cut(1500, sizes):
        memory.extend(u[piece])
    assert same_bits(memory.coefficients, whole.coefficients)
    assert same_bits(memory.state_dict()["state"], whole.state_dict()["state"])


def test_unit_times_are_no_times():
    u = noise((700, 3))
    assert same_bits(filled(u, 20, np.arange(1, 701)).coefficients, filled(u, 20).coefficients)
    assert same_bits(filled(u, 20, list(range(1, 701))).coefficients, filled(u, 20).coefficients)


@pytest.mark.parametrize("dtype", DTYPES)
def test_channels_do_not_see_each_other(dtype):
    """Within rounding: how many channels go together may change the order of a sum."""
    u = noise((900, 37), dtype)
    together = filled(u, 24).coefficients
    for c in (0, 17, 36):
        alone = filled(u[:, c : c + 1], 24).coefficients
        assert (error(together[c : c + 1], alone.astype(float)) <= PROMISED[dtype]).all()
    for bad in (np.nan, np.inf, -np.inf):
        spoiled = u.copy()
        spoiled[123, 17] = bad
        x = filled(spoiled, 24).coefficients
        others = np.arange(37) != 17
        assert same_bits(x[others], together[others])
        assert not np.isfinite(x[17]).any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_scale_and_denormals(dtype):
    u = noise((400, 2), dtype)
    x = filled(u).coefficients
    big = 2.0**100 if dtype == "float32" else 2.0**900
    small = 2.0**-60 if dtype == "float32" else 2.0**-800
    for scale in (big, small):
        assert same_bits(filled((u * scale).astype(dtype)).coefficients, (x * scale).astype(dtype))
    tiny = np.full((400, 1), np.finfo(dtype).smallest_subnormal, dtype)
    assert np.abs(filled(tiny).coefficients).max() <= 2 * np.finfo(dtype).smallest_subnormal
    assert not filled(np.zeros((400, 1), dtype)).coefficients.any()


# --------------------------------------------------------------------------------- reconstruct, merge


@given(degree=st.integers(0, 12), length=st.integers(1, 3000))
def test_a_staircase_is_remembered_as_its_projection(degree, length):
    n = 13
    s = np.linspace(-1, 1, length)[:, None]
    memory = filled(np.polynomial.polynomial.polyval(s[:, 0], np.ones(degree + 1))[:, None], n)
    times = np.linspace(0, length, 50)
    truth = legs.reconstruct(memory.coefficients, length, times)
    assert np.allclose(memory.reconstruct(times), truth, rtol=0, atol=1e-11 * max(1, np.abs(truth).max()))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_polynomial_comes_back(dtype):
    """Cell means of a polynomial: the projection differs from it by what a staircase cannot show, O(1 / L^2)."""
    edges = np.linspace(-1, 1, 20_001)
    for degree in (0, 1, 3, 6):
        p = np.polynomial.Legendre.basis(degree)
        mean = np.diff(p.integ()(edges)) / np.diff(edges)
        memory = filled(mean.astype(dtype)[:, None], 10)
        times = np.linspace(0, 20_000, 101)
        truth = p(2 * times / 20_000 - 1)
        tolerance = 10 * (degree + 1) ** 4 / 20_000**2 + (2e-6 if dtype == "float32" else 1e-10)
        assert np.abs(memory.reconstruct(times)[:, 0] - truth).max() <= tolerance


@pytest.mark.parametrize("dtype", DTYPES)
def test_reconstruct_takes_any_times(dtype):
    memory = filled(noise((300, 3), dtype), 12)
    x = memory.coefficients.astype(float)
    for times in ([], [0.0], [300], np.arange(130.0)[::-1], [-5, 310], np.linspace(0, 300, 1001)[::7]):
        y = memory.reconstruct(times)
        truth = legs.reconstruct(x, 300, np.asarray(times, float))
        assert y.shape == (len(times), 3) and y.dtype == dtype
        scale = np.abs(truth).max(initial=1)
        assert np.abs(y - truth).max(initial=0) <= (1e-5 if dtype == "float32" else 1e-11) * scale
    with pytest.raises(ValueError, match="times must have shape"):
        memory.reconstruct([[1.0]])
    with pytest.raises(ValueError, match="times must have shape"):
        memory.reconstruct(1.0)
    with pytest.raises(ValueError, match="at least one sample"):
        Memory(n=3).reconstruct([0.5])


@given(
    parts=st.lists(st.integers(0, 600), min_size=1, max_size=4),
    channels=st.sampled_from([1, 3, 17]),
    dtype=st.sampled_from(DTYPES),
    spaced=st.booleans(),
)
def test_merged_memories_are_the_memory_of_the_whole(parts, channels, dtype, spaced):
    total = sum(parts)
    u = noise((total, channels), dtype)
    times = irregular(total) if spaced else np.arange(1.0, total + 1)
    whole, start, now = Memory(n=20, channels=channels, dtype=dtype), 0, 0.0
    for count in parts:
        part = Memory(n=20, channels=channels, dtype=dtype)
        part.extend(u[start : start + count], times[start : start + count] - now)
        before = part.state_dict()["state"]
        whole.merge(part)
        assert same_bits(part.state_dict()["state"], before)
        start += count
        now = times[start - 1] if start else 0.0
        assert np.isclose(whole.time, now, rtol=1e-15)
    if total:
        assert (error(whole.coefficients, legs.coefficients(u, 20, times)) <= 2 * PROMISED[dtype]).all()
    else:
        assert not whole.coefficients.any() and whole.time == 0


def test_merging_goes_on_and_may_be_with_itself():
    u = noise((350, 2))
    memory = filled(u[:100])
    memory.merge(filled(u[100:200]))
    memory.extend(u[200:])
    assert (error(memory.coefficients, legs.coefficients(u, 16)) <= 1e-11).all()
    memory.merge(memory)
    assert (error(memory.coefficients, legs.coefficients(np.concatenate([u, u]), 16)) <= 1e-11).all()
    assert memory.time == 700


def test_merge_needs_a_memory_of_the_same_kind():
    memory = filled(noise((50, 2)))
    before = memory.state_dict()["state"]
    for other in (Memory(n=15, channels=2, dtype="float64"), Memory(n=16, channels=3, dtype="float64")):
        with pytest.raises(ValueError, match="merge needs"):
            memory.merge(other)
    for other in (Memory(n=16, channels=2), None, 3, noise((2, 16))):
        with pytest.raises(TypeError, match="merge"):
            memory.merge(other)
    assert same_bits(memory.state_dict()["state"], before)


# -------------------------------------------------------------------------------- saving and restoring


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("way", ["pickle", "copy", "copy.copy", "deepcopy", "state_dict"])
def test_a_memory_resumes_bit_for_bit(way, dtype):
    u = noise((900, 3), dtype)
    for stop in (0, 1, 255, 256, 511, 800):
        memory = filled(u[:stop], 30)
        twin = {
            "pickle": lambda m: pickle.loads(pickle.dumps(m)),
            "copy": lambda m: m.copy(),
            "copy.copy": copy.copy,
            "deepcopy": copy.deepcopy,
            "state_dict": lambda m: Memory.from_state_dict(m.state_dict()),
        }[way](memory)
        assert (twin.n, twin.channels, twin.dtype, twin.time) == (30, 3, np.dtype(dtype), stop)
        assert same_bits(twin.coefficients, memory.coefficients)
        twin.extend(u[stop:])
        assert memory.time == stop  # independent
        memory.extend(u[stop:])
        assert same_bits(twin.coefficients, memory.coefficients)
        assert same_bits(twin.state_dict()["state"], memory.state_dict()["state"])


def test_a_wrong_state_is_refused_and_changes_nothing():
    memory = filled(noise((300, 2)), 8)
    state = memory.state_dict()
    good = state["state"]
    for spoil in (
        lambda s: s[:-1],
        lambda s: np.concatenate([s, [0.0]]),
        lambda s: s.reshape(1, -1),
        lambda s: np.concatenate([[np.nan], s[1:]]),
        lambda s: np.concatenate([[-1.0], s[1:]]),
        lambda s: np.concatenate([s[:1], [0.5], s[2:]]),
        lambda s: np.concatenate([s[:1], [1e9], s[2:]]),
        lambda s: np.concatenate([s[:1], [-1.0], s[2:]]),
        lambda s: np.concatenate([s[:1], [np.nan], s[2:]]),
        lambda s: np.concatenate([[1e9], s[1:]]),
    ):
        with pytest.raises(ValueError, match=r"(state|times) must"):
            Memory.from_state_dict({**state, "state": spoil(good.copy())})
    with pytest.raises(ValueError, match="measure"):
        Memory.from_state_dict({**state, "measure": "chebyshev"})
    with pytest.raises(ValueError, match="state"):
        Memory.from_state_dict({**state, "n": 9})
    assert same_bits(memory.state_dict()["state"], good)


def test_reset_forgets_everything():
    memory = filled(noise((700, 2), "float32"))
    memory.reset()
    assert memory.time == 0 and not memory.coefficients.any() and memory.coefficients.shape == (2, 16)
    memory.extend(noise((700, 2), "float32", 1))
    assert same_bits(memory.coefficients, filled(noise((700, 2), "float32", 1)).coefficients)


# ---------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"measure": "chebyshev"}, "measure"),
        ({"n": 0}, "n"),
        ({"n": -1}, "n"),
        ({"n": 2049}, "n"),
        ({"channels": 0}, "channels"),
        ({"channels": -5}, "channels"),
        ({"method": "zoh"}, "method"),
    ],
)
def test_a_wrong_parameter_is_named(arguments, name):
    with pytest.raises(ValueError, match=rf"hippo\.Memory: .*\b{name}\b.*must"):
        Memory(**arguments)


@pytest.mark.parametrize("dtype", ["float16", "int32", "complex64", "nonsense"])
def test_a_wrong_dtype_is_a_type_error(dtype):
    with pytest.raises(TypeError):
        Memory(dtype=dtype)


def test_wrong_samples_change_nothing():
    for dtype, other in (DTYPES, DTYPES[::-1]):
        memory = filled(noise((30, 3), dtype))
        before = memory.state_dict()["state"]
        for wrong in ((5, 2), (5,), (1, 5, 3), ()):
            with pytest.raises(ValueError, match=r"u must have shape"):
                memory.extend(np.zeros(wrong, dtype))
        for wrong in ((2,), (1, 3), (4,), ()):
            with pytest.raises(ValueError, match="u must have shape"):
                memory.step(np.zeros(wrong, dtype))
        for kind in (other, "float16", "int64", "complex128", "bool"):
            with pytest.raises(TypeError, match="u must be"):
                memory.extend(np.zeros((5, 3), kind))
            with pytest.raises(TypeError):
                memory.step(np.zeros(3, kind))
        with pytest.raises(TypeError):
            memory.step([0.0, 0.0, 0.0])
        u = np.zeros((2, 3), dtype)
        for times in ([31, 31], [31, 30.5], [30, 31], [29, 31], [31, np.nan], [np.inf, np.inf], [31, np.inf]):
            with pytest.raises(ValueError, match="times must"):
                memory.extend(u, times)
        for times in ([31], [31, 32, 33], [[31, 32]], 31, []):
            with pytest.raises(ValueError, match="times must"):
                memory.extend(u, times)
        assert same_bits(memory.state_dict()["state"], before)


def test_nothing_changes_nothing():
    memory = Memory(n=5, channels=2)
    memory.extend(np.zeros((0, 2), "float32"))
    memory.extend(np.zeros((0, 2), "float32"), [])
    assert memory.time == 0 and not memory.coefficients.any()
    assert not project(np.zeros((0, 3)), 4).any() and project(np.zeros((0, 3)), 4).shape == (3, 4)


def test_transition_and_project_name_what_is_wrong():
    for n in (0, -1):
        with pytest.raises(ValueError, match="n must"):
            transition("legs", n)
    with pytest.raises(ValueError, match="measure must"):
        transition("chebyshev", 4)
    with pytest.raises(ValueError, match="measure must"):
        project(np.zeros((3, 1)), 4, measure="chebyshev")
    with pytest.raises(ValueError, match="u must have shape"):
        project(np.zeros(3), 4)
    with pytest.raises(TypeError, match="u must be"):
        project(np.zeros((3, 1), int), 4)
    with pytest.raises(ValueError, match="n"):
        project(np.zeros((3, 1)), 0)
    with pytest.raises(ValueError, match="times must"):
        project(np.zeros((3, 1)), 4, times=[1, 2])


def test_project_is_the_memory():
    u = noise((777, 4), "float32")
    times = irregular(777)
    assert same_bits(project(u, 9), filled(u, 9).coefficients)
    assert same_bits(project(u, 9, times=times), filled(u, 9, times).coefficients)


def test_dt_is_the_unit_of_every_time():
    u = np.random.default_rng(3).standard_normal((500, 2))
    plain, seconds = Memory(n=20, channels=2, dtype="float64"), Memory(n=20, channels=2, dt=1 / 360, dtype="float64")
    plain.extend(u)
    seconds.extend(u[:300])
    seconds.extend(u[300:], np.arange(301, 501) / 360)
    assert np.isclose(seconds.time, 500 / 360, rtol=1e-14)
    assert np.allclose(seconds.coefficients, plain.coefficients, rtol=0, atol=1e-12)
    at = np.array([0.0, 99.5, 500.0])
    assert np.allclose(seconds.reconstruct(at / 360), plain.reconstruct(at), rtol=0, atol=1e-11)
    assert seconds.copy().time == seconds.time
    with pytest.raises(ValueError, match="dt"):
        plain.merge(seconds)
    for dt in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="dt must be positive"):
            Memory(dt=dt)
    with pytest.raises(ValueError, match="theta must be None"):
        Memory(theta=2.0)


def test_project_along_the_way():
    u = np.random.default_rng(4).standard_normal((103, 3)).astype(np.float32)
    along = project(u, 9, every=10)
    assert along.shape == (10, 3, 9)
    for i in range(10):
        assert np.allclose(along[i], project(u[: 10 * (i + 1)], 9), rtol=0, atol=1e-6)
    ends = np.cumsum(np.random.default_rng(5).uniform(0.5, 2, 103))
    assert np.allclose(project(u, 9, times=ends, every=103)[0], project(u, 9, times=ends), rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match="every"):
        project(u, 9, every=0)
    with pytest.raises(ValueError, match="times"):
        project(u, 9, times=ends[:5], every=10)


def test_states_that_lack_something_are_refused():
    state = Memory(n=4).state_dict()
    del state["channels"], state["dt"]
    with pytest.raises(
        ValueError, match=r"hippo\.Memory: state must have what state_dict\(\) gives, lacks \['channels', 'dt'\]"
    ):
        Memory.from_state_dict(state)
