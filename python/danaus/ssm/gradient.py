"""Gradients: what a loss's change by an output says about its change by the inputs (vector-Jacobian products).

The gradient of a real loss by a complex z is its derivative by Re z plus i that by Im z, as in PyTorch, so that
``z - rate * gradient`` goes downhill. Gradients of signals have the signal's element type; those of parameters, which
are kept in double precision, are double. :mod:`danaus.torch` hands all of this to PyTorch's autograd.

>>> u, k = np.ones((3, 1)), np.array([[1.0, 0.5]])
>>> du, dk = causal_convolve_vjp(u, k, np.ones((3, 1)))     # of the sum of the output
>>> dk.round(12)
array([[3., 2.]])
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arrays import ComplexArray, FloatArray, finite, float_array, thread_count
from .diagonal import S4D

__all__ = [
    "DPLRGradient",
    "S4DGradient",
    "causal_convolve_vjp",
    "dplr_kernel_vjp",
    "kernel_vjp",
    "modes_vjp",
    "scan_vjp",
    "transfer_kernel_vjp",
    "transfer_response",
]

DoubleArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class S4DGradient:
    """The gradients of a loss by the parameters of an :class:`~danaus.ssm.S4D`, of their shapes.

    >>> layer = S4D([[-1.0 + 2j]], 1, [[0.5]], [0.0], [0.1])
    >>> kernel_vjp(layer, np.ones((1, 8))).dt.shape
    (1,)
    """

    a: ComplexArray
    b: ComplexArray
    c: ComplexArray
    d: DoubleArray
    dt: DoubleArray


def _same(where: str, name: str, values: FloatArray, other: str, model: FloatArray) -> None:
    """Raise unless ``values`` has the element type and shape of ``model``."""
    if values.dtype != model.dtype:
        raise TypeError(f"{where}: {name} must be {model.dtype}, as {other} is, but is {values.dtype}")
    if values.shape != model.shape:
        raise ValueError(f"{where}: {name} must have shape {model.shape}, as {other} has, but has {values.shape}")


def _layer(where: str, layer: object) -> S4D:
    if not isinstance(layer, S4D):
        raise TypeError(f"{where}: layer must be a danaus.ssm.S4D, is {type(layer).__name__}")
    return layer


def causal_convolve_vjp(
    u: FloatArray,
    k: FloatArray,
    grad: FloatArray,
    *,
    out: tuple[FloatArray, FloatArray] | None = None,
    threads: int = 1,
) -> tuple[FloatArray, FloatArray]:
    """``(du, dk)`` of :func:`~danaus.ssm.causal_convolve`, given the gradient of its output.

    ``du[..., t, h] = sum_j k[h, j] grad[..., t + j, h]`` and
    ``dk[h, j] = sum_t grad[..., t, h] u[..., t - j, h]``, summed over the leading axes; 0 for ``j >= L``.

    ``u`` and ``grad`` ``(..., L, H)``, ``k`` ``(H, K)`` of one element type, any K; ``out``: arrays for du and dk.
    Products with conjugate spectra in the ring x^L = i, where the batch is summed: 3 transforms a sequence and 2 more.
    Accuracy: 1e-7 (float32), 2e-16 (float64) times log2(L) times ``|grad|_2 |k|_2``, and ``|grad|_2 |u|_2`` for dk.
    ``threads`` share the channels, by sixteen.

    >>> du, dk = causal_convolve_vjp(np.array([[1.0], [2.0]]), np.array([[3.0, 4.0]]), np.array([[1.0], [10.0]]))
    >>> du.ravel().round(12), dk.ravel().round(12)
    (array([43., 30.]), array([21., 10.]))
    """
    where = "ssm.gradient.causal_convolve_vjp"
    u, k, grad = float_array(where, "u", u), float_array(where, "k", k), float_array(where, "grad", grad)
    _same(where, "grad", grad, "u", u)
    if out is not None and (not isinstance(out, tuple) or len(out) != 2):
        raise TypeError(f"{where}: out must be a tuple of two arrays, for du and dk, is {type(out).__name__}")
    du, dk = (None, None) if out is None else out
    if du is not None and dk is not None and np.may_share_memory(du, dk):
        raise ValueError(f"{where}: out must be two arrays, but they share memory")
    vjp = _core.convolve_vjp32 if u.dtype.itemsize == 4 else _core.convolve_vjp64
    return vjp(u, k, grad, du, dk, thread_count(where, threads))


def modes_vjp(
    delta: ComplexArray, gain: ComplexArray, dk: FloatArray, *, threads: int = 1
) -> tuple[ComplexArray, ComplexArray]:
    """``(ddelta, dgain)`` of ``K[h, l] = sum_n Re(gain[h, n] (1 + delta[h, n])^l)``, given the gradient of K.

    ``delta`` and ``gain`` complex ``(H, N)``, ``dk`` ``(H, L)``. As matrix products with factors built in double
    precision: 8 H N L flop, no tensor of N L. Accuracy relative to ``sum_l |dk_l| |a^l|`` with a = 1 + delta (for
    ddelta ``|gain| sum_l |dk_l| l |a^(l-1)|``): at the worst 2e-5 in float32 (measured: 3e-7), (4 L + 300) 2^-53 in
    float64.

    >>> ddelta, dgain = modes_vjp(np.array([[-0.5 + 0j]]), np.array([[2.0 + 0j]]), np.array([[0.0, 1.0, 1.0]]))
    >>> ddelta.real, dgain.real
    (array([[4.]]), array([[0.75]]))
    """
    where = "ssm.gradient.modes_vjp"
    delta, gain = finite(where, "delta", delta, np.complex128), finite(where, "gain", gain, np.complex128)
    dk = float_array(where, "dk", dk)
    vjp = _core.modes_vjp32 if dk.dtype.itemsize == 4 else _core.modes_vjp64
    return vjp(delta, gain, dk, thread_count(where, threads))


def kernel_vjp(layer: S4D, dk: FloatArray, *, threads: int = 1) -> S4DGradient:
    """The gradients by the parameters of ``layer.kernel(L)``, given that of the kernel, ``dk`` ``(H, L)``.

    By :func:`modes_vjp` and the chain rule through the discretisation, in double precision; 0 for ``d``.

    >>> layer = S4D([[-1.0]], 1, [[0.5]], [0.0], [0.1], method="bilinear")
    >>> gradient = kernel_vjp(layer, layer.kernel(64, "float64"))     # of the kernel's energy, halved
    >>> bool(gradient.c[0, 0].real > 0), gradient.d
    (True, array([0.]))
    """
    where = "ssm.gradient.kernel_vjp"
    layer = _layer(where, layer)
    grad = modes_vjp(*layer._modes, dk, threads=threads)
    b = np.asarray(layer.b)
    da, dbc, ddt = _core.discretize_vjp(layer.a, b * layer.c, layer.dt, *grad, layer.method, float(layer.length or 0))
    return S4DGradient(da, layer.c.conj() * dbc, b.conj() * dbc, np.zeros(len(layer.d)), ddt)


def scan_vjp(
    layer: S4D, u: FloatArray, grad: FloatArray, *, out: FloatArray | None = None, threads: int = 1
) -> tuple[FloatArray, S4DGradient]:
    """``(du, gradients by the parameters)`` of ``layer(u)``, given the gradient of its output.

    ``u`` and ``grad`` ``(..., L, H)``; ``out``: an array for du. du is the same scan from the last sample to the
    first, with the accuracy of the scan. The parameters' gradients go through the kernel, not through the states:
    ``dk_l = sum_t grad_t u_{t-l}`` by :func:`causal_convolve_vjp`, the batch summed, then :func:`kernel_vjp`. That
    keeps no state, costs 2 transforms a sequence instead of 14 N operations a sample, and its errors do not pile up
    along the sequence.

    >>> layer = S4D([[-1.0]], 1, [[0.5]], [0.25], [0.1])
    >>> du, gradient = scan_vjp(layer, np.ones((5, 1)), np.ones((5, 1)))
    >>> du.shape, gradient.d
    ((5, 1), array([5.]))
    """
    where = "ssm.gradient.scan_vjp"
    layer = _layer(where, layer)
    u, grad = float_array(where, "u", u), float_array(where, "grad", grad)
    _same(where, "grad", grad, "u", u)
    count = thread_count(where, threads)
    if u.ndim < 2 or u.shape[-1] != len(layer.d):
        raise ValueError(f"{where}: u must have shape (..., L, {len(layer.d)}), has {u.shape}")
    correlate = _core.correlate32 if u.dtype.itemsize == 4 else _core.correlate64
    dk = correlate(u, grad, u.shape[-2], count)
    found = kernel_vjp(layer, dk, threads=count)
    through = np.einsum("th,th->h", u.reshape(-1, u.shape[-1]), grad.reshape(-1, u.shape[-1]), dtype=np.float64)
    scan = _core.scan_vjp32 if u.dtype.itemsize == 4 else _core.scan_vjp64
    du = scan(*layer._modes, layer.d, grad, out, count)
    return du, S4DGradient(found.a, found.b, found.c, through, found.dt)


@dataclass(frozen=True, eq=False)
class DPLRGradient:
    """The gradients of a loss by the parameters of :func:`dplr_kernel_vjp`, of their shapes; ``q`` only where given.

    >>> one = np.ones((1, 1), complex)
    >>> dplr_kernel_vjp(-one, one[None], one, one, np.ones(1), np.ones((1, 3))).q is None
    True
    """

    lambda_: ComplexArray
    p: ComplexArray
    q: ComplexArray | None
    b: ComplexArray
    c: ComplexArray
    dt: DoubleArray


def dplr_kernel_vjp(
    lambda_: npt.ArrayLike,
    p: npt.ArrayLike,
    b: npt.ArrayLike,
    c: npt.ArrayLike,
    dt: npt.ArrayLike,
    dk: FloatArray,
    *,
    q: npt.ArrayLike | None = None,
    threads: int = 1,
) -> DPLRGradient:
    """The gradients by the parameters of an S4 layer's kernel, given that of the kernel, ``dk`` ``(H, L)``.

    A = diag(lambda) - sum_r p_r q_r^* on the full spectrum, bilinear rule, ``K_l = 2 Re(c . A_bar^l B_bar)``; complex
    conjugate halves ``lambda_``, ``b``, ``c`` ``(H, N/2)``, ``p`` and ``q`` ``(rank, H, N/2)``, rank 1 to 4; ``q=None``
    means p, and the gradient by p is then that of both. By the recurrence forth and its adjoint back, in double
    precision: about 40 H N L flop at rank 1, any L; memory for about L / 48 + 48 states of sixteen channels.

    >>> one = np.ones((1, 1), complex)
    >>> found = dplr_kernel_vjp(-one, 0 * one[None], one, one, np.full(1, 2.0), np.array([[1.0, 0.0]]))
    >>> found.c.real, found.dt                                     # K_0 = 2 Re(c b dt / (1 + dt / 2))
    (array([[2.]]), array([0.5]))
    """
    where = "ssm.gradient.dplr_kernel_vjp"
    poles, left = finite(where, "lambda_", lambda_, np.complex128), finite(where, "p", p, np.complex128)
    right = left if q is None else finite(where, "q", q, np.complex128)
    ins, outs = finite(where, "b", b, np.complex128), finite(where, "c", c, np.complex128)
    steps = finite(where, "dt", dt, np.float64)
    if not (steps > 0).all():
        raise ValueError(f"{where}: dt must be positive, is {steps.min()}")
    grad = float_array(where, "dk", dk).astype(np.float64, copy=False)
    found = _core.dplr_vjp(poles, left, right, ins, outs, steps, grad, thread_count(where, threads))
    dl, dp, dq, db, dc, ddt = found
    return DPLRGradient(dl, dp + dq, None, db, dc, ddt) if q is None else DPLRGradient(dl, dp, dq, db, dc, ddt)


def transfer_response(b: npt.ArrayLike, a: npt.ArrayLike, length: int, *, threads: int = 1) -> DoubleArray:
    """The impulse response ``(H, length)`` of ``sum_i b_i z^-i / (1 + sum_i a_i z^-i)``, i from 1.

    ``b`` ``(H, N)``, ``a`` ``(H, N)`` or ``(num_a, N)``, each row shared by H / num_a channels. By the recurrence in
    double precision, 2 H N L flop: exact for any length; where poles lie outside the circle it overflows in the end.

    >>> transfer_response([[1.0]], [[-0.5]], 4)
    array([[0.  , 1.  , 0.5 , 0.25]])
    """
    where = "ssm.gradient.transfer_response"
    b, a = finite(where, "b", b, np.float64), finite(where, "a", a, np.float64)
    if length < 0:
        raise ValueError(f"{where}: length must not be negative, is {length}")
    return _core.transfer_response(b, a, length, thread_count(where, threads))


def transfer_kernel_vjp(
    b: npt.ArrayLike, a: npt.ArrayLike, dk: FloatArray, *, threads: int = 1
) -> tuple[DoubleArray, DoubleArray]:
    """``(db, da)`` of a transfer function's kernel, given the gradient ``dk`` ``(H, L)`` of the kernel.

    ``b`` ``(H, N)``, ``a`` ``(H, N)`` or ``(num_a, N)``, as :func:`transfer_response` takes them; the gradient by the
    feed-through h0 is ``dk[:, 0]``. With w = dk filtered from its end by 1/A: ``db_i = w_i`` and
    ``da_i = -sum_n w_n k_{n-i}``, in double precision: 6 H N L flop, no transform, the truncated kernel's own gradient
    for any L.

    >>> db, da = transfer_kernel_vjp([[1.0]], [[-0.5]], np.array([[0.0, 0.0, 1.0]]))     # k_2 = -a b
    >>> db, da
    (array([[0.5]]), array([[-1.]]))
    """
    where = "ssm.gradient.transfer_kernel_vjp"
    b, a = finite(where, "b", b, np.float64), finite(where, "a", a, np.float64)
    dk = float_array(where, "dk", dk)
    vjp = _core.transfer_vjp32 if dk.dtype.itemsize == 4 else _core.transfer_vjp64
    db, da = vjp(b, a, dk, thread_count(where, threads))
    return db, da.reshape(*a.shape[:1], -1, a.shape[1]).sum(1) if da.size else np.zeros(a.shape)
