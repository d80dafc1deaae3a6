"""Balanced realisations, model reduction, and fits of long filters."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arrays import FloatArray, finite, thread_count
from ._forms import Passage, _certify, _expect_stable, _modes, _order, _rows, _samples, _system, _transfer


def _balanced(
    where: str, a: object, b: object, c: object, order: int | None, threads: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    dense, inputs, outputs, single = _system(where, a, b, c)
    channels, n = inputs.shape
    cut = _core.convert_balance(
        dense.reshape(channels, n * n), inputs, outputs, n if order is None else _order(where, order, n),
        thread_count(where, threads),
    )  # fmt: skip
    _expect_stable(where, cut[-1])
    new_a, new_b, new_c, hankel, bound = (part[0] for part in cut) if single else cut
    return new_a, new_b, new_c, hankel, np.asarray(bound)


def balance(
    A: npt.ArrayLike,
    B: npt.ArrayLike,
    C: npt.ArrayLike,
    *,
    threads: int = 1,
) -> Passage:
    """``(A, B, C, hankel)``: coordinates in which both Gramians are ``diag(hankel)``; shapes as they came.

    The square-root method on Gramian factors found by doubling, so that small Hankel singular values keep their
    digits. States that nothing reaches or that nothing shows (below N 2^-50 of the first) become zeros.

    >>> A, B, C, hankel = balance([[0.5]], [1.0], [1.0])
    >>> hankel.round(12)
    array([1.33333333])
    """
    a, b, c, hankel, bound = _balanced("ssm.convert.balance", A, B, C, None, threads)
    return Passage._of(a, b, c, hankel, error=np.zeros(bound.size), hankel=np.atleast_2d(hankel))


def minimal(
    A: npt.ArrayLike,
    B: npt.ArrayLike,
    C: npt.ArrayLike,
    tolerance: float = 1e-12,
) -> Passage:
    """``(A, B, C)`` of one system without the states whose Hankel singular value is below ``tolerance`` of the first.

    >>> A, B, C = minimal(np.diag([0.5, 0.9]), [1.0, 1.0], [1.0, 0.0])
    >>> A.round(12)
    array([[0.5]])
    """
    where = "ssm.convert.minimal"
    if np.ndim(A) != 2:
        raise ValueError(f"{where}: A must have shape (N, N), has {np.shape(A)}")
    a, b, c, hankel, _ = _balanced(where, A, B, C, None, 1)
    if hankel.ndim > 1:
        raise ValueError(f"{where}: B and C must have shape ({a.shape[-1]},), have {np.shape(B)} and {np.shape(C)}")
    order = max(1, int((hankel > tolerance * hankel[0]).sum()))
    error = np.array([2 * hankel[order:].sum()])
    return Passage._of(a[:order, :order].copy(), b[:order].copy(), c[:order].copy(), error=error, hankel=hankel[None])


def truncate_balanced(
    A: npt.ArrayLike,
    B: npt.ArrayLike,
    C: npt.ArrayLike,
    D: npt.ArrayLike,
    order: int,
    *,
    threads: int = 1,
) -> Passage:
    """``(A, B, C, D, bound)`` of the balanced truncation to ``order`` states.

    ``bound`` = 2 sum of the Hankel singular values left out: no frequency's gain changes by more (so no kernel's
    2-norm does).

    >>> A, B, C, D, bound = truncate_balanced(np.diag([0.5, 0.9]), [1.0, 1.0], [0.01, 1.0], 0.0, 1)
    >>> A.round(2), round(float(bound), 4)
    (array([[0.9]]), 0.0141)
    """
    where = "ssm.convert.truncate_balanced"
    direct = finite(where, "D", D, np.float64)
    a, b, c, hankel, bound = _balanced(where, A, B, C, order, threads)
    if direct.shape not in ((), np.shape(bound)):
        raise ValueError(f"{where}: D must have shape {np.shape(bound)}, has {direct.shape}")
    direct = np.broadcast_to(direct, np.shape(bound)).copy()
    return Passage._of(a, b, c, direct, bound, error=np.zeros(bound.size), hankel=np.atleast_2d(hankel))


def reduce_modal(
    poles: npt.ArrayLike,
    residues: npt.ArrayLike,
    order: int,
    *,
    tolerance: float = 1e-6,
    length: int = 512,
    threads: int = 1,
) -> Passage:
    """``(poles, residues, bound)``: the balanced truncation of modes ``(H, N)`` to ``order`` modes, bound as above.

    >>> p, r, bound = reduce_modal([[0.5, 0.9]], [[0.01, 1.0]], 1)
    >>> p.real.round(2), bound.round(4)
    (array([[0.9]]), array([0.0141]))
    """
    where = "ssm.convert.reduce_modal"
    p, r = _modes(where, poles, residues)
    new_p, new_r, bound, error = _core.convert_reduce_modal(
        p, r, _order(where, order, p.shape[1]), _samples(where, length), thread_count(where, threads)
    )
    _expect_stable(where, bound)
    error = _certify(where, error, tolerance, "its reduced poles (nearly) coincide: ask for another order")
    return Passage._of(new_p, new_r, bound, error=error)


def reduce_transfer(
    b: npt.ArrayLike,
    a: npt.ArrayLike,
    h0: npt.ArrayLike,
    order: int,
    *,
    tolerance: float = 1e-6,
    length: int = 512,
    threads: int = 1,
) -> Passage:
    """``(b, a, h0, bound)``: the balanced truncation to ``order`` poles; bound on every frequency's gain.

    >>> from danaus.ssm.convert import modal_to_transfer
    >>> b, a = modal_to_transfer([[0.5, 0.9]], [[0.01, 1.0]])
    >>> _, a, _, bound = reduce_transfer(b, a, 0.0, 1)
    >>> a.round(2), bound.round(4)
    (array([[-0.9]]), array([0.0141]))
    """
    where = "ssm.convert.reduce_transfer"
    numerators, denominators, direct = _transfer(where, b, a, h0)
    new_b, new_a, bound, error = _core.convert_reduce_transfer(
        numerators, denominators, _order(where, order, denominators.shape[1]), _samples(where, length),
        thread_count(where, threads),
    )  # fmt: skip
    _expect_stable(where, bound)
    error = _certify(where, error, tolerance, "ask for another order or reduce its modes: reduce_modal()")
    return Passage._of(new_b, new_a, direct.copy(), bound, error=error)


def fit(
    kernel: npt.ArrayLike,
    order: int,
    *,
    method: Literal["era", "aaa"] = "era",
    refine: int = 40,
    threads: int = 1,
) -> Passage:
    """``(poles, residues, h0, error, lower_bound)``: a long filter ``(H, L)`` as ``order`` stable modes.

    Parameters
    ----------
    kernel : ``(H, L)``, L >= 4; h0 is its first sample, the modes fit the rest
    order : modes a channel, both of each pair counted; at most (L - 1) / 2
    method : ``"era"``, the eigensystem realisation of the Hankel matrix, or ``"aaa"``, rational approximation on the
        unit circle. Unstable poles are reflected; residues in least squares over all samples.
    refine : rounds of Levenberg-Marquardt on poles and residues afterwards

    Returns
    -------
    poles, residues complex ``(H, order)``; h0 ``(H,)``; error ``(H,)``, |kernel - fit| / |kernel| in the 2-norm;
    lower_bound ``(H,)``, the Hankel singular value sigma_{order + 1} over the window. It bounds, from below, the
    error of any system of this order, stable or not, in the Hankel norm: so the largest error over all
    frequencies, and the sum of |kernel - fit|, are no smaller; in the 2-norm the error is at least
    lower_bound / sqrt(L / 2).

    >>> n = np.arange(100)
    >>> p, r, h0, error, bound = fit([0.9**n - 0.5**n], 2)
    >>> np.sort(p.real).round(6), bool(error[0] < 1e-9)
    (array([[0.5, 0.9]]), True)
    """
    where = "ssm.convert.fit"
    wanted = _rows(where, "kernel", kernel)
    if wanted.shape[1] < 4:
        raise ValueError(f"{where}: kernel must have at least 4 samples, has {wanted.shape[1]}")
    if method not in ("era", "aaa"):
        raise ValueError(f"{where}: method must be 'era' or 'aaa', is {method!r}")
    if refine < 0:
        raise ValueError(f"{where}: refine must not be negative, is {refine}")
    n = _order(where, order, (wanted.shape[1] - 1) // 2)
    rest = np.ascontiguousarray(wanted[:, 1:])
    p, r, error, hankel = _core.convert_fit(rest, n, method == "aaa", int(refine), thread_count(where, threads))
    whole = np.linalg.norm(wanted, axis=1)
    error = error * np.divide(np.linalg.norm(rest, axis=1), whole, out=np.zeros_like(whole), where=whole > 0)
    return Passage._of(p, r, wanted[:, 0].copy(), error, hankel[:, n].copy(), error=error, hankel=hankel)
