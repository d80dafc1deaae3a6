# SPDX-License-Identifier: Apache-2.0
"""Monarch matrices entry by entry, and their best approximations by a full SVD of every block: slow, plain."""

from __future__ import annotations

import numpy as np


def dense(right, left):
    """The matrix by its index rule, in float64.

    >>> dense(np.ones((1, 1, 2)), np.full((1, 2, 1), 3.0))
    array([[3., 3.],
           [3., 3.]])
    """
    right, left = np.asarray(right), np.asarray(left)
    wide = np.result_type(right.dtype, left.dtype, np.float64)
    (k, q, p), (j, s, _) = right.shape, left.shape
    m = np.zeros((s * j, k * p), wide)
    for t in range(k * q):
        block, slot, group, row = t // q, t % q, t % j, t // j
        m[group::j, block * p : (block + 1) * p] += np.outer(
            left[group, :, row].astype(wide), right[block, slot].astype(wide)
        )
    return m


def magnitude(right, left, x):
    """Sums of the terms' sizes: what an output's rounding error is measured by; x (batch, inputs)."""
    return np.abs(np.asarray(x, float)) @ dense(np.abs(right), np.abs(left)).T


def blocks(w, k, j):
    """The blocks of w (S J, K P), (J, K, S, P).

    >>> blocks(np.arange(4).reshape(2, 2), 2, 2)[1, 0]
    array([[2]])
    """
    s, p = w.shape[0] // j, w.shape[1] // k
    return w.reshape(s, j, k, p).transpose(1, 2, 0, 3)


def ranks(k, q, j):
    """The rank of each block (J, K): how many middle values t = k' q + q' = r j + j' belong to it.

    >>> ranks(2, 3, 2)
    array([[2, 1],
           [1, 2]])
    """
    count = np.zeros((j, k), int)
    for t in range(k * q):
        count[t % j, t // q] += 1
    return count


def optimum(w, k, j, rank, roots=None):
    """The least Frobenius error of ``w`` by blocks of the ranks given, (J, K) or one for all.

    With ``roots`` (K, P, P), of (block - approximation) @ root.
    """
    parts = blocks(np.asarray(w, float), k, j)
    if roots is not None:
        parts = parts @ np.asarray(roots, float)[None]
    sigma = np.linalg.svd(parts, compute_uv=False)
    rank = np.broadcast_to(rank, (j, k))
    left = np.arange(sigma.shape[-1]) >= rank[..., None]
    return float(np.sqrt((sigma**2 * left).sum()))
