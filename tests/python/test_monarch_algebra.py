# SPDX-License-Identifier: Apache-2.0
"""Solving, determinants, exact operators and gradients against dense linear algebra in float64."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
import scipy.linalg

from danaus import fft
from danaus.monarch import Monarch, dct, dft, hadamard, kronecker, multiply_vjp
from helpers import same_bits
from reference import monarch as reference
from test_monarch import SHAPES, drawn, noise

SQUARE = {"square": (8, 8, 8, 8, 8, 8), "K != J": (6, 10, 10, 12, 5, 5), "J > Q": (12, 5, 5, 6, 10, 10)}


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
@pytest.mark.parametrize("name", SQUARE)
def test_solve_inverse_and_determinant(name, dtype):
    m = drawn(SQUARE[name], dtype) if dtype != "complex128" else drawn(SQUARE["square"], dtype)
    order = np.random.default_rng(3).permutation(m.shape[0])
    moved = Monarch(m.right, m.left, order=order)
    for a in (m, m.T, moved, moved.T):
        dense = a.todense().astype(np.result_type(dtype, float))
        condition = np.linalg.cond(dense)
        y = noise((3, a.shape[0]), dtype)
        wanted = np.linalg.solve(dense, y.T).T
        tolerance = (1e-6 if dtype == "float32" else 1e-15) * condition * np.abs(wanted).max()
        assert np.abs(a.solve(y) - wanted).max() <= tolerance
        assert a.solve(y[0]).dtype == dtype
        assert np.abs(a.inverse()(y) - wanted).max() <= 30 * tolerance
        sign, logarithm = a.slogdet()
        true_sign, true_logarithm = np.linalg.slogdet(dense)
        assert abs(sign - true_sign) <= 1e-9 and abs(logarithm - true_logarithm) <= 1e-4 + 1e-12 * condition


def test_singular_blocks_are_refused():
    m = drawn(SQUARE["square"])
    for part, side in ((0, "right"), (1, "left")):
        for damaged in (np.zeros((8, 8)), np.outer(np.arange(8.0), np.ones(8)) / 3):
            factors = [m.right.copy(), m.left.copy()]
            factors[part][5] = damaged
            singular = Monarch(*factors)
            for call in (lambda a: a.solve(np.ones(64)), lambda a: a.inverse()):
                with pytest.raises(ValueError, match=f"block 5 of {side} is singular"):
                    call(singular)
    factors[1][5] = 0
    assert Monarch(*factors).slogdet() == (0, -np.inf)
    for call in (lambda a: a.solve(np.ones(42)), lambda a: a.inverse(), lambda a: a.slogdet()):
        with pytest.raises(ValueError, match="blocks must be square"):
            call(drawn(SHAPES["rank 3"]))
    with pytest.raises(ValueError, match=r"y must have shape \(..., 64\)"):
        m.solve(np.ones(3))
    with pytest.raises(TypeError, match="y must be float64"):
        m.solve(np.ones(64, "f"))


@pytest.mark.parametrize("n", [1, 2, 7, 12, 16, 30, 45, 64, 210, 1024])
def test_fourier(n):
    x = noise((2, n), "complex128")
    f = dft(n)
    scale = np.linalg.norm(x)
    assert np.abs(f(x) - fft.fft(x)).max() <= 1e-12 * scale
    assert np.abs(f(x) - scipy.fft.fft(x)).max() <= 1e-12 * scale
    assert np.abs(f.T(x) - scipy.fft.fft(x)).max() <= 1e-12 * scale  # it is symmetric
    if n <= 64:
        assert np.abs(f.todense() - scipy.linalg.dft(n)).max() <= 1e-12
        assert np.abs(f.inverse()(x) - scipy.fft.ifft(x)).max() <= 1e-12 * scale
    single = dft(n, dtype="complex64")(x.astype("complex64"))
    assert single.dtype == np.complex64 and np.abs(single - fft.fft(x)).max() <= 1e-6 * scale
    for i in range(1, n + 1):
        if n % i == 0 and n <= 64:
            assert np.abs(dft(n, factors=(i, n // i))(x) - fft.fft(x)).max() <= 1e-12 * scale


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 12, 15, 64, 100, 256])
def test_cosines(n):
    x = noise((3, n), "float64")
    assert np.abs(dct(n)(x) - scipy.fft.dct(x)).max() <= 1e-12 * np.linalg.norm(x)
    ortho = dct(n, norm="ortho")
    assert np.abs(ortho(x) - scipy.fft.dct(x, norm="ortho")).max() <= 1e-12 * np.linalg.norm(x)
    assert np.abs(ortho.T(ortho(x)) - x).max() <= 1e-12 * np.linalg.norm(x)


def test_hadamard_and_kronecker():
    for n in (1, 2, 8, 32, 64):
        assert (hadamard(n).todense() == scipy.linalg.hadamard(n)).all()
        assert hadamard(n, dtype="float32").dtype == np.float32
    for shape in ((1, 1, 1, 1), (2, 3, 5, 4), (7, 2, 3, 9)):
        a, b = noise(shape[:2], "float64"), noise(shape[2:], "float64", 2)
        np.testing.assert_allclose(kronecker(a, b).todense(), np.kron(a, b), rtol=0, atol=1e-14)
        x = noise(shape[1] * shape[3], "float64")
        np.testing.assert_allclose(kronecker(a, b) @ x, np.kron(a, b) @ x, atol=1e-12)


def derivative(f, at, step=1e-6):
    """Central differences, entry by entry."""
    slope = np.zeros_like(at)
    for i in np.ndindex(at.shape):
        plus, minus = at.copy(), at.copy()
        plus[i] += step
        minus[i] -= step
        slope[i] = (f(plus) - f(minus)) / (2 * step)
    return slope


@pytest.mark.parametrize("name", ["square", "odd", "ragged", "rank 3", "ragged, strided"])
@pytest.mark.parametrize("turned", [False, True])
def test_gradients(name, turned):
    k, q, p, j, s, r = SHAPES[name]
    order = np.random.default_rng(2).permutation(k * p)
    m = Monarch(*(drawn(SHAPES[name]).right, drawn(SHAPES[name]).left), order=order)
    m = m.T if turned else m
    x, grad = noise((2, 3, m.shape[1]), "float64"), noise((2, 3, m.shape[0]), "float64", 5)
    d_right, d_left, d_x = multiply_vjp(m, x, grad)
    assert d_right.shape == (k, q, p) and d_left.shape == (j, s, r)
    np.testing.assert_allclose(d_x, grad @ m.todense(), atol=1e-12)
    # the loss is bilinear in the factors: by the index rule, d_dense[row, column] reaches each weight
    d_dense = np.einsum("abo,abi->oi", grad, x)
    d_dense = (d_dense.T if turned else d_dense)[:, order]
    want_right, want_left = np.zeros((k, q, p)), np.zeros((j, s, r))
    for t in range(k * q):
        block = d_dense[t % j :: j, t // q * p : (t // q + 1) * p]
        want_right[t // q, t % q] = m.left[t % j, :, t // j] @ block
        want_left[t % j, :, t // j] = block @ m.right[t // q, t % q]
    np.testing.assert_allclose(d_right, want_right, atol=1e-11)
    np.testing.assert_allclose(d_left, want_left, atol=1e-11)


def test_gradients_are_differences():
    m = drawn((2, 4, 3, 2, 2, 4))
    x, grad = noise((2, 6), "float64"), noise((2, 4), "float64", 5)

    def loss(right, left, values):
        return float((grad * (values @ reference.dense(right, left).T)).sum())

    d_right, d_left, d_x = multiply_vjp(m, x, grad)
    np.testing.assert_allclose(d_right, derivative(lambda a: loss(a, m.left, x), m.right), atol=1e-8)
    np.testing.assert_allclose(d_left, derivative(lambda a: loss(m.right, a, x), m.left), atol=1e-8)
    np.testing.assert_allclose(d_x, derivative(lambda a: loss(m.right, m.left, a), x), atol=1e-8)
    single = Monarch(m.right.astype("f"), m.left.astype("f"))
    for part, wanted in zip(multiply_vjp(single, x.astype("f"), grad.astype("f")), (d_right, d_left, d_x), strict=True):
        assert part.dtype == np.float32
        np.testing.assert_allclose(part, wanted, atol=1e-5)


REFUSED = [
    (lambda: dft(0), ValueError, "n must be between 1"),
    (lambda: dft(2.5), TypeError, "n must be an integer"),
    (lambda: dft(12, factors=(5, 2)), ValueError, "multiply to 12"),
    (lambda: dft(12, factors=3), TypeError, "two integers"),
    (lambda: dft(4, dtype="float32"), TypeError, "complex64 or complex128"),
    (lambda: dct(4, norm="max"), ValueError, "norm must be"),
    (lambda: dct(4, dtype="int8"), TypeError, "dtype must be float32 or float64"),
    (lambda: hadamard(12), ValueError, "power of two"),
    (lambda: kronecker(np.ones(3), np.ones((2, 2))), ValueError, "a must be a matrix"),
    (lambda: multiply_vjp(drawn(SHAPES["odd"]), np.ones(3), np.ones(45)), ValueError, "x must have shape"),
    (lambda: multiply_vjp(drawn(SHAPES["odd"]), np.ones((2, 21)), np.ones(45)), ValueError, "as many rows"),
    (lambda: multiply_vjp(drawn(SHAPES["odd"]), np.ones(21, "f"), np.ones(45)), TypeError, "x must be float64"),
    (lambda: multiply_vjp(dft(4), np.ones(4), np.ones(4)), TypeError, "m must be real"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_refusals(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_merged_products_have_the_same_bits_as_their_factors_apart():
    a, b = drawn(SHAPES["square"], seed=1), drawn(SHAPES["square"], seed=2)
    x = noise((3, 64), "float64")
    np.testing.assert_allclose((a @ b.T)(x), a(b.T(x)), atol=1e-10)
    assert same_bits((a @ b)(x), a(b(x)))
