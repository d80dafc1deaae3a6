# SPDX-License-Identifier: Apache-2.0
"""Sketches of intervals against the closed form; error estimates and pictures of memories."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from danaus.hippo import Memory, Sketch, combine, project, sketches
from danaus.hippo._quality import last_half
from reference import legs


def noise(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def irregular(length, seed=0):
    return np.cumsum(np.random.default_rng(seed).uniform(0.01, 3, length))


def distance(x, truth):
    return np.linalg.norm(x - truth) / np.linalg.norm(truth)


# ------------------------------------------------------------------------------------------- sketches


@given(
    shape=st.tuples(st.integers(1, 20), st.integers(1, 40), st.integers(1, 70)),
    every=st.integers(1, 30),
    spaced=st.booleans(),
    start=st.floats(-50, 50),
    threads=st.integers(1, 3),
    ends=st.tuples(st.integers(0, 69), st.integers(0, 69)),
)
def test_any_window_of_pieces_is_the_closed_form(shape, every, spaced, start, threads, ends):
    channels, n, length = shape
    u = noise((length, channels))
    times = start + irregular(length) if spaced else None
    pieces = sketches(u, n, every=every, times=times, start=start, threads=threads)
    assert len(pieces) == -(-length // every) and pieces[0].start == start
    edges = np.concatenate([[start], start + np.arange(1.0, length + 1) if times is None else times])
    i, j = sorted(e % (len(pieces)) for e in ends)
    first, last = i * every, min((j + 1) * every, length)
    found = combine(pieces, edges[first], edges[last])
    truth = legs.coefficients(u[first:last], n, edges[first + 1 : last + 1] - edges[first])
    assert distance(found.coefficients, truth) <= 1e-11
    assert (found.start, found.stop) == (edges[first], edges[last])


def test_a_long_signal_with_gaps_in_time():
    u, times = noise((5000, 2)), irregular(5000)
    pieces = sketches(u, 64, every=250, times=times, threads=2)
    for i, j in ((0, 20), (3, 4), (7, 19), (10, 15)):
        begin = 0.0 if i == 0 else times[250 * i - 1]
        found = combine(pieces[::-1], begin, times[250 * j - 1])
        truth = legs.coefficients(u[250 * i : 250 * j], 64, times[250 * i : 250 * j] - begin)
        assert distance(found.coefficients, truth) <= 1e-11


@given(sizes=st.lists(st.integers(1, 60), min_size=3, max_size=3), n=st.integers(1, 70), channels=st.integers(1, 9))
def test_addition_is_associative(sizes, n, channels):
    edges = np.concatenate([[0], np.cumsum(sizes)])
    u = noise((int(edges[-1]), channels))
    a, b, c = (Sketch(p, q, project(u[p:q], n)) for p, q in pairwise(edges))
    left, right = (a + b) + c, a + (b + c)
    assert distance(left.coefficients, right.coefficients) <= 1e-12
    assert distance((c + (b + a)).coefficients, right.coefficients) <= 1e-12
    assert distance(left.coefficients, legs.coefficients(u, n)) <= 1e-11


def test_a_window_inside_a_sketch_is_its_polynomial():
    sketch = Sketch(10.0, 30.0, project(noise((20, 3)), 12))
    part = sketch.window(12.5, 27.0)
    at = np.linspace(12.5, 27.0, 40)
    assert np.allclose(part.reconstruct(at), sketch.reconstruct(at), rtol=0, atol=1e-11)
    again = part.window(13.0, 14.0) + part.window(14.0, 20.0)
    direct = sketch.window(13.0, 20.0)
    assert distance(again.coefficients, direct.coefficients) <= 1e-12
    assert np.allclose(sketch.reconstruct(at), legs.reconstruct(sketch.coefficients, 20.0, at - 10), atol=1e-11)
    cut = combine([sketch], 5.0, 20.0)  # 0 before the sketch begins
    assert np.allclose(cut.coefficients[:, 0], sketch.window(10, 20).coefficients[:, 0] * 10 / 15, rtol=0, atol=1e-12)


def test_overlapping_sketches_count_once():
    t = np.linspace(-1, 1, 41)[:, None]
    u = 1 + t - 2 * t**2  # of degree 2 as a polynomial, whose sketches say the same where they overlap

    def polynomial(p, q):
        node, weight = np.polynomial.legendre.leggauss(8)
        s = p + (q - p) * 0.5 * (1 + node)
        basis = np.stack([np.sqrt(2 * m + 1) * np.polynomial.Legendre.basis(m)(node) for m in range(5)])
        return Sketch(p, q, ((basis * 0.5 * weight) @ (1 + s - 2 * s**2))[None])

    assert len(u) == 41
    both = combine([polynomial(0.2, 1.0), polynomial(-1.0, 0.5)])
    assert distance(both.coefficients, polynomial(-1.0, 1.0).coefficients) <= 1e-12


def test_the_oldest_can_be_forgotten():
    u = noise((4096, 2))
    pieces = sketches(u, 16, every=64)
    for i in range(16, 40):
        window = combine(pieces[i - 16 : i + 1]) - pieces[i - 16]
        truth = legs.coefficients(u[64 * (i - 15) : 64 * (i + 1)], 16)
        assert distance(window.coefficients, truth) <= 1e-9
    late = combine(pieces[:16]) - combine(pieces[15:16])
    assert (late.start, late.stop) == (0, 960)
    with pytest.raises(ValueError, match="most of"):
        combine(pieces[:16]) - combine(pieces[:12])


def test_sketches_name_what_is_wrong():
    good = Sketch(0.0, 2.0, np.ones((1, 3)))
    for start, stop in ((1, 1), (2, 1), (np.nan, 1), (0, np.inf)):
        with pytest.raises(ValueError, match="start must be below stop"):
            Sketch(start, stop, np.ones((1, 3)))
        with pytest.raises(ValueError, match="must"):
            combine([good], start, stop)
    for x in (np.ones(3), np.ones((0, 3)), np.ones((1, 2, 3))):
        with pytest.raises(ValueError, match="coefficients must have shape"):
            Sketch(0.0, 1.0, x)
    with pytest.raises(ValueError, match="intervals that touch"):
        good + Sketch(3.0, 4.0, np.ones((1, 3)))
    with pytest.raises(ValueError, match="the same shape"):
        good + Sketch(2.0, 4.0, np.ones((1, 4)))
    with pytest.raises(ValueError, match="begins or ends"):
        good - Sketch(0.5, 1.0, np.ones((1, 3)))
    with pytest.raises(ValueError, match="window must lie"):
        good.window(1.0, 3.0)
    with pytest.raises(TypeError):
        good + 1
    with pytest.raises(ValueError, match="read-only"):
        good.coefficients[0, 0] = 2
    with pytest.raises(ValueError, match="at least one sketch"):
        combine([])
    u = np.ones((4, 1))
    for arguments, name in (
        ({"every": 0}, "every"),
        ({"every": 2, "times": [1, 2]}, "times"),
        ({"every": 2, "times": [1, 2, 2, 3]}, "times"),
        ({"every": 2, "times": [1, 2, 3, np.nan]}, "times"),
        ({"every": 2, "start": 5.0, "times": [1, 2, 3, 4]}, "times"),
        ({"every": 2, "threads": 0}, "threads"),
    ):
        with pytest.raises(ValueError, match=rf"hippo\.sketches: {name} must"):
            sketches(u, 3, **arguments)
    assert sketches(np.ones((0, 2)), 3, every=4) == []


# ------------------------------------------------------------------------------ trajectories, error, plot


@pytest.mark.parametrize("method", ["exact", "bilinear"])
def test_a_trajectory_is_what_the_memory_says_along_the_way(method):
    u, out = noise((103, 3)), np.empty((10, 3, 9))
    for times in (None, irregular(103)):
        along = project(u, 9, every=10, method=method, times=times, out=out)
        assert along is out or np.shares_memory(along, out)
        memory = Memory(n=9, channels=3, dtype="float64", method=method)
        for i in range(10):
            part = slice(10 * i, 10 * i + 10)
            memory.extend(u[part], None if times is None else times[part])
            assert np.array_equal(along[i], memory.coefficients)
    whole = np.empty((3, 9))
    assert project(u, 9, out=whole) is whole
    for wrong in (np.empty((3, 8)), np.empty((10, 3, 8))):
        with pytest.raises(ValueError, match="out must have shape"):
            project(u, 9, every=10 if wrong.ndim == 3 else None, out=wrong)
    with pytest.raises(TypeError, match="out must be"):
        project(u, 9, out=np.empty((3, 9), "float32"))


def true_error(memory, u):
    """Root mean square of what the polynomial misses: by Parseval what the signal's energy has beyond it."""
    energy = (u.astype(float) ** 2).mean(0) - (memory.coefficients.astype(float) ** 2).sum(1)
    return np.sqrt(np.maximum(energy, 0))


def test_the_estimate_bounds_smooth_signals_and_finds_jumps():
    t = np.linspace(-1, 1, 40_000)[:, None]
    smooth, jump, rough = 1 / (1 + 25 * t**2), np.where(t < 0.41, -1.0, 1.0), noise((40_000, 1))
    for n in (16, 32, 64):
        for u, low, high in ((smooth, 1.0, 40.0), (jump, 0.5, 2.0), (rough, 0.0, 1.0)):
            if u is smooth and n == 64:
                continue  # below what a staircase can show
            memory = Memory(n=n, dtype="float64")
            memory.extend(u)
            assert low <= (memory.error_estimate() / true_error(memory, u)).item() <= high
    assert Memory(n=4, channels=2).error_estimate().tolist() == [0, 0]


def test_the_upper_half_of_every_measure():
    ones = np.ones((1, 8))
    for measure in ("legs", "legt", "lagt", "glagt", "fout", "foud"):
        assert np.isclose(last_half(measure, ones).item(), 2)
    assert np.isclose(last_half("lmu", ones).item(), np.sqrt(sum(1 / (2 * m + 1) for m in range(4, 8))))
    fous = np.zeros((1, 9), complex)
    fous[0, 4] = 5j  # m = 0
    assert last_half("fous", fous).item() == 0
    fous[0, 0] = fous[0, 8] = 3j  # m = -4, 4
    assert np.isclose(last_half("fous", fous).item(), np.sqrt(18))
    assert last_half("legs", np.full((2, 1), 3.0)).tolist() == [3, 3]


def test_a_plot_shows_signal_and_memory(tmp_path):
    u = np.sin(np.arange(5000) / 200)[:, None].repeat(2, 1)
    memory = Memory(n=32, channels=2, dt=0.01, dtype="float64")
    memory.extend(u)
    text = memory.plot(u, channel=1, path=tmp_path / "memory.svg")
    assert (tmp_path / "memory.svg").read_text(encoding="utf-8") == text and len(text) < 100_000
    lines = [e for e in ElementTree.fromstring(text).iter() if e.tag.endswith("polyline")]
    drawn = [np.array([p.split(",") for p in e.get("points").split()], float) for e in lines[-2:]]
    signal, remembered = drawn
    at = np.interp(signal[:, 0], remembered[:, 0], remembered[:, 1])
    assert np.abs(at - signal[:, 1]).max() <= 2  # points of the picture: this signal is remembered well
    for arguments in ({}, {"signal": u[-100:, 0]}, {"signal": u[:7, 0], "times": np.arange(7.0)}, {"signal": u[:1]}):
        ElementTree.fromstring(memory.plot(**arguments))
    ElementTree.fromstring(memory.plot(np.zeros(5)))
    for arguments, name in (
        ({"channel": 2}, "channel"),
        ({"points": 1}, "points"),
        ({"signal": np.zeros((2, 3))}, "signal"),
        ({"signal": np.array([np.nan])}, "signal"),
        ({"signal": np.zeros(3), "times": np.zeros(2)}, "times"),
    ):
        with pytest.raises(ValueError, match=rf"{name} must"):
            memory.plot(**arguments)
    with pytest.raises(ValueError, match="at least one sample"):
        Memory().plot()


def test_threads_give_the_same_bits():
    u = noise((3000, 100))
    for method in ("exact", "bilinear"):
        one, three = (project(u, 12, threads=k, method=method) for k in (1, 3))
        assert np.array_equal(one, three)
