"""Long convolutions: whole sequences at once, or sample by sample."""

from __future__ import annotations

from .. import _core
from .._arrays import FloatArray, float_array, thread_count


def causal_convolve(u: FloatArray, k: FloatArray, *, out: FloatArray | None = None, threads: int = 1) -> FloatArray:
    """``y[..., t, h] = sum_j k[h, j] u[..., t - j, h]``, the first L samples.

    ``u`` ``(..., L, H)``, ``k`` ``(H, K)`` of the same element type, any K. By one transform of L points in the
    ring x^L = i, without zero padding. Accuracy: 1e-7 (float32), 2e-16 (float64) times log2(L) |u|_2 |k|_2.

    >>> causal_convolve(np.array([[1.0], [0.0], [2.0]]), np.array([[1.0, 0.5]])).ravel().round(12)
    array([1. , 0.5, 2. ])
    """
    where = "ssm.causal_convolve"
    u, k = float_array(where, "u", u), float_array(where, "k", k)
    convolve = _core.convolve32 if u.dtype.itemsize == 4 else _core.convolve64
    return convolve(u, k, out, thread_count(where, threads))
