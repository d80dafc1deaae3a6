"""Dense matrices by the nearest Monarch matrix."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arrays import float_array, thread_count
from ._factors import Array
from .matrix import Monarch
from .operator import Operator

_LARGEST = 1 << 16  # elements of a block that is worked on beside others in vector registers
_MOST_RANK = 16  # triplets that are sought one by one


_LEAST = 1e-20  # squares that leave float32 room


def _energy(w: Array) -> float:
    """The sum of squares."""
    with np.errstate(over="ignore"):
        return float(sum(np.square(row, dtype=np.float64).sum() for row in w))


def _blocks(where: str, blocks: int | Sequence[int], shape: tuple[int, int]) -> tuple[int, int]:
    try:
        k, j = (index(b) for b in blocks) if isinstance(blocks, Sequence) else (index(blocks),) * 2
    except (TypeError, ValueError):
        raise TypeError(f"{where}: blocks must be an integer or a pair (K, J), is {blocks!r}") from None
    if k < 1 or j < 1 or shape[1] % k or shape[0] % j:
        raise ValueError(
            f"{where}: blocks (K, J) must divide the inputs and the outputs of w {shape}: K {shape[1]} and J "
            f"{shape[0]}; are {(k, j)}"
        )
    return k, j


def _middle(where: str, rank: float, k: int, j: int, s: int, p: int) -> int:
    """Middle values an input block, Q = rank J."""
    q = round(float(rank) * j) if np.isfinite(rank) else 0
    if q <= 0 or abs(q - float(rank) * j) > 1e-9 * q or k * q % j:
        raise ValueError(
            f"{where}: rank must be positive, rank J = Q an integer and K Q a multiple of J; is {rank}, K {k}, J {j}"
        )
    if -(-q // j) > min(s, p):
        raise ValueError(f"{where}: rank must be at most {min(s, p)}, the smaller side of a block {(s, p)}, is {rank}")
    return q


def _split(w: Array, k: int, j: int) -> Array:
    """The blocks (K, J, S, P) of a matrix."""
    return np.asarray(w.reshape(w.shape[0] // j, j, k, w.shape[1] // k).transpose(2, 1, 0, 3))


def _by_svd(blocks: Array, ranks: Array) -> tuple[Array, Array, Array, Array]:
    """Triplets of blocks (n, S, P) by a full decomposition: u (n, S, r), sigma (n, r), v (n, r, P), squares left."""
    u, sigma, v = np.linalg.svd(blocks, full_matrices=False)
    most = min(int(ranks.max(initial=0)), sigma.shape[1])
    beyond = np.arange(sigma.shape[1]) >= ranks[:, None]
    squares = (np.square(sigma) * beyond).sum(1)
    return u[:, :, :most], np.where(beyond, 0, sigma)[:, :most], v[:, :most], squares


def _roots(where: str, covariance: npt.ArrayLike, k: int, p: int) -> Array:
    """The lower Cholesky factors of the inputs' covariance, block by block."""
    given = np.asarray(covariance, np.float64)
    if given.shape == (k * p, k * p):
        given = np.stack([given[i * p : (i + 1) * p, i * p : (i + 1) * p] for i in range(k)])
    if given.shape != (k, p, p):
        raise ValueError(f"{where}: covariance must have shape {(k, p, p)} or {(k * p, k * p)}, has {given.shape}")
    if not np.isfinite(given).all():
        raise ValueError(f"{where}: covariance must be finite")
    try:
        return np.asarray(np.linalg.cholesky((given + given.swapaxes(1, 2)) / 2))
    except np.linalg.LinAlgError:
        raise ValueError(f"{where}: covariance must be positive definite in every block, is not") from None


def _uniform(w: Array, k: int, j: int, q: int, threads: int) -> tuple[Array, Array, float, float]:
    """The factors for blocks of rank q / j, or that and one more, the squares they leave, and all squares."""
    s, p = w.shape[0] // j, w.shape[1] // k
    t = np.arange(k * q)
    at = (t // q, t % j)  # the block of each middle value
    turn = t % q // j  # and which triplet of the block it carries
    ranks = np.zeros((k, j), int)
    np.add.at(ranks, at, 1)
    if s * p <= _LARGEST and ranks.max() <= _MOST_RANK:
        run = _core.monarch_project32 if w.dtype == np.float32 else _core.monarch_project64
        right, left, whole, squares, done = run(w, k, j, q, threads)
        energy = float(whole.sum())
        if done.all() or not _LEAST < energy < 1 / _LEAST:
            return right, left, float(squares.sum()), energy
        again = done == 0
    else:
        right, left = np.zeros((k, q, p), w.dtype), np.zeros((j, s, k * q // j), w.dtype)
        squares, again = np.zeros((k, j)), np.ones((k, j), bool)
        energy = _energy(w)
        if not _LEAST < energy < 1 / _LEAST:
            return right, left, 0.0, energy
    parts = _split(w, k, j)
    chosen = np.argwhere(again)
    for some in np.array_split(chosen, -(-len(chosen) * s * p // (1 << 24))):  # 128 MB at a time
        u, sigma, v, left_over = _by_svd(parts[some[:, 0], some[:, 1]].astype(np.float64), ranks[tuple(some.T)])
        squares[tuple(some.T)] = left_over
        number = np.full((k, j), -1)
        number[tuple(some.T)] = np.arange(len(some))
        mine = number[at] >= 0
        n, i, root = number[at][mine], turn[mine], np.sqrt(sigma)
        right[t[mine] // q, t[mine] % q] = v[n, i] * root[n, i, None]
        left[t[mine] % j, :, t[mine] // j] = u[n, :, i] * root[n, i, None]
    return right, left, float(squares.sum()), energy


def _variable(w: Array, k: int, j: int, q: int) -> tuple[Array, Array, Array, float, float]:
    """The k q largest triplets of all blocks: factors, which middle value stands in each place (R, J), squares left."""
    s, p = w.shape[0] // j, w.shape[1] // k
    energy = _energy(w)
    if not np.isfinite(energy):
        return w, w, w, 0.0, energy
    u, sigma, v = np.linalg.svd(_split(w, k, j).astype(np.float64), full_matrices=False)
    count = min(k * q, sigma.size)
    largest = np.argpartition(sigma, sigma.size - count, axis=None)[sigma.size - count :]
    largest = largest[sigma.ravel()[largest] > 0]
    kept = np.zeros(sigma.shape, bool)
    kept.ravel()[largest] = True
    squares = float(np.square(np.where(kept, 0, sigma)).sum())
    block, group, _ = np.nonzero(kept)
    of_block = np.bincount(block, minlength=k)
    of_group = np.bincount(group, minlength=j)
    slot = np.arange(len(block)) - np.repeat(np.cumsum(of_block) - of_block, of_block)
    by_group = np.argsort(group, kind="stable")
    row = np.empty(len(group), int)
    row[by_group] = np.arange(len(group)) - np.repeat(np.cumsum(of_group) - of_group, of_group)
    wide, high = max(1, int(of_block.max(initial=0))), max(1, int(of_group.max(initial=0)))
    right, left = np.zeros((k, wide, p)), np.zeros((j, s, high))
    root = np.sqrt(sigma[kept])[:, None]
    right[block, slot] = v[kept] * root
    left[group, :, row] = u.swapaxes(2, 3)[kept] * root
    slots = np.full((high, j), -1)
    slots[row, group] = block * wide + slot
    return right.astype(w.dtype), left.astype(w.dtype), slots, squares, energy


def project(
    w: Any,
    blocks: int | Sequence[int],
    *,
    rank: float = 1,
    covariance: npt.ArrayLike | None = None,
    variable_rank: bool = False,
    threads: int = 1,
) -> tuple[Monarch, float]:
    """The nearest Monarch matrix in Frobenius norm, and its relative error ``|w - m| / |w|``.

    Parameters
    ----------
    w : (outputs, inputs), float32 or float64: the result has its type; or an operator of this module or of SciPy
    blocks : (K, J), blocks of inputs and groups of outputs, or one integer for both
    rank : of each block, Q / J: K Q must be a multiple of J; not an integer, blocks have the one below or above
    covariance : of the inputs, (K, P, P) or (inputs, inputs), whose blocks on the diagonal are taken: then what is
        least, and returned, is the relative error of outputs to inputs of that covariance
    variable_rank : whether the K Q largest triplets of all blocks are kept, however many of each, for Q of each row

    The blocks ``w[s J + j, k P + p]`` share no parameter, so the best approximation of each by its largest singular
    triplets is the best of all (Eckart, Young 1936); the error is summed over what the triplets leave, without forming
    the product. Up to 16 triplets of blocks up to 65536 elements come by Lanczos's method, blocks side by side in
    vector registers; others, and blocks that do not converge, by a full decomposition.

    >>> w = np.kron(np.ones((2, 2)), np.arange(1.0, 5.0).reshape(2, 2))
    >>> m, error = project(w, 2, rank=2)
    >>> error < 1e-12, bool(np.allclose(m.todense(), w))
    (True, True)
    """
    where = "monarch.project"
    if isinstance(w, Operator):
        w = w.todense()
    elif hasattr(w, "matmat"):  # SciPy's
        w = w.matmat(np.eye(w.shape[1], dtype=w.dtype))
    matrix = float_array(where, "w", w)
    if matrix.ndim != 2 or matrix.size == 0:
        raise ValueError(f"{where}: w must have shape (outputs, inputs), has {matrix.shape}")
    k, j = _blocks(where, blocks, matrix.shape)
    s, p = matrix.shape[0] // j, matrix.shape[1] // k
    q = _middle(where, rank, k, j, s, p)
    threads = thread_count(where, threads)
    dtype, roots = matrix.dtype, None
    if covariance is not None:
        roots = _roots(where, covariance, k, p)
        moved = np.einsum("skp,kpq->skq", matrix.reshape(-1, k, p), roots, optimize=True)
        matrix = np.ascontiguousarray(moved.reshape(matrix.shape))
    matrix = np.ascontiguousarray(matrix)

    def factors(values: Array) -> tuple[Array, Array, Any, float, float]:
        if variable_rank:
            return _variable(values, k, j, q)
        right, left, squares, energy = _uniform(values, k, j, q, threads)
        return right, left, None, squares, energy

    right, left, slots, squares, energy = factors(matrix)
    if not _LEAST < energy < 1 / _LEAST:  # values that are not finite, or whose squares may not be
        bad = np.argwhere(~np.isfinite(matrix))
        if len(bad):
            at = tuple(int(i) for i in bad[0])
            raise ValueError(f"{where}: w must be finite, is {matrix[at]} at {at}")
        power = np.exp2(np.floor(np.log2(np.abs(matrix).max() or 1.0) / 2)).astype(matrix.dtype)
        right, left, slots, squares, energy = factors(matrix / power / power)
        right, left = right * power, left * power
    if roots is not None:
        right = np.linalg.solve(roots.swapaxes(1, 2), right.swapaxes(1, 2)).swapaxes(1, 2)
    found = Monarch(right.astype(dtype), left.astype(dtype), slots=slots)
    return found, float(np.sqrt(squares / energy)) if energy > 0 else 0.0
