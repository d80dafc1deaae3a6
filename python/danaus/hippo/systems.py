"""Systems in discrete time."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arrays import ComplexArray, FloatArray, finite

_ALPHA = {"forward_euler": 0.0, "bilinear": 0.5, "backward_euler": 1.0, "zoh": np.nan}
_SCALE = ("zoh", "bilinear", "hippo_bilinear", "kexue_bilinear", "forward_euler", "backward_euler")

Pair = tuple[FloatArray, FloatArray] | tuple[ComplexArray, ComplexArray]


def discretize(
    a: npt.ArrayLike, b: npt.ArrayLike, dt: npt.ArrayLike, *, method: str = "bilinear", alpha: float | None = None
) -> Pair:
    """``(ad, bd)`` of x_{k+1} = ad x_k + bd u_k for x' = a x + b u, with u_k held over a step ``dt``.

    ======================  ===========================================================================  =============
    method                  ad, bd                                                                       stays stable
    ======================  ===========================================================================  =============
    ``"forward_euler"``     I + dt a, dt b                                                               small dt only
    ``"backward_euler"``    (I - dt a)^-1, (I - dt a)^-1 dt b                                            always
    ``"bilinear"``          (I - dt a/2)^-1 (I + dt a/2), (I - dt a/2)^-1 dt b                           always
    ``alpha=``              (I - alpha dt a)^-1 (I + (1 - alpha) dt a), (I - alpha dt a)^-1 dt b         alpha >= 1/2
    ``"zoh"``               exp(dt a), integral of exp(s a) b over [0, dt]: exact, singular a included   always
    ======================  ===========================================================================  =============

    Parameters
    ----------
    a : ``(n, n)``, or ``(n,)`` for a diagonal system; real or complex
    b : ``(n,)``
    dt : a positive number, or an array of them, whose axes come first in ``ad`` and ``bd``
    method : a name of the table
    alpha : 0 to 1, the generalised bilinear rule in place of ``method``

    Returns ``ad`` ``(..., n, n)`` or ``(..., n)``, ``bd`` ``(..., n)`` in float64, complex128 where a or b is complex.
    Accurate to rounding: entries of diagonal systems to a few units in the last place at any dt; an exact step to about
    1e-16 (1 + dt |a|) of its largest entry in the 1-norm, what rounding a costs. Raises ``ValueError`` where
    ``I - alpha dt a`` has no inverse, where the result is not finite, and for an exact step with dt |a| > 1e12, which
    would have no digits. Warns (``UserWarning``) where alpha < 1/2 and dt is beyond :func:`largest_step`: the state
    then grows without bound; for a dense ``a`` that is not triangular this takes its eigenvalues.

    >>> from danaus.hippo import transition
    >>> A, B = transition("legt", 2)
    >>> ad, bd = discretize(A, B, 0.1)
    >>> ad.round(3), bd.round(3)
    (array([[ 0.893,  0.143],
           [-0.143,  0.728]]), array([0.107, 0.143]))
    >>> discretize([0.0, -1.0], [1.0, 1.0], [1e-3, 0.5], method="zoh")[1].round(7)
    array([[0.001    , 0.0009995],
           [0.5      , 0.3934693]])
    """
    where = "hippo.discretize"
    system, gain = _system(where, a, b)
    step = finite(where, "dt", dt, np.float64)
    if not (step > 0).all():
        raise ValueError(f"{where}: dt must be positive, is {step.min()}")
    share = _share(where, method, alpha)
    if share < 0.5:
        _warn(where, system, share, float(step.max(initial=0)), "dt")
    ad, bd = _core.hippo_discretize(system, gain, step.ravel(), share)
    return ad.reshape(step.shape + system.shape), bd.reshape(step.shape + gain.shape)


def discretize_scale(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    t0: npt.ArrayLike,
    t1: npt.ArrayLike,
    *,
    method: str = "bilinear",
    alpha: float | None = None,
) -> Pair:
    """``(ad, bd)`` of the step from t0 to t1 of x' = (a x + b u) / t, with u held between: LegS and FouS.

    In the time log t such a system is x' = a x + b u; all but the last two methods are :func:`discretize` with the
    step h that stands here.

    ======================  ==========================================================================================
    method                  the step
    ======================  ==========================================================================================
    ``"zoh"``               exact, h = log(t1 / t0). At t0 = 0 what any time leads to: ad = 0, bd = -a^-1 b
    ``"bilinear"``          bilinear, h = log(t1 / t0): second order
    ``"hippo_bilinear"``    bilinear, h = 2 (t1 - t0) / (t0 + t1): second order
    ``alpha=``              generalised bilinear, h = log(t1 / t0)
    ``"forward_euler"``     forward Euler, h = (t1 - t0) / t0: first order; grows to overflow before it decays
    ``"backward_euler"``    backward Euler, h = (t1 - t0) / t1: first order
    ``"kexue_bilinear"``    (I - g1 a)^-1 ((I + g0 a) x + 2 g0 b u), g0 = (t1 - t0) / 2 t0, g1 = (t1 - t0) / 2 t1
    ======================  ==========================================================================================

    Where the samples sit: u is constant from t0 to t1. Published code steps with A / k for the sample u_k, k = 1, 2,
    ...: its forward Euler is t0 = k, t1 = k + 1, so that u_k is held over [k, k + 1); its backward Euler t0 = k - 1,
    t1 = k; its bilinear rule is ``"hippo_bilinear"`` with t0 = k - 1/2, t1 = k + 1/2, so that u_k is *centred* at k and
    u_0 fills [0, 1/2). Read with the samples of forward Euler, that rule loses an order.

    Parameters
    ----------
    a, b : as for :func:`discretize`
    t0, t1 : ``0 <= t0 < t1``, broadcast against each other; their axes come first in the results. t0 = 0 suits
        ``"zoh"``, ``"hippo_bilinear"`` and ``"backward_euler"``
    method, alpha : the table

    Errors and warnings as for :func:`discretize`.

    >>> from danaus.hippo import transition
    >>> A, B = transition("legs", 3)
    >>> ad, bd = discretize_scale(A, B, 0.0, 1.0, method="zoh")  # a first sample is remembered as a constant
    >>> bd + 0.0
    array([1., 0., 0.])
    >>> k = np.arange(1.0, 4.0)
    >>> ad, bd = discretize_scale(A, B, k - 0.5, k + 0.5, method="hippo_bilinear")
    >>> bool(np.allclose(ad[1], np.linalg.solve(np.eye(3) - A / 4, np.eye(3) + A / 4)))
    True
    """
    where = "hippo.discretize_scale"
    system, gain = _system(where, a, b)
    start, end = finite(where, "t0", t0, np.float64), finite(where, "t1", t1, np.float64)
    try:
        start, end = np.broadcast_arrays(start, end)
    except ValueError:
        raise ValueError(f"{where}: t0 and t1 must broadcast together, have {start.shape} and {end.shape}") from None
    if not (start >= 0).all():
        raise ValueError(f"{where}: t0 must not be negative, is {start.min()}")
    if not (end > start).all():
        i = tuple(int(k) for k in np.argwhere(~(end > start))[0])
        raise ValueError(f"{where}: t1 must be after t0, is {end[i]} after {start[i]}")
    if alpha is not None:
        number, share = len(_SCALE), _share(where, method, alpha)
    elif method in _SCALE:
        number, share = _SCALE.index(method), 0.0 if method == "forward_euler" else 0.5
    else:
        raise ValueError(f"{where}: method must be one of {', '.join(map(repr, _SCALE))}, is {method!r}")
    if not (start > 0).all() and not (alpha is None and method in ("zoh", "hippo_bilinear", "backward_euler")):
        raise ValueError(f"{where}: t0 must be positive for {method!r}, is 0.0; start with 'zoh', which is exact there")
    if share < 0.5:
        with np.errstate(over="ignore"):
            ratio = (end - start) / start
        _warn(where, system, share, float((ratio if alpha is None else np.log1p(ratio)).max(initial=0)), "the step h")
    ad, bd = _core.hippo_discretize_scale(
        system, gain, np.ascontiguousarray(start.ravel()), np.ascontiguousarray(end.ravel()), number, share
    )
    return ad.reshape(start.shape + system.shape), bd.reshape(start.shape + gain.shape)


def diagonalize(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[ComplexArray, ComplexArray, ComplexArray]:
    """``(lambda_, b, v)``: A = V diag(lambda_) V^-1 and b = V^-1 B, the system in coordinates of its own.

    ``lambda_``, ``b`` ``(n,)`` by rising imaginary part, ``v`` ``(n, n)`` with columns of length 1, in the phase in
    which b is positive. FouS is the measure for it: V has a condition number of 3 (n = 17) to 11 (n = 257), so that its
    exact step through any time is diagonal, (t0 / t1)^(-lambda), O(n). ``"foud"``, whose V is unitary, is another.
    Raises ``ValueError`` where the condition number of V is above 1e8, as that of LegS is from n = 13 on: :func:`nplr`
    is accurate for those.

    Parameters
    ----------
    a : ``(n, n)``, real or complex
    b : ``(n,)``

    >>> from danaus.hippo import transition
    >>> lambda_, b, v = diagonalize(*transition("fous", 65))
    >>> bool(np.abs(lambda_.real + 1).max() < 1e-11), round(float(np.linalg.cond(v)))
    (True, 6)
    >>> ad, bd = discretize_scale(lambda_, b, 10.0, 17.5, method="zoh")
    >>> ad.shape
    (65,)
    """
    where = "hippo.diagonalize"
    system, gain = _system(where, a, b)
    if system.ndim != 2:
        raise ValueError(f"{where}: a must have shape (n, n), has {system.shape}")
    poles, v = np.linalg.eig(system)
    order = np.lexsort((poles.real, poles.imag))
    lambda_, v = poles[order].astype(np.complex128), v[:, order].astype(np.complex128)
    condition = float(np.linalg.cond(v))
    if not condition <= 1e8:
        raise ValueError(
            f"{where}: the eigenvectors of a must have a condition number of at most 1e8, have {condition:.1e}; "
            "nplr keeps the digits of a HiPPO system"
        )
    inside = np.linalg.solve(v, gain)
    size = np.abs(inside)
    turn = np.where(size > 0, inside / np.where(size > 0, size, 1), 1)
    return lambda_, size.astype(np.complex128), v * turn


def largest_step(a: npt.ArrayLike, *, alpha: float = 0.0) -> float:
    """The largest ``dt`` at which forward Euler, or the generalised bilinear rule, keeps x' = a x from growing.

    The least of -2 Re(l) / ((1 - 2 alpha) abs(l)^2) over the eigenvalues l of ``a`` ``(n, n)`` or ``(n,)``; infinity
    for alpha >= 1/2, 0 where a mode grows by itself. States at rest do not count. In scale mode it bounds the step h of
    :func:`discretize_scale`. Below it modes decay in the end; where they are far from orthogonal, as those of LegS, the
    state may still grow by many orders first.

    >>> from danaus.hippo import transition
    >>> round(1 / largest_step(transition("lmu", 16)[0]), 1)  # the shortest window, in samples, for forward Euler
    59.7
    """
    where = "hippo.largest_step"
    system = _matrix(where, a)
    return _limit(system, _between(where, alpha))


def _limit(system: npt.NDArray[Any], alpha: float) -> float:
    if system.ndim == 1 or not np.triu(system, 1).any() or not np.tril(system, -1).any():
        poles, tiny = (system if system.ndim == 1 else np.diag(system)), 0.0
    else:
        poles = np.linalg.eigvals(system)
        tiny = len(system) * float(np.finfo(float).eps * np.abs(system).sum(0).max())
    return float(_core.hippo_largest_step(np.ascontiguousarray(poles, np.complex128), alpha, tiny))


def _warn(where: str, system: npt.NDArray[Any], alpha: float, step: float, name: str) -> None:
    longest = _limit(system, alpha)
    if step > longest * (1 + 1e-9):
        rule = "forward Euler" if alpha == 0 else f"the rule with alpha {alpha}"
        warnings.warn(
            f"{where}: {name} must be at most {longest:.3g} for {rule} to be stable, is {step:.3g}: the state will "
            "grow without bound; take smaller steps, or 'bilinear', 'backward_euler' or 'zoh'",
            stacklevel=3,
        )


def _share(where: str, method: str, alpha: float | None) -> float:
    if alpha is None:
        if method not in _ALPHA:
            raise ValueError(f"{where}: method must be one of {', '.join(map(repr, _ALPHA))}, is {method!r}")
        return _ALPHA[method]
    if method != "bilinear":
        raise ValueError(f"{where}: alpha must be None with method {method!r}, is {alpha}")
    return _between(where, alpha)


def _between(where: str, alpha: float) -> float:
    try:
        share = float(alpha)
    except (TypeError, ValueError):
        raise TypeError(f"{where}: alpha must be a number, is {alpha!r}") from None
    if not 0 <= share <= 1:
        raise ValueError(f"{where}: alpha must be between 0 and 1, is {share}")
    return share


def _matrix(where: str, a: npt.ArrayLike) -> npt.NDArray[Any]:
    system = finite(where, "a", a, _kind(a))
    if system.ndim not in (1, 2) or system.size == 0 or len(set(system.shape)) > 1:
        raise ValueError(f"{where}: a must have shape (n, n) or (n,), has {system.shape}")
    return system


def _system(where: str, a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    kind = np.result_type(_kind(a), _kind(b))
    system, gain = _matrix(where, a).astype(kind), finite(where, "b", b, kind)
    if gain.shape != system.shape[:1]:
        raise ValueError(f"{where}: b must have shape {system.shape[:1]}, has {gain.shape}")
    return system, gain


def _kind(values: npt.ArrayLike) -> type[np.float64] | type[np.complex128]:
    return np.complex128 if np.asarray(values).dtype.kind == "c" else np.float64
