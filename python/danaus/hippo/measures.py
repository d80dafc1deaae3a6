"""The linear systems behind the measures."""

from __future__ import annotations

from .. import _core
from .._arrays import FloatArray


def transition(measure: str, n: int) -> tuple[FloatArray, FloatArray]:
    """``(A, B)``, float64 ``(n, n)`` and ``(n,)``, of x' = A x + B u (for ``"legs"``: x' = (A x + B u) / t).

    >>> A, B = transition("legs", 3)
    >>> A.round(3)
    array([[-1.   ,  0.   ,  0.   ],
           [-1.732, -2.   ,  0.   ],
           [-2.236, -3.873, -3.   ]])
    """
    if measure != "legs":
        raise ValueError(f"hippo.transition: measure must be 'legs' in this version, is {measure!r}")
    if n < 1:
        raise ValueError(f"hippo.transition: n must be at least 1, is {n}")
    a, b = _core.legs_transition(n)
    return a, b
