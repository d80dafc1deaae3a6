"""Gradients of products with Monarch matrices."""

from __future__ import annotations

import numpy as np

from ._factors import Array, Factor, compiled
from .matrix import Monarch


def _rows(name: str, values: Array, width: int, m: Monarch) -> Array:
    array = np.asarray(values)
    if array.ndim == 0 or array.shape[-1] != width:
        raise ValueError(f"monarch.multiply_vjp: {name} must have shape (..., {width}), has {array.shape}")
    if array.dtype != m.dtype:
        raise TypeError(f"monarch.multiply_vjp: {name} must be {m.dtype.name}, is {array.dtype.name}")
    return array.reshape(-1, width)


def multiply_vjp(m: Monarch, x: Array, grad: Array, *, threads: int = 1) -> tuple[Array, Array, Array]:
    """Gradients of a loss by the factors and the input of ``y = m(x)``: ``(d_right, d_left, d_x)``.

    Parameters
    ----------
    m : real, of equal ranks, weights as they are or rounded: what is given are then gradients by the rounded ones
    x : (..., inputs)
    grad : (..., outputs), the gradient by y

    Two products with factors and their transposes, one with blocks for each factor: three times the work of ``m(x)``.

    >>> m = Monarch(np.ones((1, 1, 2)), np.ones((1, 1, 1)))
    >>> multiply_vjp(m, np.array([3.0, 4.0]), np.array([1.0]))
    (array([[[3., 4.]]]), array([[[7.]]]), array([1., 1.]))
    """
    if m.dtype.kind != "f" or m.slots is not None or m.size is not None:
        raise TypeError("monarch.multiply_vjp: m must be real, without slots and size")
    rows, back = _rows("x", x, m.shape[1], m), _rows("grad", grad, m.shape[0], m)
    if np.shape(x)[:-1] != np.shape(grad)[:-1]:
        raise ValueError(f"monarch.multiply_vjp: grad must have as many rows as x, has {np.shape(grad)}")
    d_x = m.T(grad, threads=threads)
    if m.transposed:  # <grad, m^T x> = <x, m grad>
        rows, back = back, rows
    if m.order is not None:
        rows = rows[:, m.order]
    (k, q, p), (j, s, r) = m.right.shape, m.left.shape
    count = len(rows)
    middle = compiled([Factor("inside", m.right)])(np.ascontiguousarray(rows), None, threads)
    behind = compiled([Factor("across", m.left).transposed])(np.ascontiguousarray(back), None, threads)
    d_left = back.reshape(count, s, j).transpose(2, 1, 0) @ middle.reshape(count, r, j).transpose(2, 0, 1)
    d_right = behind.reshape(count, k, q).transpose(1, 2, 0) @ rows.reshape(count, k, p).transpose(1, 0, 2)
    return d_right, d_left, d_x
