"""The linear systems behind the measures."""

from __future__ import annotations

import math
from operator import index
from typing import Any

from .. import _core
from .._arrays import ComplexArray, FloatArray

_OPTIONS = {
    "legt": ("theta",),
    "lmu": ("theta",),
    "tlagt": ("beta",),
    "glagt": ("alpha", "beta"),
    "fout": ("theta",),
    "fourier_decay": ("theta",),
    "fourier_sliding": ("theta",),
}


def transition(
    measure: str, n: int, **options: float
) -> tuple[FloatArray, FloatArray] | tuple[ComplexArray, ComplexArray]:
    """``(A, B)``, ``(n, n)`` and ``(n,)``, of x' = A x + B u, whose state holds the past of u.

    With r_m = sqrt(2m + 1), P_m and L_m the polynomials of Legendre and Laguerre, phi = 1, 0, sqrt2 cos(a), sqrt2
    sin(a), sqrt2 cos(2a), ... and tau the age of a sample:

    =====================  =========================  ===========================================================
    measure                past it covers             how the past comes back from the state x
    =====================  =========================  ===========================================================
    ``"legs"``             all of [0, t], evenly      u(s) = sum x_m r_m P_m(2 s / t - 1)
    ``"legs"`` as LTI      all, weight exp(-tau)      u(t - tau) = sum x_m r_m P_m(2 exp(-tau) - 1)
    ``"legt"``             the last ``theta``         u(t - tau) = sum x_m r_m P_m(1 - 2 tau / theta)
    ``"lmu"``              the last ``theta``         u(t - tau) = sum x_m P_m(2 tau / theta - 1)
    ``"lagt"``             all, weight 1              u(t - tau) = sum x_m exp(-tau/2) L_m(tau)
    ``"tlagt"``            all, weight exp(-beta tau) u(t - tau) = sum x_m exp(-(1 - beta) tau/2) L_m(tau) / beta
    ``"glagt"``            all, tilted                u(t - tau) = tau^alpha exp(-(1 - beta) tau/2) sum x_m l_m / c
    ``"fout"``             the last ``theta``         u(t - tau) = sum x_m phi_m(2 pi tau / theta)
    ``"foud"``             all, folded at 1           exp(tau/2) sum x_m phi_m(2 pi tau) = sum_j exp(-j/2) u(t-tau-j)
    ``"fourier_decay"``    all, folded at ``theta``   sum x_m phi_m(2 pi tau / theta) = 2/3 sum_j 3^-j u(t-tau-j theta)
    ``"fourier_sliding"``  the same                   the same = sum x_m exp(-2 pi i m tau / theta), abs(m) <= M
    ``"fous"``             all of [0, t], evenly      u(s) = sum x_m exp(2 pi i m s / t), abs(m) <= M
    =====================  =========================  ===========================================================

    ``"legs"`` and ``"fous"`` run in scale mode, x' = (A x + B u) / t (:func:`discretize_scale`); the others, and
    ``"legs"`` as S4 uses it, as they stand (:func:`discretize`). In ``"glagt"`` l_m are orthonormal under
    tau^alpha exp(-tau), and c^2 = beta^(1 - alpha) / Gamma(1 - alpha). All converge with ``n`` on smooth input; the
    Fourier measures only where the covered past is smooth and periodic, else they ring at its ends.

    Parameters
    ----------
    measure : a name of the table
    n : states; even for ``"fout"``, ``"foud"``, ``"fourier_decay"``, which come in pairs (cos, sin), of which state 1,
        the sine of frequency 0, stays 0; odd for ``"fourier_sliding"`` and ``"fous"``, which are complex128, their
        entry i being the frequency m = i - (n - 1) / 2. The others are float64
    theta : the window, by default 1, for ``"fout"`` and ``"fourier_decay"`` 2 as in S4 (whose ``fourier2`` is 1, and
        whose ``legt`` is 2)
    alpha, beta : of the Laguerre measures: -1 < alpha < 1, by default 0; beta > 0, by default 1 (``"tlagt"``), 0.01
        (``"glagt"``). ``"tlagt"`` with beta 1 is the HiPPO paper's LagT, ``"lagt"`` is S4's: they differ in what they
        reconstruct with

    Sources: Gu, Dao, Ermon, Rudra and Re 2020 (LegS, LegT, LagT); Voelker, Kajic and Eliasmith 2019 (LMU); Gu,
    Johnson, Timalsina, Rudra and Re 2023 (Fourier); Su Jianlin, kexue.fm 10114, 10137 (sliding Fourier, FouS).

    >>> A, B = transition("legs", 3)
    >>> A.round(3)
    array([[-1.   ,  0.   ,  0.   ],
           [-1.732, -2.   ,  0.   ],
           [-2.236, -3.873, -3.   ]])
    >>> transition("lmu", 2, theta=10.0)[1]
    array([ 0.1, -0.3])
    """
    a, b = _core.hippo_transition(measure, *_checked("hippo.transition", measure, n, options))
    return a, b


def nplr(
    measure: str, n: int, *, half: bool = False, **options: float
) -> tuple[ComplexArray, ComplexArray, ComplexArray, ComplexArray]:
    """``(lambda_, p, b, v)``: A as normal plus low rank, A = V (diag(lambda_) - sum_r p_r p_r^*) V^*, b = V^* B.

    ``lambda_``, ``b`` ``(n,)``, ``p`` ``(rank, n)``, ``v`` ``(n, n)`` with orthonormal columns, all by rising imaginary
    part of lambda_. The rank is 2 for ``"legt"``, else 1 (``"foud"`` is normal: p = 0). The phase of a column is the
    one in which p_0 is real and positive. ``"lmu"`` and ``"glagt"`` have no such form of their own, but are similar to
    ``"legt"`` and ``"tlagt"`` by diagonal matrices; for ``"fous"`` see :func:`diagonalize`.

    With ``half=True`` of each conjugate pair the one above the real axis, ``(rounded-up n/2)`` columns, as
    :class:`danaus.ssm.S4` takes them; an eigenvalue without a partner has its column, p and b divided by sqrt2, so that
    2 Re counts it once. For an output C x give S4 ``c = C @ v``.

    ``"legs"`` and the Laguerre measures come in closed form, without an eigensolver: lambda = -1/2 +- i w for
    sum_m atan(2 w / (2m + 1)) = (n - 1) pi / 2 - j pi, p = F'(w)^(-1/2), F that sum; found in arithmetic that gives the
    same bits on every machine. Residual and orthogonality at n = 1024: 1e-13, for Laguerre 4e-13.

    Parameters
    ----------
    measure, n, options : as for :func:`transition`
    half : one of each conjugate pair

    >>> import danaus
    >>> from danaus.hippo import discretize
    >>> lambda_, p, b, v = nplr("legs", 64, half=True)
    >>> c = np.eye(64)[:1] @ v
    >>> layer = danaus.ssm.S4(lambda_[None], p[:, None], b[None], c, [0.0], [0.01])
    >>> A, B = transition("legs", 64)
    >>> ad, bd = discretize(A, B, 0.01)
    >>> bool(np.allclose(layer.kernel(2, "float64"), [bd[0], (ad @ bd)[0]], rtol=0, atol=1e-14))
    True
    """
    count, *given = _checked("hippo.nplr", measure, n, options)
    lambda_, p, b, v = _core.hippo_nplr(measure, count, bool(half), *given)
    return lambda_, p, b, v


def _checked(where: str, measure: str, n: int, options: dict[str, Any]) -> tuple[int, float, float, float]:
    if not isinstance(measure, str):
        raise TypeError(f"{where}: measure must be a string, is {measure!r}")
    values = dict(zip(("theta", "alpha", "beta"), _core.hippo_default_options(measure), strict=True))
    for name, value in options.items():
        if name not in _OPTIONS.get(measure, ()):
            taken = " and ".join(_OPTIONS.get(measure, ())) or "none"
            raise TypeError(f"{where}: options of {measure!r} must be among its own ({taken}), got {name!r}")
        try:
            values[name] = float(value)
        except (TypeError, ValueError):
            raise TypeError(f"{where}: {name} must be a number, is {value!r}") from None
        if math.isnan(values[name]):
            raise ValueError(f"{where}: {name} must be a number, is nan")
    try:
        count = index(n)
    except TypeError:
        raise TypeError(f"{where}: n must be an integer, is {n!r}") from None
    if not 1 <= count <= _LARGEST:
        raise ValueError(f"{where}: n must be at least 1 and at most {_LARGEST}, is {count}")
    return count, values["theta"], values["alpha"], values["beta"]


_LARGEST = 16384
