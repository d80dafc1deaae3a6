# SPDX-License-Identifier: Apache-2.0
"""One-step LegS memories against dense float64 solves, and the laws of feeding, saving and differentiating them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from danaus.hippo import Memory, project, project_vjp
from helpers import LAYOUTS, cut, laid_out, same_bits
from reference import legs, legs_steps

DTYPES = ("float32", "float64")
STABLE = ("bilinear", "hippo_bilinear", "backward_euler")
PROMISED = {"float32": 1e-6, "float64": 1e-12}  # relative to the norm of a channel's coefficients


def noise(shape, dtype="float64", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def irregular(length, seed=0):
    return np.cumsum(np.random.default_rng(seed).uniform(0.01, 3, length))


def error(x, truth):
    return np.linalg.norm(np.asarray(x, float) - truth, axis=1) / np.linalg.norm(truth, axis=1)


def filled(u, n, method, times=None, threads=1):
    memory = Memory(n=n, channels=u.shape[1], dtype=u.dtype, method=method)
    memory.extend(u, times, threads=threads)
    return memory


# -------------------------------------------------------------------------------------- coefficients


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", STABLE)
def test_steps_are_the_dense_solves(method, dtype):
    for n, length, channels in (
        (1, 9, 1), (2, 7, 3), (3, 40, 17), (8, 1, 2), (17, 70, 4), (33, 30, 5), (64, 61, 33), (70, 37, 1), (130, 17, 2),
    ):  # fmt: skip
        u = noise((length, channels), dtype, n)
        for times in (None, irregular(length)):
            x = filled(u, n, method, times).coefficients
            assert x.dtype == dtype and x.shape == (channels, n)
            assert (error(x, legs_steps.coefficients(u, n, method, times)) <= PROMISED[dtype]).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_thousand_and_twenty_four_coefficients(dtype):
    u = noise((10, 5), dtype)
    truth = legs_steps.coefficients(u, 1024, "bilinear")
    assert (error(project(u, 1024, method="bilinear"), truth) <= PROMISED[dtype]).all()
    assert (error(project(u[:, :1], 1024, method="bilinear"), truth[:1]) <= PROMISED[dtype]).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_forward_euler_is_the_sum_it_says(dtype):
    n = 8
    u = noise((400, 6), dtype)
    truth = legs_steps.coefficients(u, n, "forward_euler")
    assert (error(project(u, n, method="forward_euler"), truth) <= 10 * PROMISED[dtype]).all()  # grew 1500 on its way


def test_forward_euler_is_refused_where_it_would_blow_up():
    """The bound is the dense product's: ||prod (I + h_k A)|| against 1e-3 / eps."""
    for dtype, eps in (("float32", 2.0**-23), ("float64", 2.0**-52)):
        for n in (2, 6, 9, 10, 16, 20, 21, 22, 64, 1024):
            grown = np.inf
            if n <= 32:
                a, _ = legs_steps.system(n)
                product, norms = np.eye(n), [1.0]
                for k in range(1, n * n // 2 + 3):
                    product = product + np.log1p(1 / k) * (a @ product)
                    norms.append(np.linalg.norm(product) / np.sqrt(n))
                grown = max(norms)
            if grown > 1e-3 / eps:
                with pytest.raises(ValueError, match=r"method 'forward_euler' must not be used with n = .*multiplies"):
                    Memory(n=n, method="forward_euler", dtype=dtype)
            else:
                assert Memory(n=n, method="forward_euler", dtype=dtype).n == n


def test_a_million_samples_do_not_drift():
    """Float32 against float64 of the same steps, and log-bilinear against the exact memory of a smooth signal."""
    t = np.arange(1_000_000)[:, None]
    u = np.sin(t * 2e-5) + 0.3 * np.cos(t * 7e-5) + 1.0
    double = project(u, 16, method="bilinear")
    single = project(u.astype(np.float32), 16, method="bilinear")
    assert (error(single, double) <= PROMISED["float32"]).all()
    assert (error(double, legs.coefficients(u, 16)) <= 1e-8).all()


def test_log_time_is_second_order_and_the_published_convention_is_not():
    errors = {}
    for method in STABLE:
        errors[method] = []
        for length in (512, 2048):
            u = np.cos(np.linspace(0, 20, length))[:, None]
            errors[method].append(error(project(u, 16, method=method), legs.coefficients(u, 16)).item())
    assert errors["bilinear"][1] <= 1e-3 <= errors["hippo_bilinear"][1]
    assert errors["bilinear"][1] < errors["bilinear"][0] / 3
    assert errors["backward_euler"][1] > errors["bilinear"][1]


@pytest.mark.parametrize("method", STABLE)
@given(level=st.floats(-1e6, 1e6), n=st.integers(1, 40), length=st.integers(1, 70), channels=st.integers(1, 20))
def test_a_constant_is_a_fixed_point(method, level, n, length, channels):
    x = project(np.full((length, channels), level), n, method=method)
    assert (x[:, 0] == level).all() and not x[:, 1:].any()


# ------------------------------------------------------------------- one result, whatever the way


shapes = st.tuples(st.integers(1, 40), st.integers(1, 70), st.integers(1, 70))
chunks = st.lists(st.integers(0, 70), min_size=1, max_size=5)


@given(
    shape=shapes, dtype=st.sampled_from(DTYPES), sizes=chunks, spaced=st.booleans(), layout=st.sampled_from(LAYOUTS),
    method=st.sampled_from(STABLE), threads=st.integers(1, 3),
)  # fmt: skip
def test_chunks_steps_threads_and_layouts_give_the_same_bits(shape, dtype, sizes, spaced, layout, method, threads):
    channels, n, length = shape
    u = noise((length, channels), dtype)
    times = irregular(length) if spaced else None
    whole = filled(u, n, method, times)
    memory = Memory(n=n, channels=channels, dtype=dtype, method=method)
    for piece in cut(length, sizes):
        memory.extend(laid_out(u[piece], layout), None if times is None else times[piece], threads=threads)
        memory = pickle.loads(pickle.dumps(memory))
    assert same_bits(memory.coefficients, whole.coefficients)
    assert memory.time == whole.time == (length if times is None else times[-1])
    if not spaced:
        memory.reset()
        for row in laid_out(u, layout):
            memory.step(row)
        assert same_bits(memory.coefficients, whole.coefficients)


@pytest.mark.parametrize("dtype", DTYPES)
def test_few_channels_and_many_take_the_same_operations(dtype):
    """Samples in lanes and channels in lanes: the same bits."""
    u = noise((100, 37), dtype)
    for times in (None, irregular(100)):
        together = filled(u, 29, "bilinear", times).coefficients
        for c in (0, 17, 36):
            assert same_bits(filled(u[:, c : c + 1], 29, "bilinear", times).coefficients, together[c : c + 1])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("channels", [3, 20])
def test_what_is_not_finite_stays_in_its_channel(channels, bad):
    u = noise((60, channels), "float32")
    clean = filled(u, 12, "bilinear").coefficients
    u[31, 1] = bad
    x = filled(u, 12, "bilinear").coefficients
    others = np.arange(channels) != 1
    assert same_bits(x[others], clean[others]) and not np.isfinite(x[1]).any()


@pytest.mark.parametrize("method", STABLE)
def test_state_merge_and_reconstruction(method):
    u = noise((90, 6))
    memory = filled(u[:50], 10, method)
    twin = Memory.from_state_dict(memory.state_dict())
    assert (twin.method, twin.time) == (method, 50) and same_bits(twin.coefficients, memory.coefficients)
    at = np.linspace(0, 50, 33)
    assert np.allclose(memory.reconstruct(at), legs.reconstruct(memory.coefficients, 50, at), rtol=0, atol=1e-12)
    merged = memory.copy()
    merged.merge(filled(u[50:], 10, method))
    exact = Memory(n=10, channels=6, dtype="float64")
    exact.extend(u)
    assert merged.time == 90
    assert (error(merged.coefficients, exact.coefficients) <= 0.5).all()  # two approximations, one interval
    constant = filled(np.ones((7, 2)), 5, method)
    constant.merge(filled(np.full((3, 2), 4.0), 5, method))
    truth = legs.coefficients(np.repeat([1.0, 4.0], [7, 3]), 5)
    assert np.allclose(constant.coefficients, truth, rtol=0, atol=1e-14)  # constants are exact, and so is merging
    for other in (Memory(n=10, channels=6, dtype="float64"), Memory(n=10, channels=5, dtype="float64", method=method)):
        with pytest.raises(ValueError, match="merge needs"):
            memory.merge(other)


def test_saved_states_of_before_still_load():
    """Without theta and method: they were exact."""
    memory = Memory(n=6, dtype="float64")
    memory.extend(noise((40, 1)))
    state = {k: v for k, v in memory.state_dict().items() if k not in ("theta", "method")}
    assert same_bits(Memory.from_state_dict(state).coefficients, memory.coefficients)


def test_wrong_values_are_named():
    with pytest.raises(ValueError, match=r"hippo\.Memory: method must be one of"):
        Memory(method="trapezoid")
    memory = filled(noise((5, 2)), 4, "bilinear")
    before = memory.state_dict()["state"]
    for times in ([5.0], [5, 4], [4, 6], [6, np.nan], [6, np.inf]):
        with pytest.raises(ValueError, match="times must"):
            memory.extend(noise((2, 2)), times)
    with pytest.raises(ValueError, match="u must have shape"):
        memory.extend(noise((2, 3)))
    for state in (before[:-1], np.concatenate([[-1.0], before[1:]]), np.concatenate([[np.nan], before[1:]])):
        with pytest.raises(ValueError, match="state must"):
            Memory.from_state_dict({**memory.state_dict(), "state": state})
    with pytest.raises(ValueError, match="at least one sample"):
        Memory(method="bilinear").reconstruct([1.0])
    with pytest.raises(ValueError, match="threads must be at least 1"):
        memory.extend(noise((2, 2)), threads=0)
    assert same_bits(memory.state_dict()["state"], before)


# ------------------------------------------------------------------------------------------ gradients


@pytest.mark.parametrize("method", ["exact", *STABLE])
@given(shape=shapes, spaced=st.booleans(), dtype=st.sampled_from(DTYPES))
def test_the_gradient_is_the_transpose(method, shape, spaced, dtype):
    """<g, P u> = <P^T g, u>, for every u and g."""
    channels, n, length = shape
    u, g = noise((length, channels), dtype), noise((channels, n), dtype, 1)
    times = irregular(length) if spaced else None
    x = project(u, n, method=method, times=times)
    du = project_vjp(g, None if spaced else length, method=method, times=times, threads=2)
    assert du.shape == u.shape and du.dtype == dtype
    scale = np.linalg.norm(g.astype(float), axis=1) * np.linalg.norm(u.astype(float), axis=0)
    difference = (g.astype(float) * x).sum(1) - (du.astype(float) * u).sum(0)
    assert (np.abs(difference) <= (1e-6 if dtype == "float32" else 1e-12) * scale).all()


@pytest.mark.parametrize("method", ["exact", "bilinear", "hippo_bilinear", "backward_euler", "forward_euler"])
def test_the_gradient_by_finite_differences(method):
    """Of a loss that is not linear; the coefficients are, so that central differences of it err by rounding only."""
    u, w = noise((23, 2)), noise((2, 7), seed=1)

    def loss(v):
        return float((w * project(v, 7, method=method) ** 2).sum())

    du = project_vjp(2 * w * project(u, 7, method=method), 23, method=method)
    for k, c in ((0, 0), (1, 1), (11, 0), (22, 1)):
        step = np.zeros_like(u)
        step[k, c] = 1e-4
        assert abs((loss(u + step) - loss(u - step)) / 2e-4 - du[k, c]) <= 1e-8


@pytest.mark.parametrize("method", ["exact", *STABLE])
@given(shape=shapes, every=st.integers(1, 30), spaced=st.booleans())
def test_the_gradient_of_a_trajectory_is_the_transpose(method, shape, every, spaced):
    channels, n, length = shape
    u, g = noise((length, channels)), noise((length // every, channels, n), seed=1)
    times = irregular(length) if spaced else None
    x = project(u, n, method=method, times=times, every=every)
    du = project_vjp(g, None if spaced else length, method=method, times=times, every=every)
    scale = np.linalg.norm(g, axis=(0, 2)) * np.linalg.norm(u, axis=0) * np.sqrt(1 + len(g))
    difference = (g * x).sum((0, 2)) - (du * u).sum(0)
    assert du.shape == u.shape and (np.abs(difference) <= 1e-12 * scale).all()
    assert not du[length // every * every :].any()


def test_the_gradient_names_what_is_wrong():
    g = np.ones((2, 3))
    for arguments, name in (
        ({}, "length"),
        ({"length": 4, "times": [1, 2, 3, 4]}, "length"),
        ({"length": -1}, "length"),
        ({"times": [1, 1]}, "times"),
        ({"times": [[1, 2]]}, "times"),
        ({"times": [1, np.nan]}, "times"),
        ({"length": 3, "method": "zoh"}, "method"),
        ({"length": 3, "measure": "lagt"}, "measure"),
        ({"length": 3, "every": 0}, "every"),
        ({"length": 3, "every": 1}, "grad"),
    ):
        with pytest.raises(ValueError, match=rf"hippo\.project_vjp: .*\b{name}\b.*"):
            project_vjp(g, **arguments)
    with pytest.raises(ValueError, match="grad must have shape"):
        project_vjp(np.ones(3), 4)
    with pytest.raises(ValueError, match="grad must have 2 pieces"):
        project_vjp(np.ones((3, 2, 3)), 4, every=2)
    with pytest.raises(TypeError, match="grad must be"):
        project_vjp(np.ones((2, 3), int), 4)
    assert project_vjp(g, 0).shape == project_vjp(g, 0, method="bilinear").shape == (0, 2)
