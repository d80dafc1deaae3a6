"""Poles, reflection coefficients and certificates of stability."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arrays import ComplexArray, FloatArray, thread_count
from ._forms import _closed, _refuse, _rows, _transfer


def poles(a: npt.ArrayLike, *, threads: int = 1) -> ComplexArray:
    """The poles ``(H, N)`` of 1 / A, in Leja order, closed under conjugation to the bit.

    Aberth's iteration from Bini's starting points, then in twice the digits: the roots of the given coefficients to
    float64 rounding, up to condition numbers of 1e16. Trailing zero coefficients give exact zeros.

    >>> poles([[-0.5, 0.25, 0.0]]).round(6)
    array([[0.25+0.433013j, 0.25-0.433013j, 0.  +0.j      ]])
    """
    where = "ssm.convert.poles"
    return _core.convert_poles(_rows(where, "a", a), thread_count(where, threads))


def from_poles(p: npt.ArrayLike, *, threads: int = 1) -> FloatArray:
    """``a`` ``(H, N)`` from poles ``(H, N)`` closed under conjugation, multiplied in Leja order.

    >>> from_poles([[0.5j, -0.5j, 0.5]])
    array([[-0.5  ,  0.25 , -0.125]])
    """
    where = "ssm.convert.from_poles"
    found = _rows(where, "p", p, dtype=np.complex128)
    order = np.array([_closed(where, "p", h, row) for h, row in enumerate(found)])
    found = np.take_along_axis(found, order, 1)
    found = np.where(found.imag < 0, np.roll(found, 1, axis=1).conj(), found)
    return _core.convert_from_poles(found, thread_count(where, threads))


def reflection(a: npt.ArrayLike, *, threads: int = 1) -> FloatArray:
    """Reflection coefficients ``k`` ``(H, N)`` by the Schur-Cohn step-down: all |k| < 1 exactly where A is stable.

    A coefficient of modulus 1 ends the recursion: those below it are NaN.

    >>> reflection([[-0.9, 0.5]]).round(12)
    array([[-0.6,  0.5]])
    """
    where = "ssm.convert.reflection"
    return _core.convert_reflection(_rows(where, "a", a), thread_count(where, threads))


def from_reflection(k: npt.ArrayLike, *, threads: int = 1) -> FloatArray:
    """``a`` ``(H, N)`` from reflection coefficients: any k in (-1, 1) give a stable system.

    >>> from_reflection([[-0.6, 0.5]]).round(12)
    array([[-0.9,  0.5]])
    """
    where = "ssm.convert.from_reflection"
    return _core.convert_from_reflection(_rows(where, "k", k), thread_count(where, threads))


def is_stable(a: npt.ArrayLike, *, threads: int = 1) -> npt.NDArray[np.bool_]:
    """Whether all poles lie inside the unit circle, ``(H,)``.

    By the step-down recursion in twice the digits with a running bound of its rounding errors. Where a reflection
    coefficient is nearer to 1 than its bound, the poles decide, with discs that are certain to hold them all (Smith
    1970); what stays open counts as unstable.

    >>> is_stable([[-1.9, 0.95], [-2.1, 1.2]])
    array([ True, False])
    """
    where = "ssm.convert.is_stable"
    return _core.convert_is_stable(_rows(where, "a", a), thread_count(where, threads)) > 0


def cauchy_radius(a: npt.ArrayLike) -> FloatArray:
    """The root rho of sum |a_i| rho^-i = 1, ``(H,)``: no pole is larger, and 1 / A has |g_n| <= rho^n.

    >>> cauchy_radius([[0.25, 0.125]]).round(6)
    array([0.5])
    """
    return _core.convert_cauchy_radius(_rows("ssm.convert.cauchy_radius", "a", a))


def l1_bound(a: npt.ArrayLike) -> FloatArray:
    """Sum |a_i|, ``(H,)``: below 1 it proves stability (Montel).

    >>> l1_bound([[0.25, -0.125]])
    array([0.375])
    """
    sums: FloatArray = np.abs(_rows("ssm.convert.l1_bound", "a", a)).sum(1)
    return sums


def conditioning(a: npt.ArrayLike, *, threads: int = 1) -> FloatArray:
    """Kappa = (1 + sum |a_i|) / min |A| on the unit circle, ``(H,)``.

    Rounding in coefficients costs about 1e-16 kappa of the kernel's peak in float64, 6e-8 kappa in float32.

    >>> conditioning([[-0.5]])
    array([3.])
    """
    where = "ssm.convert.conditioning"
    return _core.convert_conditioning(_rows(where, "a", a), thread_count(where, threads))


def truncation_length(
    b: npt.ArrayLike, a: npt.ArrayLike, tolerance: float = 1e-6, *, longest: int = 1 << 20, threads: int = 1
) -> npt.NDArray[np.int64]:
    """The least L ``(H,)`` for which the kernel's |h_n|, n >= L, sum to at most ``tolerance`` of the whole.

    Certified: x^p mod A = c with sum |c| = q < 1 (Montel's bound for a multiple of A, p doubled until it holds)
    bounds everything after n by the p samples from n on, over 1 - q. Raises where none is found up to ``longest``.

    >>> truncation_length([[1.0]], [[-0.5]], 1e-3)
    array([11])
    """
    where = "ssm.convert.truncation_length"
    numerators, denominators, _ = _transfer(where, b, a)
    if not 0 < tolerance < 1:
        raise ValueError(f"{where}: tolerance must be between 0 and 1, is {tolerance}")
    found = _core.convert_truncation_length(
        numerators, denominators, float(tolerance), int(longest), thread_count(where, threads)
    )
    wrong = np.flatnonzero(found == 0)
    if len(wrong):
        _refuse(where, wrong, f"decay within longest = {longest} samples", "does not, as far as can be proven",
                "see is_stable() and raise longest")  # fmt: skip
    return found.astype(np.int64)
