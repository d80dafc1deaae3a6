# SPDX-License-Identifier: Apache-2.0
"""Products of Monarch matrices and of their transposes against the index rule in float64, for every shape class."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from danaus.monarch import Chain, Monarch
from helpers import LAYOUTS, laid_out, same_bits
from reference import monarch as reference

EPS = {"float32": 2.0**-24, "float64": 2.0**-53}
# K, Q, P, J, S, R
SHAPES = {
    "square": (8, 8, 8, 8, 8, 8),
    "one": (1, 1, 1, 1, 1, 1),
    "wide lanes": (16, 32, 16, 32, 16, 16),
    "odd": (7, 5, 3, 5, 9, 7),
    "rank 3": (4, 18, 5, 6, 7, 12),
    "few groups": (3, 4, 33, 2, 35, 6),
    "few blocks": (2, 70, 9, 35, 3, 4),
    "ragged": (5, 6, 7, 10, 4, 3),
    "ragged, some ranks 0": (9, 2, 3, 6, 5, 3),
    "ragged, strided": (6, 5, 4, 3, 20, 10),
    "one group": (5, 3, 2, 1, 40, 15),
    "one block": (1, 48, 20, 16, 3, 3),
    "over a tile": (3, 34, 21, 17, 19, 6),
    "primes": (13, 11, 17, 11, 19, 13),
}


def drawn(shape, dtype="float64", seed=0):
    k, q, p, j, s, r = shape
    rng = np.random.default_rng(seed)
    right, left = rng.standard_normal((k, q, p)), rng.standard_normal((j, s, r))
    if np.dtype(dtype).kind == "c":
        right, left = right + 1j * rng.standard_normal(right.shape), left + 1j * rng.standard_normal(left.shape)
    return Monarch(right.astype(dtype), left.astype(dtype))


def noise(shape, dtype, seed=1):
    x = np.random.default_rng(seed).standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * np.random.default_rng(seed + 1).standard_normal(shape)
    return x.astype(dtype)


def bound(m, x, dtype, transposed=False):
    """Two sums of ins terms: (P + R + 2) eps times the sum of the terms' sizes; doubled for the reference's own."""
    right, left = np.abs(m.right).astype(float), np.abs(m.left).astype(float)
    dense = reference.dense(right, left)
    terms = right.shape[2 if not transposed else 1] + left.shape[2 if not transposed else 1] + 2
    sizes = np.abs(x).astype(float) @ (dense if transposed else dense.T)
    return (terms + 2) * EPS[dtype] * sizes + 1e-300


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SHAPES)
def test_products_follow_the_index_rule(name, dtype):
    m = drawn(SHAPES[name], dtype)
    dense = reference.dense(m.right, m.left)
    assert m.shape == dense.shape == m.T.shape[::-1]
    for batch in (1, 2, 3, 4, 5, 6, 7, 8, 13, 16):
        x, y = noise((batch, m.shape[1]), dtype), noise((batch, m.shape[0]), dtype)
        assert (np.abs(m(x) - x.astype(float) @ dense.T) <= bound(m, x, dtype)).all()
        assert (np.abs(m.T(y) - y.astype(float) @ dense) <= bound(m, y, dtype, True)).all()


@pytest.mark.parametrize("name", SHAPES)
def test_dense_form_is_the_index_rule(name):
    m = drawn(SHAPES[name])
    dense = reference.dense(m.right, m.left)
    np.testing.assert_allclose(m.todense(), dense, rtol=0, atol=1e-14 * np.abs(dense).max())
    assert same_bits(m.T.todense(), np.ascontiguousarray(m.todense().T))


@given(
    st.tuples(st.integers(1, 40), st.integers(1, 12), st.integers(1, 20), st.integers(1, 40), st.integers(1, 20)),
    st.integers(1, 20),
    st.sampled_from(["float32", "float64"]),
)
def test_every_shape_that_fits(sizes, batch, dtype):
    k, q, p, j, s = sizes
    q = q * j // np.gcd(k, j) if k * q % j else q
    m = drawn((k, q, p, j, s, k * q // j), dtype, batch)
    x, y = noise((batch, m.shape[1]), dtype), noise((batch, m.shape[0]), dtype)
    dense = reference.dense(m.right, m.left)
    assert (np.abs(m(x) - x.astype(float) @ dense.T) <= bound(m, x, dtype)).all()
    assert (np.abs(m.T(y) - y.astype(float) @ dense) <= bound(m, y, dtype, True)).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["wide lanes", "ragged, strided", "over a tile"])
def test_a_row_does_not_depend_on_the_rows_beside_it(name, dtype):
    for m in (drawn(SHAPES[name], dtype), drawn(SHAPES[name], dtype).T):
        x = noise((70, m.shape[1]), dtype)
        whole = m(x)
        for batch in (1, 2, 5, 6, 8, 49):
            assert same_bits(m(x[:batch]), np.ascontiguousarray(whole[:batch]))
        assert same_bits(m(x, threads=2), whole)


def test_threads_change_no_bit():
    rows = drawn((64, 48, 64, 48, 80, 64), "float32")  # large enough that rows are dealt out
    outputs = drawn((120, 132, 64, 132, 62, 120), "float32")  # and here outputs
    assert outputs.nbytes > 6e6
    for m, batches in ((rows, (17, 60)), (outputs, (1, 5))):
        for n in (m, m.T):
            for batch in batches:
                x = noise((batch, n.shape[1]), "float32")
                assert same_bits(n(x, threads=3), n(x))
    stored = drawn((120, 264, 64, 132, 62, 240), "float32").astype("bfloat16")
    x = noise((2, stored.shape[1]), "float32")
    assert stored.nbytes > 6e6 and same_bits(stored(x, threads=3), stored(x))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout(layout):
    m = drawn(SHAPES["odd"], "float32")
    x = noise((3, 2, m.shape[1]), "float32")
    assert same_bits(m(laid_out(x, layout)), m(x))
    laid = Monarch(laid_out(m.right, layout), laid_out(m.left, layout))
    assert same_bits(laid(x), m(x))


def test_products_are_those_of_numpy():
    m = drawn(SHAPES["rank 3"])
    dense = m.todense()
    for shape in ((m.shape[1],), (m.shape[1], 5), (2, 3, m.shape[1], 4)):
        x = noise(shape, "float64")
        np.testing.assert_allclose(m @ x, dense @ x, rtol=0, atol=1e-12)
    assert (m @ np.ones((m.shape[1], 0))).shape == (m.shape[0], 0)
    assert m(np.ones((0, m.shape[1]))).shape == (0, m.shape[0])
    out = np.empty((3, m.shape[0]))
    x = noise((3, m.shape[1]), "float64")
    assert m(x, out=out) is out and same_bits(out, m(x))


def test_what_is_read_may_be_written():
    m = drawn(SHAPES["square"])
    x = noise((4, 64), "float64")
    wanted = m(x)
    m(x, out=x)
    assert same_bits(x, wanted)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("name", ["square", "rank 3", "odd", "few groups", "over a tile"])
def test_complex_factors(name, dtype):
    m = drawn(SHAPES[name], dtype)
    dense = reference.dense(m.right, m.left)
    size = np.abs(dense).sum() * (1e-6 if dtype == "complex64" else 1e-15)
    x, y = noise((3, m.shape[1]), dtype), noise((3, m.shape[0]), dtype)
    assert m(x).dtype == dtype
    assert np.abs(m(x) - x @ dense.T).max() <= size
    assert np.abs(m.T(y) - y @ dense).max() <= size
    assert np.abs(m(x.real) - x.real @ dense.T).max() <= size


def test_inputs_in_another_order():
    order = np.random.default_rng(0).permutation(20)
    m = drawn((4, 18, 5, 6, 7, 12))
    moved = Monarch(m.right, m.left, order=order)
    x, y = noise((3, 20), "float64"), noise((3, 42), "float64")
    assert same_bits(moved(x), m(x[:, order]))
    np.testing.assert_allclose(moved.todense() @ x[0], moved @ x[0], atol=1e-12)
    np.testing.assert_allclose(moved.T(y), y @ moved.todense(), atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
@pytest.mark.parametrize("size", [(42, 20), (41, 20), (42, 13), (1, 1)])
def test_sizes_that_no_blocks_divide(size, dtype):
    whole = drawn((4, 18, 5, 6, 7, 12), dtype)
    for order in (None, np.random.default_rng(0).permutation(20)):
        whole = Monarch(whole.right, whole.left, order=order)
        m = Monarch(whole.right, whole.left, order=order, size=size)
        dense = whole.todense()[: size[0], : size[1]]
        assert m.shape == size and same_bits(m.todense(), np.ascontiguousarray(dense))
        assert same_bits(m.T.todense(), np.ascontiguousarray(dense.T))
        x, y = noise((3, size[1]), dtype), noise((3, size[0]), dtype)
        tolerance = 1e-5 * np.abs(dense).sum()
        np.testing.assert_allclose(m(x), x @ dense.T, rtol=0, atol=tolerance)
        np.testing.assert_allclose(m.T(y), y @ dense, rtol=0, atol=tolerance)
        out = np.empty((3, size[0]), dtype)
        assert m(x, out=out) is out and same_bits(out, m(x))


def test_chains_are_products():
    a, b = drawn(SHAPES["rank 3"], seed=1), drawn(SHAPES["rank 3"], seed=2)
    for chain, dense in (
        (a @ b.T, a.todense() @ b.todense().T),
        (a.T @ b, a.todense().T @ b.todense()),
        (a @ b.T @ a, a.todense() @ b.todense().T @ a.todense()),
        (Chain([a, Chain([b.T, a])]).T, (a.todense() @ b.todense().T @ a.todense()).T),
    ):
        assert isinstance(chain, Chain) and chain.shape == dense.shape
        scale = np.abs(dense).max()
        np.testing.assert_allclose(chain.todense(), dense, rtol=0, atol=1e-13 * scale)
        x = noise((5, dense.shape[1]), "float64")
        np.testing.assert_allclose(chain(x), x @ dense.T, rtol=0, atol=1e-12 * scale)


def test_neighbours_of_one_kind_become_one():
    a, b = drawn(SHAPES["square"], seed=1), drawn(SHAPES["square"], seed=2)
    assert (a @ b.T).factor_count == (a.T @ b).factor_count == 3
    assert (a @ b).factor_count == 4
    assert (a @ b.T).nbytes == 3 * 512 * 8


REFUSED = [
    (lambda: Monarch(np.ones((2, 2)), np.ones((2, 2, 2))), ValueError, r"right must have shape \(K, Q, P\)"),
    (lambda: Monarch(np.ones((2, 2, 2)), np.ones((2, 2, 3))), ValueError, r"J R = 4, has shape \(2, 2, 3\)"),
    (lambda: Monarch(np.ones((2, 2, 2), int), np.ones((2, 2, 2))), TypeError, "right must be float32"),
    (lambda: Monarch(np.ones((2, 2, 2), "f"), np.ones((2, 2, 2))), TypeError, "left must be float32 as right"),
    (lambda: Monarch(np.full((2, 2, 2), np.nan), np.ones((2, 2, 2))), ValueError, "right must be finite"),
    (lambda: Monarch(np.ones((0, 2, 2)), np.ones((2, 2, 0))), ValueError, "has"),
    (lambda: Monarch(np.ones((2, 2, 2)), np.ones((2, 2, 2)), order=[0, 0, 1, 2]), ValueError, "order must hold"),
    (lambda: Monarch(np.ones((2, 2, 2)), np.ones((2, 2, 2)), size=(5, 4)), ValueError, "size must be between"),
    (lambda: Monarch(np.ones((2, 2, 2)), np.ones((2, 2, 2)), size=5), TypeError, "two integers"),
    (lambda: Monarch(np.ones((2, 3, 2), complex), np.ones((2, 2, 3), complex)), ValueError, "multiple of J"),
    (lambda: drawn(SHAPES["odd"])(np.ones(5)), ValueError, r"x must have shape \(..., 21\), has \(5,\)"),
    (lambda: drawn(SHAPES["odd"])(np.ones(21, "f")), TypeError, "x must be float64, is float32"),
    (lambda: drawn(SHAPES["odd"]) @ np.float64(3), ValueError, "at least one axis"),
    (lambda: drawn(SHAPES["odd"])(np.ones(21), out=np.ones(44)), ValueError, "out must have shape"),
    (lambda: drawn(SHAPES["odd"])(np.ones(21), threads=0), ValueError, "threads must be at least 1"),
    (lambda: np.asarray(drawn(SHAPES["odd"])), TypeError, "todense"),
    (lambda: np.ones((3, 45)) @ drawn(SHAPES["odd"]), TypeError, "unsupported operand"),
    (lambda: Chain([]), ValueError, "at least one"),
    (lambda: Chain([np.ones((2, 2))]), TypeError, "holds ndarray"),
    (lambda: drawn(SHAPES["odd"]) @ drawn(SHAPES["odd"]), ValueError, "must fit"),
    (lambda: drawn(SHAPES["square"]) @ drawn(SHAPES["square"], "float32"), TypeError, "one type"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_refusals(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_copies_and_saved_ones():
    m = drawn(SHAPES["odd"], "float32")
    x = noise((3, m.shape[1]), "float32")
    for a in (m, m.quantize("int4", group=2), m.T, Monarch(m.right, m.left, order=np.arange(21)[::-1], size=(40, 21))):
        b = x if a.shape[1] == 21 else noise((3, 45), "float32")
        y = a(b)
        for again in (pickle.loads(pickle.dumps(a)), copy.copy(a), copy.deepcopy(a)):
            assert same_bits(again(b), y) and same_bits(again.T.todense(), a.T.todense())
    chain = m.T @ m
    assert same_bits(pickle.loads(pickle.dumps(chain))(x), chain(x))


def test_scipy_linear_operator():
    linalg = pytest.importorskip("scipy.sparse.linalg")
    for dtype in ("float64", "complex128"):
        m = drawn(SHAPES["square"], dtype)
        operator = m.aslinearoperator()
        x = noise(64, dtype)
        np.testing.assert_allclose(operator @ x, m @ x)
        np.testing.assert_allclose(operator.H @ x, m.todense().conj().T @ x, atol=1e-12)
        largest = np.linalg.svd(m.todense(), compute_uv=False)[0]
        np.testing.assert_allclose(linalg.svds(operator, 1, return_singular_vectors=False), largest, rtol=1e-9)
