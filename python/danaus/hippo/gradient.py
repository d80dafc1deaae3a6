"""Gradients of the projections: transposes, since every projection is linear in the signal."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arrays import FloatArray, float_array, thread_count
from ._cores import LEGS_STEPS
from .sketch import evaluate, nodes


def project_vjp(
    grad: FloatArray,
    length: int | None = None,
    *,
    times: npt.ArrayLike | None = None,
    measure: str = "legs",
    method: str = "exact",
    every: int | None = None,
    threads: int = 1,
) -> FloatArray:
    """``(L, H)``: the gradient by u of what ``project(u, n, ...)`` gave, from that by its coefficients.

    Parameters
    ----------
    grad : ``(H, n)``, or with ``every`` ``(L // every, H, n)``, float32 or float64
    length : L, where the samples come one unit of time after the other
    times : or the ``L`` end times that ``project`` was given
    measure : ``"legs"``
    method : as in :class:`Memory`. ``"exact"`` evaluates the integral of sum_m grad_m r_m P_m over each cell, O(n L),
        in float64, to 1e-16 L / n of the largest gradient; the steps run backwards through the same O(n) recurrence
    every : as in ``project``: the gradient by a whole trajectory
    threads : for the steps: channels are dealt out

    >>> project_vjp(np.array([[1.0, 0.0]]), 4).ravel()
    array([0.25, 0.25, 0.25, 0.25])
    """
    where = "hippo.project_vjp"
    grad = float_array(where, "grad", grad)
    if every is not None and every < 1:
        raise ValueError(f"{where}: every must be at least 1, is {every}")
    if grad.ndim != (2 if every is None else 3) or 0 in grad.shape[-2:]:
        wanted = "(H, n)" if every is None else "(L // every, H, n)"
        raise ValueError(f"{where}: grad must have shape {wanted}, has {grad.shape}")
    if measure != "legs":
        raise ValueError(f"{where}: measure must be 'legs' in this version, is {measure!r}")
    if (length is None) == (times is None):
        raise ValueError(f"{where}: one of length and times must be given, got {'none' if times is None else 'both'}")
    if times is None:
        if length is None or length < 0:
            raise ValueError(f"{where}: length must be at least 0, is {length}")
        ends = np.arange(1.0, length + 1)
    else:
        ends = np.asarray(times, dtype=np.float64)
    if ends.ndim != 1:
        raise ValueError(f"{where}: times must have shape (L,), has {ends.shape}")
    edges = np.concatenate([[0.0], ends])
    if not (np.diff(edges) > 0).all() or not np.isfinite(edges).all():
        raise ValueError(f"{where}: times must be finite and increase from beyond 0")
    each = len(ends) if every is None else every
    grads = grad[None] if every is None else grad
    if every is not None and len(grads) != len(ends) // every:
        raise ValueError(f"{where}: grad must have {len(ends) // every} pieces, has {len(grads)}")
    if len(ends) == 0:
        return np.empty((0, grads.shape[1]), grad.dtype)
    if method == "exact":
        return _exact_vjp(grads.astype(np.float64), edges, each).astype(grad.dtype)
    if method not in LEGS_STEPS:
        raise ValueError(f"{where}: method must be one of {('exact', *LEGS_STEPS)}, is {method!r}")
    run = _core.legs_steps_vjp32 if grad.dtype == np.float32 else _core.legs_steps_vjp64
    return run(method, grads, ends, each, thread_count(where, threads))


def _exact_vjp(grads: npt.NDArray[np.float64], edges: npt.NDArray[np.float64], every: int) -> npt.NDArray[np.float64]:
    """Piece by piece from the last: its cells from the closed form, and what came before through the passage."""
    du = np.zeros((len(edges) - 1, grads.shape[1]))
    total = np.zeros(grads.shape[1:])
    for i in reversed(range(len(grads))):
        total += grads[i]
        first, last = i * every, (i + 1) * every
        du[first:last] = np.diff(evaluate(_integral(total), edges[last], edges[first : last + 1]), axis=0)
        if i > 0:
            total = _before(total, edges[first], edges[last])
    return du


def _before(grad: npt.NDArray[np.float64], past: float, now: float) -> npt.NDArray[np.float64]:
    """The transpose of the passage of the coefficients over [0, past) to those over [0, now), by Gauss nodes."""
    at, weight = nodes(grad.shape[1])
    values = evaluate(grad, now, past * at) * (weight * (past / now))[:, None]
    found: npt.NDArray[np.float64] = np.ascontiguousarray(_core.legs_moments(grad.shape[1], past, past * at, values).T)
    return found


def _integral(grad: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Of sum_m grad_m r_m P_m over [0, s), divided by the span: a series one longer.

    The integral of P_m is (P_{m+1} - P_{m-1}) / (2m + 1); its constant drops out of differences.
    """
    n = grad.shape[1]
    root = np.sqrt(2.0 * np.arange(n + 1) + 1)
    scaled = 0.5 * grad / root[:n]
    series = np.zeros((len(grad), n + 1))
    series[:, 1:] += scaled
    series[:, : n - 1] -= scaled[:, 1:]
    return series / root
