"""The kernels of :mod:`danaus.ssm` and :mod:`danaus.simplex` as operations of PyTorch on the CPU, with gradients.

Tensors are read where they lie, without a copy, and must be float32 or float64 (complex64 or complex128 where said).
Parameters are worked on in double precision inside whatever their type. Second derivatives are not supported: asking
for them raises ``NotImplementedError``. Needs PyTorch; ``danaus`` itself never imports this module.

>>> import torch
>>> u, k = torch.randn(2, 100, 3), torch.randn(3, 100, requires_grad=True)
>>> causal_convolve(u, k).square().sum().backward()
>>> k.grad.shape
torch.Size([3, 100])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core, simplex
from ._arrays import thread_count
from .ssm import S4D, gradient
from .ssm import causal_convolve as _causal_convolve

try:
    import torch
except ImportError as error:
    raise ImportError("danaus.torch needs PyTorch, which is not installed: pip install torch") from error

__all__ = [
    "causal_convolve",
    "entmax",
    "entmax_loss",
    "log_softmax",
    "rtf_kernel",
    "s4d",
    "s4d_kernel",
    "softmax",
    "sparsemax",
    "topk_softmax",
]

Array = npt.NDArray[Any]
# call(*arrays): the result, and what the gradient will want; back(memo, wanted, grad, *arrays): a gradient an array.
Call = Callable[..., tuple[Array, Any]]
Back = Callable[..., tuple[Array | None, ...]]

_REAL = (torch.float32, torch.float64)
_COMPLEX = (torch.complex64, torch.complex128)


def _array(tensor: torch.Tensor) -> Array:
    """The tensor's own memory; a copy only where it is conjugated or negated lazily."""
    array: Array = tensor.detach().resolve_conj().resolve_neg().numpy()
    return array


def _check(where: str, kinds: tuple[Any, ...], **tensors: object) -> None:
    """Raise unless all are dense tensors on the CPU, of one of the kinds."""
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor):
            raise TypeError(f"{where}: {name} must be a tensor, is {type(tensor).__name__}")
        if tensor.device.type != "cpu":
            raise ValueError(f"{where}: {name} must be on the CPU, is on {tensor.device}; move it with .cpu()")
        if tensor.layout != torch.strided:
            raise TypeError(f"{where}: {name} must be dense, is {tensor.layout}; make it so with .to_dense()")
        if tensor.dtype not in kinds:
            names = " or ".join(str(kind).removeprefix("torch.") for kind in kinds)
            raise TypeError(f"{where}: {name} must be {names}, is {str(tensor.dtype).removeprefix('torch.')}")


def _result_type(*tensors: torch.Tensor) -> str:
    """float64 where any of the tensors is of double precision, else float32."""
    return "float64" if any(t.dtype in (torch.float64, torch.complex128) for t in tensors) else "float32"


class _Once(torch.autograd.Function):  # type: ignore[misc]
    """Hands on gradients, and says in words that there are no gradients of gradients."""

    @staticmethod
    def forward(ctx: Any, where: str, count: int, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        ctx.where = where
        return tuple(tensor.clone() for tensor in tensors[:count])

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[Any, ...]:
        raise NotImplementedError(
            f"{ctx.where}: second derivatives are not supported; detach the gradient, or leave out create_graph=True"
        )


class _Call(torch.autograd.Function):  # type: ignore[misc]
    """``call`` as an operation of PyTorch, with the gradient ``back``."""

    @staticmethod
    def forward(ctx: Any, where: str, call: Call, back: Back, *tensors: torch.Tensor) -> torch.Tensor:
        result, memo = call(*map(_array, tensors))
        ctx.where, ctx.back, ctx.memo = where, back, memo
        ctx.save_for_backward(*tensors)
        return torch.from_numpy(result)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[Any, ...]:
        tensors, wanted = ctx.saved_tensors, ctx.needs_input_grad[3:]
        arrays = [_array(tensor) for tensor in tensors]
        found = ctx.back(ctx.memo, wanted, _array(grad.contiguous()), *arrays)
        results: list[Any] = [None] * len(tensors)
        for i, (tensor, value) in enumerate(zip(tensors, found, strict=True)):
            if wanted[i] and value is not None:
                real = value if tensor.is_complex() else value.real
                results[i] = torch.from_numpy(np.ascontiguousarray(real)).to(tensor.dtype)
        if torch.is_grad_enabled():  # create_graph=True: the results may be differentiated
            given = [i for i, value in enumerate(results) if value is not None]
            once = _Once.apply(ctx.where, len(given), *(results[i] for i in given), grad, *tensors)
            for i, value in zip(given, once, strict=True):
                results[i] = value
        return None, None, None, *results


def causal_convolve(u: torch.Tensor, k: torch.Tensor, *, threads: int = 1) -> torch.Tensor:
    """:func:`danaus.ssm.causal_convolve` of ``u`` ``(..., L, H)`` with ``k`` ``(H, K)``, float32 or float64.

    >>> causal_convolve(torch.tensor([[1.0], [0.0], [2.0]]), torch.tensor([[1.0, 0.5]])).shape
    torch.Size([3, 1])
    """
    where = "danaus.torch.causal_convolve"
    _check(where, _REAL, u=u, k=k)
    if u.dtype != k.dtype:
        raise TypeError(f"{where}: k must be {u.dtype}, as u is, but is {k.dtype}")
    count = thread_count(where, threads)
    double = u.dtype == torch.float64

    def call(signal: Array, taps: Array) -> tuple[Array, None]:
        return _causal_convolve(signal, taps, threads=count), None

    def back(_: None, wanted: tuple[bool, bool], grad: Array, signal: Array, taps: Array) -> tuple[Array | None, ...]:
        if all(wanted):
            return gradient.causal_convolve_vjp(signal, taps, grad, threads=count)
        if wanted[0]:
            return (_core.convolve_back64 if double else _core.convolve_back32)(taps, grad, count), None
        return None, (_core.correlate64 if double else _core.correlate32)(signal, grad, taps.shape[1], count)

    result: torch.Tensor = _Call.apply(where, call, back, u, k)
    return result


def s4d_kernel(
    a: torch.Tensor,
    b: torch.Tensor | complex,
    c: torch.Tensor,
    dt: torch.Tensor,
    length: int,
    *,
    method: str = "zoh",
    threads: int = 1,
) -> torch.Tensor:
    """The kernel ``(H, length)`` of :class:`danaus.ssm.S4D`: ``K_l = 2 Re(sum_n c_n b_bar_n a_bar_n^l)``.

    ``a``, ``b``, ``c`` complex ``(H, N/2)``, one of each conjugate pair, ``b`` also a number; ``dt`` ``(H,)``,
    positive. ``method``: ``"zoh"``, ``"bilinear"`` or ``"dss"``, of this length. float64 where any of them is of double
    precision, else float32. Memory: the result, never N times it, nor is anything kept for the gradient.

    >>> a, dt = torch.tensor([[-0.5 + 3j]]), torch.tensor([0.1])
    >>> s4d_kernel(a, 1, torch.ones_like(a), dt, 64).shape
    torch.Size([1, 64])
    """
    where = "danaus.torch.s4d_kernel"
    _check(where, _COMPLEX, a=a, c=c)
    weights = b if isinstance(b, torch.Tensor) else torch.full_like(a.detach(), b)
    _check(where, _COMPLEX, b=weights)
    _check(where, _REAL, dt=dt)
    count, dtype = thread_count(where, threads), _result_type(a, weights, c, dt)

    def call(*arrays: Array) -> tuple[Array, S4D]:
        poles, gains, outs, steps = arrays
        layer = S4D(poles, gains, outs, np.zeros(poles.shape[:1]), steps, method=method, length=length)  # type: ignore[arg-type]
        return layer.kernel(length, dtype, threads=count), layer

    def back(layer: S4D, wanted: tuple[bool, ...], grad: Array, *arrays: Array) -> tuple[Array | None, ...]:
        found = gradient.kernel_vjp(layer, grad, threads=count)
        return found.a, found.b, found.c, found.dt

    result: torch.Tensor = _Call.apply(where, call, back, a, weights, c, dt)
    return result


def s4d(
    a: torch.Tensor,
    b: torch.Tensor | complex,
    c: torch.Tensor,
    d: torch.Tensor,
    dt: torch.Tensor,
    u: torch.Tensor,
    *,
    method: str = "zoh",
    threads: int = 1,
) -> torch.Tensor:
    """The layer :class:`danaus.ssm.S4D` over ``u`` ``(..., L, H)``: a convolution with its kernel, and ``d u``.

    Parameters as of :func:`s4d_kernel`, ``d`` ``(H,)``. The result has the type of ``u``.

    >>> a, dt = torch.tensor([[-0.5 + 3j]]), torch.tensor([0.1])
    >>> s4d(a, 1, torch.ones_like(a), torch.zeros(1), dt, torch.randn(4, 50, 1)).shape
    torch.Size([4, 50, 1])
    """
    where = "danaus.torch.s4d"
    _check(where, _REAL, d=d, u=u)
    if u.ndim < 2 or d.ndim != 1 or u.shape[-1] != d.shape[0]:
        raise ValueError(f"{where}: u must have shape (..., L, H) with d (H,), have {tuple(u.shape)}, {tuple(d.shape)}")
    k = s4d_kernel(a, b, c, dt, u.shape[-2], method=method, threads=threads)
    return causal_convolve(u, k.to(u.dtype), threads=threads) + d.to(u.dtype) * u


def rtf_kernel(b: torch.Tensor, a: torch.Tensor, h0: torch.Tensor, length: int, *, threads: int = 1) -> torch.Tensor:
    """The kernel ``(H, length)`` of H(z) = h0 + sum_i b_i z^-i / (1 + sum_i a_i z^-i), i from 1 to N.

    ``b`` ``(H, N)``, ``a`` ``(H, N)`` or ``(num_a, N)``, each row shared by H / num_a channels, ``h0`` ``(H,)``. The
    response itself, for any length, by its recurrence in double precision: no transform, so nothing wraps around.
    float64 where any of them is, else float32.

    >>> rtf_kernel(torch.tensor([[1.0]]), torch.tensor([[-0.5]]), torch.tensor([3.0]), 4)
    tensor([[3.0000, 1.0000, 0.5000, 0.2500]])
    """
    where = "danaus.torch.rtf_kernel"
    _check(where, _REAL, b=b, a=a, h0=h0)
    if b.ndim != 2 or h0.shape != b.shape[:1]:
        raise ValueError(f"{where}: h0 must have shape (H,) with b (H, N), have {tuple(h0.shape)}, {tuple(b.shape)}")
    count, dtype = thread_count(where, threads), _result_type(b, a, h0)

    def call(numerator: Array, denominator: Array, through: Array) -> tuple[Array, None]:
        k = gradient.transfer_response(numerator, denominator, length, threads=count)
        k[:, :1] += through[:, None]
        return k.astype(dtype), None

    def back(_: None, wanted: tuple[bool, ...], grad: Array, numerator: Array, denominator: Array, __: Array) -> Any:
        db, da = gradient.transfer_kernel_vjp(numerator, denominator, grad, threads=count)
        return db, da, grad[:, :1].sum(1)

    result: torch.Tensor = _Call.apply(where, call, back, b, a, h0)
    return result


def _simplex(where: str, x: torch.Tensor, call: Callable[[Array], Array], back: Callable[..., Array]) -> torch.Tensor:
    """``call`` of scores, with the gradient ``back(result, grad)``. Half precision is computed in single."""
    _check(where, (*_REAL, torch.float16, torch.bfloat16), x=x)
    if x.dtype not in _REAL:
        return _simplex(where, x.float(), call, back).to(x.dtype)

    def forward(scores: Array) -> tuple[Array, Array]:
        result = call(scores)
        return result, result

    def backward(kept: Array, wanted: tuple[bool, ...], grad: Array, _: Array) -> tuple[Array]:
        return (back(kept, grad),)

    result: torch.Tensor = _Call.apply(where, forward, backward, x)
    return result


def softmax(x: torch.Tensor, dim: int = -1, *, temperature: float = 1.0, threads: int = 1) -> torch.Tensor:
    """:func:`danaus.simplex.softmax`: like ``torch.softmax``, right to the last digits, rows of -inf give zeros.

    >>> softmax(torch.zeros(2))
    tensor([0.5000, 0.5000])
    """
    options = {"axis": dim, "temperature": temperature, "threads": threads}
    return _simplex(
        "danaus.torch.softmax",
        x,
        lambda scores: simplex.softmax(scores, **options),  # type: ignore[arg-type]
        lambda p, grad: simplex.softmax_vjp(p, grad, **options),  # type: ignore[arg-type]
    )


def log_softmax(x: torch.Tensor, dim: int = -1, *, temperature: float = 1.0, threads: int = 1) -> torch.Tensor:
    """:func:`danaus.simplex.log_softmax`: small results keep their digits.

    >>> log_softmax(torch.tensor([0.0, -20.0]))
    tensor([-2.0612e-09, -2.0000e+01])
    """
    return _simplex(
        "danaus.torch.log_softmax",
        x,
        lambda scores: simplex.log_softmax(scores, axis=dim, temperature=temperature, threads=threads),
        lambda y, grad: simplex.log_softmax_vjp(y, grad, axis=dim, temperature=temperature),
    )


def entmax(x: torch.Tensor, alpha: float | torch.Tensor = 1.5, dim: int = -1, *, threads: int = 1) -> torch.Tensor:
    """:func:`danaus.simplex.entmax`; ``alpha`` may be a tensor of one element, which then has a gradient.

    >>> entmax(torch.tensor([1.0, 0.0, -2.0]))
    tensor([0.8307, 0.1693, 0.0000])
    """
    where = "danaus.torch.entmax"
    if not isinstance(alpha, torch.Tensor):
        power = float(alpha)
        return _simplex(
            where,
            x,
            lambda scores: simplex.entmax(scores, power, axis=dim, threads=threads),
            lambda p, grad: simplex.entmax_vjp(p, grad, power, axis=dim, threads=threads),
        )
    _check(where, _REAL, x=x, alpha=alpha)
    if alpha.numel() != 1:
        raise ValueError(f"{where}: alpha must have one element, has shape {tuple(alpha.shape)}")

    def call(scores: Array, given: Array) -> tuple[Array, Array]:
        p = simplex.entmax(scores, float(given.reshape(-1)[0]), axis=dim, threads=threads)
        return p, p

    def back(p: Array, wanted: tuple[bool, ...], grad: Array, _: Array, given: Array) -> tuple[Array | None, ...]:
        power = float(given.reshape(-1)[0])
        dx = simplex.entmax_vjp(p, grad, power, axis=dim, threads=threads) if wanted[0] else None
        slope = np.sum(simplex.entmax_alpha_vjp(p, grad, power, axis=dim)) if wanted[1] else None
        return dx, None if slope is None else np.full(given.shape, slope)

    result: torch.Tensor = _Call.apply(where, call, back, x, alpha)
    return result


def sparsemax(x: torch.Tensor, dim: int = -1, *, threads: int = 1) -> torch.Tensor:
    """:func:`danaus.simplex.sparsemax`.

    >>> sparsemax(torch.tensor([1.0, 0.9, -2.0]))
    tensor([0.5500, 0.4500, 0.0000])
    """
    return entmax(x, 2.0, dim, threads=threads)


def topk_softmax(x: torch.Tensor, k: int, dim: int = -1, *, threads: int = 1) -> torch.Tensor:
    """:func:`danaus.simplex.topk_softmax`: softmax of the k largest, 0 elsewhere.

    >>> topk_softmax(torch.tensor([1.0, 1.0, 1.0, 0.0]), 2)
    tensor([0.5000, 0.5000, 0.0000, 0.0000])
    """
    return _simplex(
        "danaus.torch.topk_softmax",
        x,
        lambda scores: simplex.topk_softmax(scores, k, axis=dim, threads=threads),
        lambda p, grad: simplex.softmax_vjp(p, grad, axis=dim, threads=threads),
    )


def entmax_loss(x: torch.Tensor, labels: torch.Tensor, alpha: float = 1.5, *, threads: int = 1) -> torch.Tensor:
    """:func:`danaus.simplex.entmax_loss` of ``x`` ``(..., classes)``, a loss a row; 2 is sparsemax's, 1 cross-entropy.

    >>> entmax_loss(torch.tensor([[0.0, 0.0]]), torch.tensor([0]), 2.0)
    tensor([0.2500])
    """
    where = "danaus.torch.entmax_loss"
    _check(where, _REAL, x=x)
    targets = _array(labels)

    def call(scores: Array) -> tuple[Array, None]:
        return np.asarray(simplex.entmax_loss(scores, targets, alpha, threads=threads)), None

    def back(_: None, wanted: tuple[bool, ...], grad: Array, scores: Array) -> tuple[Array]:
        return (simplex.entmax_loss_grad(scores, targets, alpha, threads=threads) * grad[..., None],)

    result: torch.Tensor = _Call.apply(where, call, back, x)
    return result
