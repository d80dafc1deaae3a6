# SPDX-License-Identifier: Apache-2.0
"""softmax and its relatives: accuracy, every type and layout, odd rows, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from danaus import simplex
from helpers import LAYOUTS, laid_out, same_bits
from reference import simplex as reference

INF, NAN = np.inf, np.nan
UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}

MAPS: dict[str, Any] = {
    "softmax": simplex.softmax,
    "log_softmax": simplex.log_softmax,
    "softmax1": simplex.softmax1,
    "sparsemax": simplex.sparsemax,
    "entmax15": simplex.entmax,
    "entmax1.3": lambda x, **k: simplex.entmax(x, 1.3, **k),
    "entmax3": lambda x, **k: simplex.entmax(x, 3.0, **k),
    "topk": lambda x, **k: simplex.topk_softmax(x, 5, **k),
    "nucleus": lambda x, **k: simplex.nucleus_softmax(x, 0.7, **k),
    "taylor": lambda x, **k: simplex.taylor_softmax(x, 4, **k),
    "spherical": simplex.spherical_softmax,
    "sigmoid": simplex.sigmoid_normalize,
}
PROJECTIONS = ["softmax", "sparsemax", "entmax15", "entmax1.3", "entmax3", "topk", "nucleus"]


def rows(n: int, kind: str = "float32", count: int = 4, scale: float = 3.0, offset: float = 0.0) -> Any:
    rng = np.random.default_rng(n)
    return (offset + scale * rng.standard_normal((count, n))).astype(kind)


def worst(p: Any, x: Any, temperature: float = 1.0, least: float = 1e-37) -> float:
    """The largest relative error, in units of 2^-24 or 2^-53, of what is not tiny."""
    found = 0.0
    for got, row in zip(p, x, strict=True):
        want = reference.softmax(row, temperature)
        big = want > least
        found = max(found, float(np.abs(got[big] / want[big] - 1).max()))
    return found / UNIT[p.dtype.name]


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("offset", [0.0, 1000.0, -32768.0, 1e6, 1e30])
def test_softmax_is_right_to_eight_units(kind: str, offset: float) -> None:
    for n in (*range(2, 71), 128, 1000, 2047, 2048, 2049, 4099, 30011):
        x = rows(n, kind, 2, 3.0, offset)
        p = simplex.softmax(x)
        assert worst(p, x) <= 8
        assert np.abs(p.astype(np.longdouble).sum(1) - 1).max() <= 2e-7


def test_equal_scores_do_not_add_up_their_roundings() -> None:
    rng = np.random.default_rng(12)
    for n in (100, 1000, 2048, 40_000):
        for value in rng.standard_normal(20).astype("float32"):
            x = np.full(n, value)
            assert np.abs(simplex.softmax(x).astype(float) * n - 1).max() <= 8 * 2.0**-24
            assert np.abs(simplex.entmax(x, 1.3).astype(float) * n - 1).max() <= 2e-6


@pytest.mark.parametrize("temperature", [0.01, 0.37, 2.9, 1e4])
def test_softmax_of_any_temperature(temperature: float) -> None:
    x = rows(1000, "float32", 3)
    assert worst(simplex.softmax(x, temperature=temperature), x, temperature) <= 8


def test_softmax_of_ten_million() -> None:
    x = rows(10**7, "float32", 1, 1.0)
    p = simplex.softmax(x)
    assert worst(p, x) <= 8
    assert abs(p.sum(dtype=np.float64) - 1) <= 2e-7
    assert same_bits(simplex.softmax(x, out=x), p)


def test_rising_rows_are_rescaled_exactly() -> None:
    """Every block has a larger maximum than the one before it, up to where the first ones vanish."""
    x = np.linspace(-300, 300, 20_000, dtype="float32")[None]
    assert worst(simplex.softmax(x), x) <= 8
    assert worst(simplex.softmax(x[:, ::-1]), x[:, ::-1]) <= 8


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_log_softmax_keeps_tiny_results(kind: str) -> None:
    bound = 1e-6 if kind == "float32" else 1e-14
    for gap in (0.0, 1.0, 10.0, 20.0, 40.0, 69.0):
        for n in (2, 3, 70, 5000):
            x = np.full(n, -gap, kind)
            x[n // 2] = 0
            want = reference.log_softmax(x)
            assert np.abs(simplex.log_softmax(x) / want - 1).max() <= bound
    for n in (*range(2, 40), 3000, 9001):
        for offset in (0.0, 1e4, -1e6):
            x = rows(n, kind, 1, 5.0, offset)[0]
            want = reference.log_softmax(x)
            assert np.abs(simplex.log_softmax(x) - want).max() <= bound * np.abs(want).max()
            total = simplex.logsumexp(x)
            exact = x[0] - want[0]
            assert abs(total - exact) <= 3 * UNIT[kind] * abs(exact) + UNIT[kind]


@pytest.mark.parametrize("name", PROJECTIONS)
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_the_policy_for_odd_rows(name: str, kind: str) -> None:
    f = MAPS[name]

    def of(*values: float) -> list[float]:
        return f(np.array(values, kind)).tolist()

    assert of(-INF, -INF, -INF) == [0, 0, 0]
    assert of(-INF) == [0]
    assert of(INF, 1) == [1, 0]
    assert of(INF, INF) == [0.5, 0.5] or name == "nucleus"
    assert of(INF, -INF, 0) == [1, 0, 0]
    assert np.isnan(of(0, NAN, 1)).all() and np.isnan(of(NAN, -INF)).all() and np.isnan(of(INF, NAN)).all()
    assert of(0, -INF) == [1, 0]
    assert of(7) == [1] and of(-1e30) == [1] and of(1e30) == [1]
    assert of(-INF, 3, -INF) == [0, 1, 0]
    assert f(np.zeros((3, 0), kind)).shape == (3, 0)
    assert f(np.zeros((0, 3), kind)).shape == (0, 3)
    block = rows(70, kind, 3)
    whole = f(block)
    block[1, 33] = NAN
    mixed = f(block)
    assert np.isnan(mixed[1]).all() and same_bits(mixed[::2], whole[::2])


def test_the_policy_for_odd_rows_of_logarithms() -> None:
    def of(*values: float) -> list[float]:
        return simplex.log_softmax(np.array(values, "float64")).tolist()

    assert of(-INF, -INF) == [-INF, -INF]
    assert of(INF, 1) == [0, -INF]
    assert of(INF, INF) == [-np.log(2)] * 2
    assert np.isnan(of(NAN, 1)).all() and np.isnan(of(NAN, -INF)).all()
    assert of(5) == [0] and of(0, -INF) == [0, -INF]
    assert simplex.logsumexp(np.array([-INF, -INF])) == -INF
    assert simplex.logsumexp(np.array([INF, 1])) == INF
    assert np.isnan(simplex.logsumexp(np.array([NAN, 1])))
    assert simplex.logsumexp(np.zeros((2, 0))).tolist() == [-INF, -INF]
    assert simplex.log_softmax(np.float32([0, -20])).tolist() == [np.float32(-2.0611536e-9), -20]


def test_odd_scores_far_behind_the_first_block() -> None:
    for value, others in ((NAN, NAN), (INF, 0.0)):
        x = rows(9000, "float32", 1)
        x[0, 8000] = value
        for name in PROJECTIONS:
            p = MAPS[name](x)
            assert np.isnan(p[0, 0]) if np.isnan(others) else (p[0, 8000] == 1 and p[0, 0] == 0)
    x = np.full((1, 9000), -INF, "float32")
    x[0, 8123] = 3e8
    for name in PROJECTIONS:
        assert MAPS[name](x)[0, 8123] == 1


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("kind", ["float32", "float64", "float16", "bfloat16"])
def test_layouts_axes_and_threads_give_the_same_bits(name: str, kind: str) -> None:
    if kind == "bfloat16":
        kind = pytest.importorskip("ml_dtypes").bfloat16
    f = MAPS[name]
    x = rows(5 * 37 * 18, "float32", 1).reshape(5, 37, 18).astype(kind)
    want = np.stack([f(row) for row in np.ascontiguousarray(x.swapaxes(1, 2)).reshape(-1, 37)])  # one row at a time
    want = want.reshape(5, 18, 37).swapaxes(1, 2)
    for layout in LAYOUTS:
        assert same_bits(f(laid_out(x, layout), axis=1), np.ascontiguousarray(want))
    turned = np.ascontiguousarray(x.transpose(1, 2, 0))
    assert same_bits(f(turned, axis=0, out=np.empty_like(turned)), np.ascontiguousarray(want.transpose(1, 2, 0)))
    own = x.copy()
    assert f(own, axis=-2, out=own) is own and same_bits(own, np.ascontiguousarray(want))
    wide = np.zeros((5, 18, 37, 2), kind)
    f(x, axis=1, out=wide[..., 1].swapaxes(1, 2))
    assert same_bits(np.ascontiguousarray(wide[..., 1]), np.ascontiguousarray(want.swapaxes(1, 2)))
    overlapping = np.zeros(x.size + 1, kind)
    overlapping[:-1] = x.ravel()
    got = f(overlapping[:-1].reshape(x.shape), axis=1, out=overlapping[1:].reshape(x.shape))
    assert same_bits(got.copy(), np.ascontiguousarray(want))
    if name not in ("taylor", "spherical", "sigmoid"):
        assert same_bits(f(x, axis=1, threads=3), np.ascontiguousarray(want))


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "sparsemax", "entmax15"])
def test_half_precision_is_float_rounded(name: str) -> None:
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    for kind in (np.float16, bfloat16):
        x = rows(333, "float32", 7).astype(kind)
        assert same_bits(MAPS[name](x), MAPS[name](x.astype("float32")).astype(kind))
    every = np.arange(2**16, dtype=np.uint16)
    for kind in (np.float16, bfloat16):
        x = every.view(kind)
        back = simplex.log_softmax(x[:, None], axis=1)  # 0 where finite
        with np.errstate(invalid="ignore"):  # signalling ones
            assert np.array_equal(np.isnan(back[:, 0]), np.isnan(x))
    tiny = np.zeros((1, 60000), np.float16)  # results are denormal in float16
    assert (simplex.softmax(tiny) == np.float16(1 / 60000)).all()


def test_masks_and_causal_rows() -> None:
    x = rows(20, "float32", 12)
    mask = np.random.default_rng(0).random((12, 20)) < 0.6
    mask[3] = False
    for name in ("softmax", "sparsemax", "entmax15", "topk", "nucleus"):
        got = MAPS[name](x, where=mask)
        assert (got[~mask] == 0).all() and (got[3] == 0).all()
        assert same_bits(got, MAPS[name](np.where(mask, x, np.float32(-INF))))
        assert same_bits(MAPS[name](x, where=mask[0]), MAPS[name](x, where=np.broadcast_to(mask[0], x.shape)))
    assert (simplex.log_softmax(x, where=mask)[~mask] == -INF).all()
    dirty = np.where(mask, x, np.float32(NAN))
    assert same_bits(simplex.softmax(dirty, where=mask), simplex.softmax(x, where=mask))
    for queries, keys in ((12, 20), (12, 12), (12, 5), (3000, 3000)):
        y = rows(keys, "float32", queries)
        seen = np.tril(np.ones((queries, keys), bool), keys - queries)
        got = simplex.softmax(y, causal=True, threads=2)
        assert (got[~seen] == 0).all()
        assert np.allclose(got, simplex.softmax(y, where=seen), rtol=2e-6, atol=0)
        assert (simplex.log_softmax(y, causal=True)[~seen] == -INF).all()


def test_sinks_and_their_special_cases() -> None:
    x = rows(50, "float32", 6, 2.0)
    sinks = np.linspace(-3, 90, 6).astype("float32")
    got = simplex.softmax(x, sink=sinks, temperature=1.7)
    for row, sink, p in zip(x, sinks, got, strict=True):
        want = reference.softmax(row, 1.7, float(sink))
        assert np.abs(p / want - 1).max() <= 8 * 2.0**-24
    column = simplex.softmax(x.T, axis=0, sink=sinks, temperature=1.7)
    assert same_bits(np.ascontiguousarray(column.T), got)
    assert same_bits(simplex.softmax1(x), simplex.softmax(x, sink=0.0))
    assert np.allclose(simplex.softmax1(x - 200), 0) and (simplex.softmax1(np.full(3, -INF)) == 0).all()
    assert same_bits(simplex.softmax(x, sink=-INF), simplex.softmax(x))
    assert simplex.softmax(np.array([1e30, 1e30]), sink=1e30).tolist() == [1 / 3, 1 / 3]
    assert simplex.softmax(np.array([INF, 0]), sink=INF).tolist() == [0.5, 0]
    assert simplex.softmax(np.array([1.0, 0]), sink=INF).tolist() == [0, 0]
    assert np.isnan(simplex.softmax(np.array([1.0, 0]), sink=NAN)).all()
    s = simplex.scalable_softmax(x.astype("float64"), 0.43)
    assert np.allclose(s, simplex.softmax(x.astype("float64") * 0.43 * np.log(50)), rtol=1e-13)
    assert simplex.scalable_softmax(np.array([3.0]), 0.43) == 1


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 80), st.integers(0, 2**32), st.sampled_from(PROJECTIONS), st.sampled_from(["float32", "float64"]))
def test_laws_of_maps_onto_the_simplex(n: int, seed: int, name: str, kind: str) -> None:
    rng = np.random.default_rng(seed)
    x = (rng.choice([0.01, 1.0, 20.0]) * rng.standard_normal(n)).astype(kind)
    if rng.random() < 0.3:
        x = x.round(1)  # ties
    f = MAPS[name]
    p = f(x)
    unit = UNIT[kind]
    slack = 8 * unit * (1 + n) if name != "entmax3" else 1e-6
    assert (p >= 0).all() and abs(p.sum(dtype=np.float64) - 1) <= slack
    order = rng.permutation(n)
    ties = len(np.unique(x)) < n and name in ("topk", "nucleus")
    if not ties:
        assert np.allclose(f(x[order]), p[order], rtol=1e-6 if kind == "float32" else 1e-12, atol=4 * slack)
        rank = np.argsort(x)
        assert (np.diff(p[rank]) >= -unit).all()  # monotone in each score
    shift = kind == "float64" or 64.0
    moved = (x + np.asarray(shift, kind)).astype(kind)
    exact = (moved - np.asarray(shift, kind) == x).all()
    if exact and not ties:
        assert np.allclose(f(moved), p, rtol=1e-5 if kind == "float32" else 1e-11, atol=4 * slack)
    if name == "sparsemax":
        assert np.abs(f(p) - p).max() <= slack  # a projection


def test_refusals() -> None:
    x = np.zeros((2, 3))
    for call, kind, words in (
        (
            lambda: simplex.softmax([1, 2]),
            TypeError,
            "simplex.softmax: x must be float32, float64, float16 or bfloat16",
        ),
        (lambda: simplex.softmax(x, axis=2), ValueError, "simplex.softmax: axis must be one of the 2 axes of x, is 2"),
        (lambda: simplex.softmax(np.float64(1)), ValueError, "axis must be one of the 0 axes"),
        (lambda: simplex.softmax(x, temperature=0), ValueError, "temperature must be positive"),
        (lambda: simplex.softmax(x, temperature=NAN), ValueError, "temperature must be positive"),
        (
            lambda: simplex.softmax(x, out=np.zeros((2, 3), "float32")),
            TypeError,
            "out must be a writable float64 array",
        ),
        (lambda: simplex.softmax(x, out=np.zeros((3, 2))), ValueError, r"out must have shape \(2, 3\), has \(3, 2\)"),
        (lambda: simplex.softmax(x, where=np.zeros(3)), TypeError, "where must be bool, is float64"),
        (lambda: simplex.softmax(x, where=np.zeros(4, bool)), ValueError, "where must broadcast"),
        (lambda: simplex.softmax(x, causal=True, axis=0), ValueError, "causal needs"),
        (lambda: simplex.softmax(x, sink=np.zeros(3)), ValueError, "sink must be a number or have shape"),
        (lambda: simplex.softmax(x, threads=0), ValueError, "threads must be at least 1"),
        (lambda: simplex.entmax(x, 0.9), ValueError, "simplex.entmax: alpha must be at least 1, is 0.9"),
        (lambda: simplex.entmax(x, NAN), ValueError, "alpha must be at least 1"),
        (lambda: simplex.topk_softmax(x, 0), ValueError, "k must be at least 1, is 0"),
        (lambda: simplex.topk_softmax(x, 1.5), TypeError, "k must be an integer"),
        (lambda: simplex.nucleus_softmax(x, 0), ValueError, "mass must be above 0"),
        (lambda: simplex.taylor_softmax(x, 3), ValueError, "order must be even"),
        (lambda: simplex.r_softmax(x, 1), ValueError, "r must be at least 0"),
        (lambda: simplex.softmax_vjp(x, x[0]), ValueError, r"grad must have shape \(2, 3\), has \(3,\)"),
        (lambda: simplex.softmax_vjp(x, x.astype("float32")), TypeError, "grad must be float64, as p is"),
        (lambda: simplex.cross_entropy(x, [0, 3]), ValueError, "labels must be at least 0 and below 3"),
        (lambda: simplex.cross_entropy(x, [0]), ValueError, r"labels must have shape \(2,\), has \(1,\)"),
        (lambda: simplex.cross_entropy(x, [0.0, 1]), TypeError, "labels must be integers"),
        (lambda: simplex.sample(np.full(3, -INF), 1), ValueError, "every row must have a finite score"),
        (lambda: simplex.sample(np.zeros((2, 0)), 1), ValueError, "x must have elements"),
    ):
        with pytest.raises(kind, match=words):
            call()
