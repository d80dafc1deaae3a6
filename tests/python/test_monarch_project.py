# SPDX-License-Identifier: Apache-2.0
"""Projections against the analytic optimum, a full SVD of every block, which no alternating least squares beats."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from danaus.monarch import Monarch, project
from helpers import same_bits
from reference import monarch as reference

# outputs, inputs, K, J, rank
CASES = {
    "square": (64, 64, 8, 8, 1),
    "one lane": (12, 9, 1, 1, 2),
    "rectangular": (60, 98, 7, 5, 2),
    "K > J": (33, 120, 20, 3, 3),
    "J > K": (323, 36, 3, 19, 4),
    "ragged": (40, 40, 10, 4, 1.5),
    "ragged, some ranks 0": (40, 40, 8, 8, 0.5),
    "full rank": (20, 42, 6, 4, 5),
    "flat blocks": (8, 90, 2, 4, 2),
    "high blocks": (90, 8, 4, 2, 2),
    "one row": (3, 30, 3, 3, 1),
    "many steps": (300, 300, 2, 2, 3),
}


def noise(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def ranks(case):
    _, _, k, j, rank = case
    return reference.ranks(k, round(rank * j), j)


@pytest.mark.parametrize("name", CASES)
def test_the_error_is_the_optimum(name):
    case = outputs, inputs, k, j, rank = CASES[name]
    w = noise((outputs, inputs))
    m, error = project(w, (k, j), rank=rank)
    best = reference.optimum(w, k, j, ranks(case)) / np.linalg.norm(w)
    assert m.shape == w.shape and m.right.shape == (k, round(rank * j), inputs // k)
    assert abs(error - best) <= 1e-12
    actual = np.linalg.norm(w - reference.dense(m.right, m.left)) / np.linalg.norm(w)
    assert abs(actual - best) <= 1e-12


@pytest.mark.parametrize("name", CASES)
def test_single_precision(name):
    case = outputs, inputs, k, j, rank = CASES[name]
    w = noise((outputs, inputs)).astype(np.float32)
    m, error = project(w, (k, j), rank=rank)
    w = w.astype(float)
    best = reference.optimum(w, k, j, ranks(case)) / np.linalg.norm(w)
    assert m.dtype == np.float32 and abs(error - best) <= 1e-6
    actual = np.linalg.norm(w - reference.dense(m.right, m.left)) / np.linalg.norm(w)
    assert best - 1e-9 <= actual <= best + 1e-6


@given(
    st.integers(1, 6), st.integers(1, 20), st.integers(1, 9), st.integers(1, 9), st.integers(1, 40), st.integers(0, 9)
)
def test_every_shape_and_rank(k, j, s, p, q, seed):
    q = q * j // np.gcd(k, j) if k * q % j else q
    if -(-q // j) > min(s, p):
        return
    w = noise((s * j, k * p), seed)
    m, error = project(w, (k, j), rank=q / j)
    best = reference.optimum(w, k, j, reference.ranks(k, q, j)) / np.linalg.norm(w)
    assert abs(error - best) <= 1e-12
    assert abs(np.linalg.norm(w - m.todense()) / np.linalg.norm(w) - best) <= 1e-12


@pytest.mark.parametrize("rank", [1, 2, 1.5])
def test_what_is_a_monarch_matrix_is_found_again(rank):
    k, j, s, p = 6, 4, 7, 5
    q = round(rank * j)
    m = Monarch(noise((k, q, p)), noise((j, s, k * q // j), 1))
    found, error = project(m.todense(), (k, j), rank=rank)
    assert error <= 1e-14
    np.testing.assert_allclose(found.todense(), m.todense(), atol=1e-13)
    if rank == 1:
        again = project(m.todense().astype(np.float32), (k, j))[1]
        assert again <= 1e-6


def test_clusters_of_singular_values():
    """Equal singular values, in blocks whose triplets are then not unique."""
    u, v = np.linalg.qr(noise((48, 48)))[0], np.linalg.qr(noise((48, 48), 1))[0]
    for sigma in (np.ones(48), np.repeat([3.0, 2.0, 1.0], 16), 0.9 ** np.arange(48), np.r_[1, np.full(47, 1 - 1e-7)]):
        block = (u * sigma) @ v
        for rank in (1, 2, 5):
            best = np.sqrt((sigma[rank:] ** 2).sum() / (sigma**2).sum())
            for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 1e-6)):
                m, error = project(block.astype(dtype), 1, rank=rank)
                assert abs(error - best) <= tolerance
                actual = np.linalg.norm(block - m.todense()) / np.linalg.norm(block)
                assert abs(actual - best) <= tolerance


def least_squares(blocks, rank, rng, turns=80):
    """The error of alternating least squares from a random start, all blocks (n, S, P) at once."""
    v = rng.standard_normal((len(blocks), rank, blocks.shape[2]))
    for _ in range(turns):
        u = blocks @ np.linalg.pinv(v)
        v = np.linalg.pinv(u) @ blocks
    return np.linalg.norm(blocks - u @ v)


def test_no_alternating_least_squares_does_better():
    w, rng = noise((48, 48)), np.random.default_rng(3)
    for rank in (1, 2):
        _, error = project(w, 6, rank=rank)
        blocks = reference.blocks(w, 6, 6).reshape(36, 8, 8)
        best = min(least_squares(blocks, rank, rng) for _ in range(30)) / np.linalg.norm(w)
        assert error <= best + 1e-12
        assert best - error <= 1e-2  # and it comes near: both solve the same problem


def covariances(k, p, seed=5):
    a = noise((k, p, p), seed)
    return a @ a.swapaxes(1, 2) + 0.1 * np.eye(p)


def test_inputs_of_a_covariance():
    w, c = noise((30, 40)), covariances(5, 8)
    roots = np.linalg.cholesky(c)
    m, error = project(w, (5, 6), rank=2, covariance=c)
    best = reference.optimum(w, 5, 6, 2, roots)
    all_of_it = np.sqrt(np.einsum("okp,kpq,okq->", w.reshape(30, 5, 8), c, w.reshape(30, 5, 8)))
    assert abs(error - best / all_of_it) <= 1e-12
    left = (w - m.todense()).reshape(30, 5, 8)
    assert abs(np.sqrt(np.einsum("okp,kpq,okq->", left, c, left)) / all_of_it - error) <= 1e-12
    plain = (w - project(w, (5, 6), rank=2)[0].todense()).reshape(30, 5, 8)
    assert np.einsum("okp,kpq,okq->", left, c, left) < np.einsum("okp,kpq,okq->", plain, c, plain)
    whole = np.zeros((40, 40))
    for i in range(5):
        whole[8 * i : 8 * i + 8, 8 * i : 8 * i + 8] = c[i]
    assert same_bits(project(w, (5, 6), rank=2, covariance=whole)[0].todense(), m.todense())
    same, _ = project(w, (5, 6), rank=2, covariance=np.broadcast_to(np.eye(8), (5, 8, 8)))
    np.testing.assert_allclose(same.todense(), project(w, (5, 6), rank=2)[0].todense(), atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ranks_where_they_are_needed(dtype):
    rng = np.random.default_rng(1)
    scale = np.exp(rng.standard_normal((6, 5)))[:, None, :, None]  # (J, S, K, P) of its blocks
    w = (rng.standard_normal((6, 7, 5, 8)) * scale).transpose(1, 0, 2, 3).reshape(42, 40).astype(dtype)
    for rank in (1, 2, 7):
        m, error = project(w, (5, 6), rank=rank, variable_rank=True)
        sigma = np.sort(np.linalg.svd(reference.blocks(w.astype(float), 5, 6), compute_uv=False).ravel())
        best = np.sqrt((sigma[: sigma.size - 30 * rank] ** 2).sum() / (sigma**2).sum())
        assert abs(error - best) <= 1e-12
        assert error <= project(w, (5, 6), rank=rank)[1] + (1e-12 if dtype == "float64" else 1e-6)
        dense, tolerance = m.todense(), 1e-12 if dtype == "float64" else 1e-6
        assert abs(np.linalg.norm(w - dense) / np.linalg.norm(w) - best) <= tolerance
        x, y = rng.standard_normal((3, 40)).astype(dtype), rng.standard_normal((3, 42)).astype(dtype)
        np.testing.assert_allclose(m(x), x @ dense.T, atol=100 * tolerance)
        np.testing.assert_allclose(m.T(y), y @ dense, atol=100 * tolerance)
        np.testing.assert_allclose(m.T.todense(), dense.T)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("variable", [False, True])
def test_scales(dtype, variable):
    w = noise((24, 24)).astype(dtype)
    m, error = project(w, 4, variable_rank=variable)
    for power in (-100, -60, 60, 100):
        scaled, same = project(w * np.asarray(2.0**power, dtype), 4, variable_rank=variable)
        assert abs(same - error) <= 1e-6
        np.testing.assert_allclose(scaled.todense() * 2.0**-power, m.todense(), rtol=1e-3, atol=1e-5)
    m, error = project(np.zeros((8, 8), dtype), 2, variable_rank=variable)
    assert error == 0 and not m.todense().any()


def test_operators_are_projected_too():
    linalg = pytest.importorskip("scipy.sparse.linalg")
    w = noise((24, 20))
    wanted, error = project(w, 4)
    found, same = project(linalg.aslinearoperator(w), 4)
    assert same == error and same_bits(found.todense(), wanted.todense())
    again, none = project(wanted.T.aslinearoperator(), 4, rank=5)
    assert none <= 1e-14
    np.testing.assert_allclose(again.todense(), wanted.todense().T, atol=1e-13)
    assert project(wanted @ wanted.T, 4, rank=6)[1] <= 1e-14


def test_threads_change_no_bit():
    w = noise((300, 320)).astype(np.float32)
    one, three = project(w, (16, 20)), project(w, (16, 20), threads=3)
    assert same_bits(one[0].right, three[0].right) and same_bits(one[0].left, three[0].left) and one[1] == three[1]


REFUSED = [
    (lambda: project(np.ones(4), 2), ValueError, r"w must have shape \(outputs, inputs\)"),
    (lambda: project(np.ones((4, 4), int), 2), TypeError, "w must be float32 or float64"),
    (lambda: project(np.ones((4, 6)), 4), ValueError, r"must divide the inputs and the outputs of w \(4, 6\)"),
    (lambda: project(np.ones((4, 6)), 0), ValueError, "must divide"),
    (lambda: project(np.ones((4, 6)), 2.5), TypeError, "blocks must be an integer or a pair"),
    (lambda: project(np.ones((4, 6)), 2, rank=3), ValueError, r"rank must be at most 2, .*is 3"),
    (lambda: project(np.ones((4, 6)), 2, rank=0), ValueError, "rank must be positive"),
    (lambda: project(np.ones((4, 6)), 2, rank=0.3), ValueError, "Q an integer"),
    (lambda: project(np.ones((4, 6)), 2, rank=np.nan), ValueError, "rank must be positive"),
    (lambda: project(np.full((4, 6), np.nan), 2), ValueError, r"w must be finite, is nan at \(0, 0\)"),
    (lambda: project(np.full((4, 6), np.inf), 2, variable_rank=True), ValueError, "w must be finite"),
    (lambda: project(np.ones((4, 6)), 2, covariance=np.ones((2, 2))), ValueError, "covariance must have shape"),
    (lambda: project(np.ones((4, 6)), 2, covariance=np.zeros((6, 6))), ValueError, "positive definite"),
    (lambda: project(np.ones((4, 6)), 2, covariance=np.full((6, 6), np.inf)), ValueError, "covariance must be finite"),
    (lambda: project(np.ones((4, 6)), 2, threads=0), ValueError, "threads"),
    (lambda: Monarch(np.ones((2, 2, 2)), np.ones((2, 2, 2)), slots=np.zeros((2, 2), int)), ValueError, "at most once"),
    (lambda: Monarch(np.ones((2, 2, 2)), np.ones((2, 2, 2)), slots=[1]), ValueError, r"shape \(R, J\)"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_refusals(call, error, words):
    with pytest.raises(error, match=words):
        call()
