"""Linear systems, inverses and determinants, block by block, in double precision."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ._factors import Array


class Blocks(Protocol):
    """What of a Monarch matrix is needed here."""

    @property
    def right(self) -> Array: ...
    @property
    def left(self) -> Array: ...
    @property
    def order(self) -> Array | None: ...
    @property
    def slots(self) -> Array | None: ...
    @property
    def size(self) -> tuple[int, int] | None: ...
    @property
    def transposed(self) -> bool: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...


def _square(name: str, m: Blocks) -> None:
    (_, q, p), (_, s, r) = m.right.shape, m.left.shape
    if q != p or s != r or m.slots is not None or m.size is not None:
        raise ValueError(
            f"monarch.{name}: blocks must be square, P = Q and S = R: right {m.right.shape} and left {m.left.shape} "
            "are not"
        )


def _wide(values: Array) -> Array:
    return values.astype(np.result_type(values.dtype, np.float64))


def conditions(blocks: Array) -> Array:
    """The condition numbers of square blocks."""
    sigma = np.linalg.svd(_wide(blocks), compute_uv=False)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(sigma[:, -1] > 0, sigma[:, 0] / sigma[:, -1], np.inf)


def _regular(name: str, numbers: tuple[Array, Array]) -> None:
    for side, values in zip(("right", "left"), numbers, strict=True):
        worst = int(np.argmax(values))
        if not values[worst] < 2.0**52:
            raise ValueError(f"monarch.{name}: every block must have an inverse, block {worst} of {side} is singular")


def solve(m: Blocks, numbers: tuple[Array, Array], y: npt.ArrayLike) -> Array:
    """X of m(x) = y."""
    _square("solve", m)
    _regular("solve", numbers)
    values, n = np.asarray(y), m.shape[0]
    if values.ndim == 0 or values.shape[-1] != n:
        raise ValueError(f"monarch.solve: y must have shape (..., {n}), has {values.shape}")
    if values.dtype != m.dtype:
        raise TypeError(f"monarch.solve: y must be {m.dtype.name}, is {values.dtype.name}")
    right, left, rows = _wide(m.right), _wide(m.left), _wide(values.reshape(-1, n))
    count, k, j = len(rows), len(right), len(left)

    def inside(x: Array, blocks: Array) -> Array:
        parts = np.linalg.solve(blocks, x.reshape(count, k, -1).transpose(1, 2, 0))
        return np.asarray(parts.transpose(2, 0, 1).reshape(count, n))

    def across(x: Array, blocks: Array) -> Array:
        parts = np.linalg.solve(blocks, x.reshape(count, -1, j).transpose(2, 1, 0))
        return np.asarray(parts.transpose(2, 1, 0).reshape(count, n))

    if not m.transposed:
        rows = inside(across(rows, left), right)
        if m.order is not None:
            moved = np.empty_like(rows)
            moved[:, m.order] = rows
            rows = moved
    else:
        if m.order is not None:
            rows = rows[:, m.order]
        rows = across(inside(rows, right.swapaxes(1, 2)), left.swapaxes(1, 2))
    return rows.reshape(values.shape).astype(m.dtype)


def inverses(m: Blocks, numbers: tuple[Array, Array]) -> tuple[Array, Array]:
    """The factors of the transposed inverse."""
    _square("inverse", m)
    _regular("inverse", numbers)
    right, left = (np.linalg.inv(_wide(part)).swapaxes(1, 2).astype(m.dtype) for part in (m.right, m.left))
    return right, left


def slogdet(m: Blocks) -> tuple[Any, float]:
    """Sign and logarithm of the determinant: those of all blocks, and of the order of inputs."""
    _square("slogdet", m)
    signs, logs = zip(*(np.linalg.slogdet(_wide(part)) for part in (m.right, m.left)), strict=True)
    sign = np.prod([np.prod(part) for part in signs]) * _sign(m.order)
    return sign, float(sum(part.sum() for part in logs)) if sign != 0 else -np.inf


def _sign(order: Array | None) -> int:
    """1 for an even permutation, -1 for an odd one: of n values in c cycles, n - c is odd."""
    if order is None:
        return 1
    cycles, seen = 0, np.zeros(len(order), bool)
    for start in range(len(order)):
        if not seen[start]:
            cycles += 1
            at = start
            while not seen[at]:
                seen[at] = True
                at = int(order[at])
    return -1 if (len(order) - cycles) % 2 else 1
