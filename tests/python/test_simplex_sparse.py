# SPDX-License-Identifier: Apache-2.0
"""Maps with exact zeros: thresholds, supports and bounds on hard rows; gradients, losses, streams, samples."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from danaus import simplex
from helpers import same_bits
from reference import simplex as reference

INF, NAN = np.inf, np.nan


def hard_rows(n: int) -> dict[str, Any]:
    """Rows that searches for a threshold find hard."""
    rng = np.random.default_rng(n)
    normal = rng.standard_normal(n)
    return {
        "normal": normal,
        "wide": 30 * normal,
        "narrow": 0.01 * normal,
        "hair": 1e-6 * normal,
        "equal": np.full(n, 0.3),
        "two values": np.where(normal > 0, 1.0, 0.5),
        "rising": np.sort(normal),
        "falling": -np.sort(normal),
        "line": np.linspace(-1, 0, n),
        "geometric": -(0.5 ** np.arange(n) % 1.0),
        "edge": np.r_[0.0, np.full(n - 1, -1.0)],
        "edge of 1.5": np.r_[0.0, np.full(n - 1, -2.0)],
        "far": 1e6 + np.round(normal, 3) * 8,
        "lonely": np.r_[np.full(n - 1, -INF), -1e4],
        "some masked": np.where(normal > 0.5, -INF, normal),
    }


@pytest.mark.parametrize("n", [1, 2, 3, 5, 17, 64, 70, 300, 2048, 5001])
def test_thresholds_are_exact(n: int) -> None:
    for name, row in hard_rows(n).items():
        want = {2.0: reference.sparsemax(row), 1.5: reference.entmax(row, 1.5)}
        for alpha, exact in want.items():
            got = simplex.entmax(row, alpha)
            assert np.abs(got - exact).max() <= 1e-13, (name, alpha)
            sure = exact > 1e-13  # closer to the threshold than it is known, either is right
            assert ((got > 0) >= sure).all() and ((got > 0) <= (exact > 0) | (got < 1e-13)).all(), (name, alpha)
            single = row.astype("float32")
            again = reference.sparsemax(single) if alpha == 2 else reference.entmax(single, 1.5)
            assert np.abs(simplex.entmax(single, alpha) - again).max() <= 2 * 2.0**-24, (name, alpha)


@pytest.mark.parametrize("alpha", [1.0001, 1.05, 1.3, 1.7, 2 - 1e-9, 2.5, 4.0])
def test_entmax_of_any_power(alpha: float) -> None:
    for n in (1, 2, 17, 70, 700):
        for name, row in hard_rows(n).items():
            exact = reference.entmax(row, alpha)
            # beyond 2 the power of what is left of the threshold's last digit is large: its root
            bound = max(1e-13, 2 * n * 2.0**-53) if alpha <= 2 else (4e-16) ** (1 / (alpha - 1))
            assert np.abs(simplex.entmax(row, alpha) - exact).max() <= bound, (name, n)
            single = row.astype("float32")
            exact = reference.entmax(single, alpha)
            assert np.abs(simplex.entmax(single, alpha) - exact).max() <= max(2e-6, bound), (name, n)


def test_powers_near_one_join_softmax() -> None:
    x = np.random.default_rng(0).standard_normal(1000) * 3
    p = simplex.softmax(x)
    for beta in (0.0, 1e-12, 1e-9, 1e-7, 1e-5):
        assert np.abs(simplex.entmax(x, 1 + beta) - p).max() <= 1e-13 + 30 * beta
    assert simplex.entmax(np.float32([1e6, 1e6 - 1]), 1.3)[1] == pytest.approx(
        simplex.entmax([0.0, -1.0], 1.3)[1], 1e-6
    )


def test_temperatures_of_projections() -> None:
    x = np.random.default_rng(1).standard_normal((5, 700))
    for alpha in (1.0, 1.3, 1.5, 2.0, 3.0):
        for temperature in (0.03, 0.7, 50.0):
            want = simplex.entmax(x / temperature, alpha)
            assert np.allclose(simplex.entmax(x, alpha, temperature=temperature), want, rtol=0, atol=1e-12)


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 90),
    st.integers(1, 95),
    st.integers(0, 2**32),
    st.booleans(),
    st.sampled_from(["float32", "float64"]),
)
def test_topk_keeps_the_lowest_of_equals(n: int, k: int, seed: int, ties: bool, kind: str) -> None:
    x = np.random.default_rng(seed).standard_normal(n)
    x = (x.round(0) if ties else x).astype(kind)
    got = simplex.topk_softmax(x, k)
    assert set(np.flatnonzero(got)) == set(reference.kept(x, k))
    assert np.allclose(got, reference.topk_softmax(x, k), rtol=1e-6, atol=0)


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 90), st.floats(0.01, 0.999), st.integers(0, 2**32), st.booleans())
def test_nucleus_is_the_shortest_prefix(n: int, mass: float, seed: int, ties: bool) -> None:
    x = np.random.default_rng(seed).standard_normal(n)
    x = x.round(0) if ties else x
    got = simplex.nucleus_softmax(x, mass)
    order = np.argsort(-x, kind="stable")
    sums = np.cumsum(np.asarray(reference.softmax(x)[order], float))
    if np.abs(sums - mass).min() < 1e-12:
        return  # either side of the mass is right
    assert np.allclose(got, reference.nucleus_softmax(x, mass), rtol=1e-12, atol=0)


def test_long_rows_and_many_kept() -> None:
    rng = np.random.default_rng(2)
    for x in (rng.standard_normal(50_001), rng.standard_normal(50_001).round(1), np.sort(rng.standard_normal(20_000))):
        for k in (1, 7, 50, 600, 2049, 19_999):
            row = x.astype("float32")
            assert set(np.flatnonzero(simplex.topk_softmax(row, k))) == set(reference.kept(row, k))
        got = simplex.nucleus_softmax(x, 0.9)
        assert np.allclose(got, reference.nucleus_softmax(x, 0.9), rtol=1e-11, atol=1e-18)
    assert np.flatnonzero(simplex.topk_softmax(np.array([1.0, INF, INF, INF, 0]), 2)).tolist() == [1, 2]
    huge = np.float32([3e7, 3e7 + 4, 1.0])
    assert np.allclose(simplex.topk_softmax(huge, 2), [0.01798621, 0.98201379, 0])


FORWARD: list[tuple[str, Any, Any, Any]] = [
    ("softmax", lambda x: simplex.softmax(x, temperature=0.7), None,
     lambda p, g: simplex.softmax_vjp(p, g, temperature=0.7)),
    ("softmax1", simplex.softmax1, None, simplex.softmax_vjp),
    ("sparsemax", simplex.sparsemax, None, simplex.sparsemax_vjp),
    ("entmax15", simplex.entmax, None, simplex.entmax_vjp),
    ("entmax1.2", lambda x: simplex.entmax(x, 1.2), None, lambda p, g: simplex.entmax_vjp(p, g, 1.2)),
    ("entmax3", lambda x: simplex.entmax(x, 3.0), None, lambda p, g: simplex.entmax_vjp(p, g, 3.0)),
    ("topk", lambda x: simplex.topk_softmax(x, 3), None, simplex.softmax_vjp),
    ("log", simplex.log_softmax, simplex.log_softmax_jvp, simplex.log_softmax_vjp),
    ("taylor", lambda x: simplex.taylor_softmax(x, 4), lambda x, v: simplex.taylor_softmax_jvp(x, v, 4),
     lambda x, g: simplex.taylor_softmax_vjp(x, g, 4)),
    ("spherical", simplex.spherical_softmax, simplex.spherical_softmax_jvp, simplex.spherical_softmax_vjp),
    ("sigmoid", simplex.sigmoid_normalize, simplex.sigmoid_normalize_jvp, simplex.sigmoid_normalize_vjp),
]  # fmt: skip


@pytest.mark.parametrize(("name", "f", "jvp", "vjp"), FORWARD)
def test_products_with_jacobians(name: str, f: Any, jvp: Any, vjp: Any) -> None:
    rng = np.random.default_rng(3)
    for n in (1, 2, 6, 19):
        x, g, v = rng.standard_normal((3, n))
        at = x if name in ("taylor", "spherical", "sigmoid") else f(x)
        exact = reference.jacobian(f, x)
        assert np.abs(vjp(at, g) - g @ exact).max() <= 1e-7
        assert np.abs((jvp or vjp)(at, v) - exact @ v).max() <= 1e-7
        single = vjp(at.astype("float32"), g.astype("float32"))
        assert single.dtype == np.float32 and np.abs(single - g @ exact).max() <= 1e-5


def test_products_leave_alone_what_is_masked() -> None:
    p = np.array([0.5, 0.0, 0.5])
    g = np.array([1.0, INF, 2.0])
    for f in (simplex.softmax_vjp, simplex.sparsemax_vjp, simplex.entmax_vjp):
        assert f(p, g)[1] == 0 and np.isfinite(f(p, g)).all()
        assert (f(np.zeros(3), g) == 0).all()
        assert np.isnan(f(np.full(3, NAN), np.ones(3))).all()
    long = simplex.softmax(np.random.default_rng(4).standard_normal((3, 7000)).astype("float32"))
    grad = np.random.default_rng(5).standard_normal(long.shape).astype("float32")
    wide = long.astype("float64")
    want = wide * (grad - (grad * wide).sum(1, keepdims=True))
    assert np.abs(simplex.softmax_vjp(long, grad) - want).max() <= 2e-7 * np.abs(want).max()
    turned = simplex.softmax_vjp(np.ascontiguousarray(long.T), np.ascontiguousarray(grad.T), axis=0, threads=2)
    assert same_bits(np.ascontiguousarray(turned.T), simplex.softmax_vjp(long, grad))


def test_slopes_for_alpha_and_temperature() -> None:
    x = np.random.default_rng(6).standard_normal(12)
    for alpha in (1.0, 1.0 + 1e-7, 1.001, 1.2, 1.5, 1.9, 2.3):
        h = 1e-5 if alpha > 1.01 else 1e-4
        low = max(alpha - h, 1.0)
        p = simplex.entmax(x, alpha)
        want = (simplex.entmax(x, alpha + h) - simplex.entmax(x, low)) / (alpha + h - low)
        got = simplex.entmax_alpha_jvp(p, alpha)
        assert np.abs(got - want).max() <= (1e-5 if alpha > 1.01 else 3e-4)
        assert abs(got.sum()) <= 1e-13
        assert simplex.entmax_alpha_vjp(p, x, alpha) == pytest.approx(got @ x, abs=1e-14)
    g = np.random.default_rng(7).standard_normal(12)
    for temperature in (0.5, 2.0):
        dx = simplex.softmax_vjp(simplex.softmax(x, temperature=temperature), g, temperature=temperature)
        h = 1e-6
        want = (
            (simplex.softmax(x, temperature=temperature + h) - simplex.softmax(x, temperature=temperature - h))
            @ g
            / (2 * h)
        )
        assert simplex.temperature_vjp(x, dx, temperature=temperature) == pytest.approx(want, rel=1e-6)


def test_polynomials_and_squares() -> None:
    x = np.random.default_rng(8).standard_normal((3, 41)) * 4
    for order in (2, 4, 6, 8):
        f = np.array(
            [[float(sum(mpmath.mpf(v) ** k / mpmath.factorial(k) for k in range(order + 1))) for v in row] for row in x]
        )
        assert np.allclose(simplex.taylor_softmax(x, order), f / f.sum(1, keepdims=True), rtol=1e-13)
        single = x.astype("float32")
        assert np.allclose(
            simplex.taylor_softmax(single, order), simplex.taylor_softmax(single.astype(float), order), rtol=1e-7
        )
    assert np.allclose(simplex.spherical_softmax(x), x**2 / (x**2).sum(1, keepdims=True), rtol=1e-14)
    assert (simplex.spherical_softmax(np.zeros(3)) == 0).all()
    s = 1 / (1 + np.exp(-x))
    assert np.allclose(simplex.sigmoid_normalize(x), s / s.sum(1, keepdims=True), rtol=1e-13)
    assert np.isnan(simplex.sigmoid_normalize(np.array([NAN, 0.0]))).all()
    r = simplex.r_softmax(x, 0.75)
    w = np.maximum(x - np.quantile(x, 0.75, axis=1, keepdims=True), 0) * np.exp(x)
    assert np.allclose(r, w / w.sum(1, keepdims=True), rtol=1e-12)
    assert simplex.r_softmax(np.array([2.0, 2.0]), 0.5).tolist() == [0.5, 0.5]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(0, 2**32), st.sampled_from([1.0, 1.2, 1.5, 2.0, 3.0]))
def test_losses_are_fenchel_young(n: int, seed: int, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((4, n)) * rng.choice([0.1, 1, 10])
    labels = rng.integers(0, n, 4)
    loss = simplex.entmax_loss(x, labels, alpha)
    assert (loss >= 0).all()
    p = simplex.entmax(x, alpha)
    hit = np.take_along_axis(p, labels[:, None], 1)[:, 0] == 1
    assert ((loss == 0) >= hit).all()
    assert (loss[~hit] > 0).all() or (loss[~hit] < 1e-12).any()
    grad = simplex.entmax_loss_grad(x, labels, alpha)
    h, v = 1e-6, rng.standard_normal((4, n))
    slope = (simplex.entmax_loss(x + h * v, labels, alpha) - simplex.entmax_loss(x - h * v, labels, alpha)) / (2 * h)
    assert np.abs(slope - (grad * v).sum(1)).max() <= 1e-5


def test_losses_of_known_values() -> None:
    x = np.random.default_rng(9).standard_normal((6, 33))
    labels = np.arange(6)
    t = np.arange(6)
    want = np.array([-reference.log_softmax(row)[i] for i, row in enumerate(x)], float)
    assert np.allclose(simplex.cross_entropy(x, labels), want, rtol=1e-14)
    assert np.allclose(simplex.cross_entropy(x.T, labels, axis=0), want, rtol=1e-14)
    assert np.allclose(simplex.cross_entropy_grad(x, labels), simplex.softmax(x) - np.eye(33)[labels], atol=1e-15)
    assert simplex.cross_entropy(np.float32([0, -69]), 0) == pytest.approx(np.exp(-69.0), rel=1e-6)
    p = simplex.sparsemax(x)
    tau = np.array([(row[q > 0].sum() - 1) / (q > 0).sum() for row, q in zip(x, p, strict=True)])
    closed = 0.5 - x[t, labels] + 0.5 * np.where(p > 0, x**2 - tau[:, None] ** 2, 0).sum(1)
    assert np.allclose(simplex.sparsemax_loss(x, labels), closed, atol=1e-13)
    assert np.allclose(simplex.sparsemax_loss_grad(x, labels), p - np.eye(33)[labels], atol=1e-15)
    moved = x - 0.35 * np.eye(33)[labels]
    assert np.allclose(simplex.margin_softmax(x, labels, 0.35, 30.0), simplex.softmax(30 * moved), rtol=1e-12)
    assert np.allclose(
        simplex.margin_loss(x, labels, 0.35, 30.0), simplex.cross_entropy(30 * moved, labels), rtol=1e-12
    )
    slope = 30 * (simplex.softmax(30 * moved) - np.eye(33)[labels])
    assert np.allclose(simplex.margin_loss_grad(x, labels, 0.35, 30.0), slope, rtol=1e-11, atol=1e-13)
    masked = np.array([0.0, -INF, 1.0])
    for alpha in (1.0, 1.5, 2.0):
        assert np.isfinite(simplex.entmax_loss(masked, 0, alpha)) and simplex.entmax_loss(masked, 1, alpha) == INF


def test_streams_merge_to_the_whole() -> None:
    rng = np.random.default_rng(10)
    x, v = rng.standard_normal((3, 200)) * 5, rng.standard_normal((3, 200, 4))
    want = (simplex.softmax(x, temperature=0.8)[:, None] @ v)[:, 0]
    parts = []
    for i in range(0, 200, 37):
        part = simplex.OnlineSoftmax(temperature=0.8)
        part.update(x[:, i : i + 37], v[:, i : i + 37])
        parts.append(part)
    total = simplex.OnlineSoftmax(temperature=0.8)
    for i in (5, 0, 3, 1, 4, 2):
        total.merge(parts[i])
    assert np.allclose(total.value, want, rtol=1e-12) and total.count == 200
    assert np.allclose(total.logsumexp, simplex.logsumexp(x, temperature=0.8), rtol=1e-14)
    empty = simplex.OnlineSoftmax()
    empty.update(np.full((1, 2), -INF), np.ones((1, 2, 1)))
    assert empty.value.tolist() == [[0.0]] and empty.logsumexp.tolist() == [-INF]
    empty.update(np.array([[3.0]]), np.full((1, 1, 1), 7.0))
    assert empty.value.tolist() == [[7.0]]


def test_attention_of_one_query() -> None:
    rng = np.random.default_rng(11)
    for kind, bound in (("float32", 2e-6), ("float64", 1e-14)):
        q, k, v = (rng.standard_normal(s).astype(kind) for s in ((16,), (500, 16), (500, 8)))
        scores = k.astype(float) @ q / 4
        for alpha in (1.0, 1.5, 2.0):
            want = simplex.entmax(scores, alpha) @ v
            assert np.abs(simplex.attention_row(q, k, v, alpha=alpha) - want).max() <= bound
        many = simplex.attention_row(np.stack([q, 2 * q]), np.stack([k, k]), np.stack([v, v]), alpha=1.5, scale=0.5)
        assert np.abs(many[1] - simplex.entmax(scores * 4, 1.5) @ v).max() <= 4 * bound
        assert np.abs(simplex.attention_row(q, k, v, sink=1e9)).max() == 0


def test_samples_have_their_probabilities() -> None:
    x = np.array([0.0, 1.0, -INF, 2.0, 0.5])
    p = simplex.softmax(x, temperature=0.9)
    many = np.broadcast_to(x, (40_000, 5)).copy()
    counts = np.bincount(simplex.sample(many, 5, temperature=0.9), minlength=5)
    expected = 40_000 * p
    assert counts[2] == 0
    chi = ((counts - expected) ** 2)[expected > 0] / expected[expected > 0]
    assert chi.sum() < 3 + 6 * np.sqrt(6)  # three degrees of freedom, six deviations
    long = np.zeros((3000, 6145), "float32")
    drawn = simplex.sample(long, 6)
    blocks = np.bincount(drawn // 2048, minlength=4)
    assert np.abs(blocks - 3000 * np.array([2048, 2048, 2048, 1]) / 6145).max() < 6 * np.sqrt(1000)
    assert 2500 > len(np.unique(drawn)) > 2000
    assert np.array_equal(simplex.sample(long, 6, threads=3), drawn)
    assert np.array_equal(simplex.sample(np.asfortranarray(long[:50]), 6), drawn[:50])
    assert np.array_equal(simplex.sample(long[:50].T.copy(), 6, axis=0), drawn[:50])
    assert not np.array_equal(simplex.sample(long, 7), drawn)
    assert simplex.sample(np.array([-INF, INF, 0.0]), 1) == 1
    assert simplex.sample(np.float32([1e30, 0]), 1) == 0
    assert simplex.sample(x, np.random.default_rng(3)) == simplex.sample(x, np.random.default_rng(3))
    assert simplex.sample(np.r_[np.full(5000, -INF), 1e9, np.full(9, -INF)], 1) == 5000


def test_probabilities_of_being_the_largest() -> None:
    mp = mpmath
    cdf = {
        "logistic": lambda t: 1 / (1 + mp.exp(-t)),
        "normal": mp.ncdf,
        "exponential": lambda t: 1 - mp.exp(-t) if t > 0 else mp.mpf(0),
    }
    density = {
        "logistic": lambda t: mp.exp(-abs(t)) / (1 + mp.exp(-abs(t))) ** 2,
        "normal": mp.npdf,
        "exponential": lambda t: mp.exp(-t) if t > 0 else mp.mpf(0),
    }
    rng = np.random.default_rng(13)
    for noise in cdf:
        for n in (2, 5):
            x = rng.standard_normal(n)
            got = simplex.perturb_max(x, noise, scale=0.8)
            z = [mp.mpf(float(v)) / mp.mpf(0.8) for v in x]

            def integrand(v: Any, i: int, z: Any = z, noise: str = noise) -> Any:
                return density[noise](v - z[i]) * mp.fprod(cdf[noise](v - zj) for j, zj in enumerate(z) if j != i)

            low = max(z) if noise == "exponential" else max(z) - 40
            cuts = [low, *(max(z) + c for c in (-3, 0, 3, 45) if max(z) + c > low)]
            want = mp.quad(lambda v, last=n - 1: integrand(v, last), cuts)
            assert abs(got[n - 1] - want) <= 1e-13, (noise, n)
            assert abs(got.sum() - 1) <= 1e-15 * n
    for noise in cdf:
        for n in (3, 100, 5000):
            assert np.abs(simplex.perturb_max(np.zeros(n), noise) * n - 1).max() <= 1e-12
            x = rng.standard_normal(n)
            p = simplex.perturb_max(x, noise)
            assert (np.diff(p[np.argsort(x)]) >= 0).all() and np.allclose(
                simplex.perturb_max(x + 100, noise), p, rtol=1e-9
            )
            turned = simplex.perturb_max(np.stack([x, x], 1).astype("float32"), noise, axis=0)
            assert np.allclose(turned[:, 1], p, rtol=1e-4, atol=1e-7)
        assert simplex.perturb_max(np.array([0.0, -INF, 0.0]), noise).tolist() == [0.5, 0, 0.5]
        assert simplex.perturb_max(np.array([0.0, -1e5]), noise).tolist() == [1, 0]
        assert np.isnan(simplex.perturb_max(np.array([0.0, NAN]), noise)).all()
        assert simplex.perturb_max(np.array([1.0, INF]), noise).tolist() == [0, 1]
    x = np.array([0.3, -0.4])
    assert same_bits(simplex.perturb_max(x), simplex.softmax(x))
    assert simplex.perturb_max(x, "normal")[0] == pytest.approx(float(mp.ncdf(0.7 / mp.sqrt(2))), abs=1e-14)
    assert simplex.perturb_max(x, "exponential")[1] == pytest.approx(np.exp(-0.7) / 2, abs=1e-15)
    with pytest.raises(ValueError, match="noise must be gumbel"):
        simplex.perturb_max(x, "cauchy")
