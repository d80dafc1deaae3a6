"""Whole sequences through the system of a measure, and the gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .._arrays import FloatArray, float_array
from ._windows import DECAYS, WINDOWS, alpha_of, rate_of


def _bound(
    where: str,
    dtype: np.dtype[Any],
    n: int,
    measure: str,
    theta: float | None,
    dt: float,
    method: str | float,
    alpha: float,
    beta: float | None,
) -> Any:
    real = (*WINDOWS[:-1], *DECAYS)
    if measure not in real:
        raise ValueError(f"{where}: measure must be one of {real}, is {measure!r}")
    if not 0 < dt < float("inf"):
        raise ValueError(f"{where}: dt must be positive and finite, is {dt}")
    tilt = (0.01 if measure == "glagt" else 1.0) if beta is None else float(beta)
    make = _core.WindowScan32 if dtype.itemsize == 4 else _core.WindowScan64
    return make(measure, n, rate_of(where, measure, theta, dt), alpha_of(where, method), float(alpha), tilt)


def _every(where: str, every: int | None) -> int:
    if every is not None and every < 1:
        raise ValueError(f"{where}: every must be at least 1, is {every}")
    return every or 0


def scan(
    u: FloatArray,
    n: int,
    *,
    measure: str,
    theta: float | None = None,
    dt: float = 1.0,
    method: str | float = "bilinear",
    x0: FloatArray | None = None,
    every: int | None = None,
    alpha: float = 0.0,
    beta: float | None = None,
) -> FloatArray:
    """The states of x' = A x + B u over a signal ``(L, H)``.

    The last, ``(H, n)``, or with ``every`` those after each ``every`` samples, ``(L // every, H, n)``. It is linear in
    ``u`` and ``x0``; :func:`scan_vjp` is its transpose.

    Parameters
    ----------
    measure, theta, dt : as in :class:`Memory`; real measures with a window or a decay
    method : ``"bilinear"``, ``"backward_euler"``, ``"forward_euler"`` or a number from 0.5 to 1 (generalised
        bilinear): O(n) a sample and channel; or ``"exact"``: products with dense tables made beforehand, O(n) for the
        last state, O(n^2) for each one between
    x0 : ``(H, n)``, the state to begin with, by default 0
    alpha, beta : of the Laguerre measures, see :func:`transition`

    >>> scan(np.ones((2000, 1)), 4, measure="legt", theta=50.0).round(6) + 0.0
    array([[1., 0., 0., 0.]])
    """
    where = "hippo.scan"
    u = float_array(where, "u", u)
    bound = _bound(where, u.dtype, n, measure, theta, dt, method, alpha, beta)
    states: FloatArray = bound.scan(u, x0, _every(where, every))
    return states


def scan_vjp(
    grad: FloatArray,
    length: int,
    *,
    measure: str,
    theta: float | None = None,
    dt: float = 1.0,
    method: str | float = "bilinear",
    every: int | None = None,
    alpha: float = 0.0,
    beta: float | None = None,
) -> tuple[FloatArray, FloatArray]:
    """The gradients of :func:`scan`: ``(L, H)`` by ``u`` and ``(H, n)`` by ``x0``.

    ``grad`` is that by what :func:`scan` gave. The same scan runs backwards through the transposed O(n) recurrence, for
    ``"exact"`` through the transposed products.

    >>> du, dx = scan_vjp(np.array([[1.0, 0.0]]), 3, measure="lagt", dt=0.1)
    >>> du.ravel().round(4), dx.round(4)
    (array([0.0883, 0.0928, 0.0976]), array([[0.8607, 0.    ]]))
    """
    where = "hippo.scan_vjp"
    grad = float_array(where, "grad", grad)
    wanted = 2 if every is None else 3
    if grad.ndim != wanted or grad.shape[-1] == 0:
        shape = "(H, n)" if every is None else "(L // every, H, n)"
        raise ValueError(f"{where}: grad must have shape {shape}, has {grad.shape}")
    if length < 0:
        raise ValueError(f"{where}: length must be at least 0, is {length}")
    bound = _bound(where, grad.dtype, grad.shape[-1], measure, theta, dt, method, alpha, beta)
    du, dx = bound.vjp(grad, length, _every(where, every))
    return du, dx
