# SPDX-License-Identifier: Apache-2.0
"""S5 layers against dense references, and the laws that scan, step, kernel and stream obey."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from danaus.ssm import S5
from helpers import LAYOUTS, cut, laid_out, same_bits
from reference import mimo

DTYPES = ("float32", "float64")
TOLERANCE = {"float32": 3e-6, "float64": 1e-11}


def noise(shape, dtype="float64", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def random_layer(inputs, outputs, modes, seed=0, method="zoh"):
    """Poles and steps in the ranges that S5 initialises and trains."""
    rng = np.random.default_rng([seed, inputs, outputs, modes])

    def gauss(*shape):
        return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)

    lam = -rng.uniform(0.2, 2.0, modes) + 1j * rng.uniform(-60, 60, modes)
    d = rng.standard_normal(inputs) if inputs == outputs else 0
    dt = np.exp(rng.uniform(np.log(1e-3), np.log(1e-1), modes))
    return S5(lam, gauss(modes, inputs), gauss(outputs, modes), d, dt, method=method)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", ["zoh", "bilinear"])
@pytest.mark.parametrize(
    ("inputs", "outputs", "modes"), [(1, 1, 1), (3, 3, 5), (17, 17, 32), (4, 33, 16), (40, 2, 128)]
)
def test_scan_is_the_recurrence(inputs, outputs, modes, method, dtype):
    layer = random_layer(inputs, outputs, modes, method=method)
    u = noise((1500, inputs), dtype)
    truth = mimo.scan(*mimo.discretize(layer.lambda_, layer.b, layer.dt, method), layer.c, layer.d, u)
    y = layer(u)
    assert y.dtype == dtype and y.shape == (1500, outputs)
    assert np.abs(y - truth).max() <= TOLERANCE[dtype] * np.abs(truth).max()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", [0, 1, 2, 17, 97, 300])
def test_kernel_is_the_formula_and_the_impulse_response(length, dtype):
    layer = random_layer(3, 4, 6)
    discrete = mimo.discretize(layer.lambda_, layer.b, layer.dt)
    truth = mimo.kernel(*discrete, layer.c, length)
    k = layer.kernel(length, dtype)
    assert k.shape == (4, 3, length) and k.dtype == dtype
    peak = np.abs(truth).max(initial=0)
    assert (np.abs(k - truth) <= TOLERANCE[dtype] * peak).all()
    for h in range(3):
        u = np.zeros((length, 3), dtype)
        u[:1, h] = 1
        assert (np.abs(layer(u) - truth[:, h].T) <= TOLERANCE[dtype] * peak).all()
    out = np.empty_like(k)
    assert layer.kernel(length, dtype, out=out) is out and same_bits(out, k)


def test_convolve_is_the_recurrence():
    layer = random_layer(5, 5, 9)
    u = noise((2, 333, 5))
    assert np.abs(layer.convolve(u) - layer(u)).max() <= 1e-11 * np.abs(layer(u)).max()
    still = S5([-1e9], [[1.0]], [[1.0]], 0, 1.0, method="zoh")  # forgets at once: a_bar = 0
    assert np.allclose(still.convolve(np.ones((3, 1))), 2e-9, rtol=1e-12)


def test_constant_input_does_not_stop_short_in_float32():
    layer = S5([-1.0], [[1.0]], [[0.5]], 0, 1e-4)
    last = layer(np.ones((200_000, 1), np.float32))[-1, 0]
    assert abs(1 - last) <= 4 * 2.0**-24 + np.exp(-20)


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_any_chunks_and_threads_give_the_same_bits(dtype, data):
    inputs, outputs = data.draw(st.sampled_from([(1, 1), (3, 3), (16, 16), (5, 18), (33, 7)]))
    layer = random_layer(inputs, outputs, data.draw(st.sampled_from([1, 4, 16, 35])))
    length = data.draw(st.integers(0, 300))
    u = laid_out(noise((length, inputs), dtype), data.draw(st.sampled_from(LAYOUTS)))
    whole = layer(u, threads=data.draw(st.integers(1, 4)))
    stream = layer.stream(None, dtype)
    pieces = cut(length, data.draw(st.lists(st.integers(0, 150), min_size=1, max_size=5)))
    threads = data.draw(st.integers(1, 3))
    parts = [np.empty((0, outputs), dtype), *(stream.run(u[piece], threads=threads) for piece in pieces)]
    assert same_bits(np.concatenate(parts), whole)


@pytest.mark.parametrize("dtype", DTYPES)
def test_steps_batches_prefill_and_saved_states_resume_bit_for_bit(dtype):
    layer = random_layer(6, 6, 20)
    u = noise((3, 120, 6), dtype)
    whole = layer(u)
    y, stream = layer.prefill(u[:, :70])
    assert same_bits(y, whole[:, :70])
    other = layer.stream(3, dtype)
    other.state = stream.state
    for t in range(70, 120):
        assert same_bits(stream.step(u[:, t]), whole[:, t])
        assert same_bits(other.step(u[:, t]), whole[:, t])
    assert same_bits(stream.state, other.state)
    stream.reset()
    assert same_bits(stream.run(u), whole)
    assert same_bits(layer(u[1]), whole[1])
    same = u.copy()
    assert layer(same, out=same) is same and same_bits(same, whole)
    assert same_bits(pickle.loads(pickle.dumps(layer))(u), whole)


def test_resample_keeps_the_system():
    layer = random_layer(2, 2, 4)
    held = np.repeat(noise((50, 2)), 3, axis=0)  # zoh: a held input, sampled thrice as finely
    fine = layer(held)[2::3] - layer.d * held[2::3]
    coarse = layer.resample(3)(held[::3]) - layer.d * held[::3]
    assert np.abs(fine - coarse).max() <= 1e-11 * np.abs(fine).max()
    for wrong in (0, -1, np.nan, np.inf):
        with pytest.raises(ValueError, match="rate must be"):
            layer.resample(wrong)


def test_check_tells_what_there_is():
    report = random_layer(4, 4, 8).check()
    assert report.system == "S5" and report.stable and report.difference < 3e-6 and report.modes == 8
    growing = S5([0.1 + 1j, -1.0], np.ones((2, 2)), np.ones((2, 2)), np.zeros(2), 0.5)
    assert not growing.check(50).stable and "(0,)" in str(growing.check(50))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lambda_": np.zeros((1, 2))}, "lambda_ must have shape"),
        ({"lambda_": np.zeros(0)}, "lambda_ must have shape"),
        ({"b": np.zeros((3, 2))}, "b must have shape"),
        ({"c": np.zeros((2, 3))}, "c must have shape"),
        ({"d": np.zeros(3)}, "d must have shape"),
        ({"d": 1.0}, "d must have shape"),
        ({"c": np.ones((5, 2))}, "d must be 0"),
        ({"dt": np.zeros(2)}, "dt must be positive"),
        ({"dt": [0.1, np.nan]}, "dt must be finite"),
        ({"dt": np.ones(3)}, "dt must have shape"),
        ({"b": np.full((2, 2), np.inf)}, "b must be finite"),
        ({"method": "euler"}, "method must be"),
        ({"lambda_": np.array([1e6, -1]), "dt": 1.0}, "discrete system must be finite"),
    ],
)
def test_refusals_name_the_argument(change, words):
    good = {"lambda_": np.array([-1, -2 + 1j]), "b": np.ones((2, 2)), "c": np.ones((2, 2)), "d": np.ones(2), "dt": 0.1}
    S5(**good)
    with pytest.raises(ValueError, match=words):
        S5(**{**good, **change})


def test_wrong_inputs_are_refused():
    layer = random_layer(3, 5, 2)
    with pytest.raises(ValueError, match="u must have shape"):
        layer(np.zeros((4, 2), np.float32))
    with pytest.raises(TypeError, match="float32 or float64"):
        layer(np.zeros((4, 3), np.int32))
    with pytest.raises(ValueError, match="out must have shape"):
        layer(np.zeros((4, 3), np.float32), out=np.zeros((4, 3), np.float32))
    with pytest.raises(ValueError, match="length must not be negative"):
        layer.kernel(-1)
    with pytest.raises(ValueError, match="batch must be"):
        layer.stream(0)
    with pytest.raises(ValueError, match="u must have shape"):
        layer.stream().step(np.zeros(5, np.float32))
    with pytest.raises(TypeError, match="out must be"):
        layer.kernel(3, out=np.zeros((5, 3, 3)))
    with pytest.raises(ValueError, match="out must have shape"):
        layer.kernel(3, out=np.zeros((3, 5, 3), np.float32))


def test_empty_and_huge():
    layer = random_layer(3, 5, 2)
    assert layer(np.zeros((0, 3), np.float32)).shape == (0, 5)
    assert layer(np.zeros((0, 4, 3), np.float32)).shape == (0, 4, 5)
    assert np.isfinite(layer(np.full((10, 3), 1e30, np.float32))).all()
    assert np.isnan(layer(np.full((2, 3), np.nan, np.float32))).all()
