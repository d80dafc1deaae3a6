"""Diagonal plus low rank systems, one input and one output a channel: S4."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import index
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arrays import ComplexArray, FloatArray, finite, float_dtype, thread_count
from .common import Report
from .layer import Layer, through

# float64 keeps 16 digits: beyond this condition fewer than 8 of them are left of a truncated C.
_DOUBTFUL = 1e8


@dataclass(frozen=True, eq=False)
class S4(Layer):
    """Diagonal plus low rank state-space layer (Gu, Goel and Re 2022).

    Per channel x' = A x + B u, y = C x + d u with A = diag(lambda) - sum_r p_r q_r^* on the full spectrum, of which
    every argument holds one of each conjugate pair. Sampled with step ``dt`` by the bilinear rule: the output at time
    k is ``sum_l K_l u_{k-l} + d u_k`` with ``K_l = 2 Re(c . A_bar^l B_bar)``.

    Parameters
    ----------
    lambda_, b, c : complex ``(H, N/2)``; ``c`` is the true C, for the truncated one see ``from_truncated``
    p : complex ``(rank, H, N/2)``, rank 1 to 4; HiPPO-LegS has rank 1, LegT rank 2
    d : float ``(H,)``, the feedthrough
    dt : float ``(H,)``, positive
    method : ``"bilinear"``
    q : as ``p``; ``None`` for ``q = p``, as official checkpoints have it (they store P, and use Q = conj(P))

    A step costs O(N rank): A_bar = 2 (I - dt A / 2)^-1 - I is diagonal but for one correction. Set-up is done in double
    precision. Accuracy relative to the largest value: kernels 2e-7 in float32, 1e-12 in float64; steps and scans 3e-6
    and 1e-11 for HiPPO and trained-like layers (``check()`` measures it). Inputs below 1e-18 count as silence. Raises
    ``ValueError`` for wrong shapes, ``dt <= 0``, values that are not finite, and where 2 / dt is an eigenvalue of A.

    >>> n = np.arange(8)
    >>> layer = S4(-0.5 + 1j * np.pi * n[None], np.ones((1, 1, 8)), np.ones((1, 8)), np.ones((1, 8)), np.zeros(1),
    ...            np.full(1, 0.01))
    >>> u = np.zeros((100, 1), np.float32); u[0] = 1
    >>> bool(np.allclose(layer(u)[:, 0], layer.kernel(100)[0], atol=1e-6))
    True
    """

    _where: ClassVar[str] = "ssm.S4"
    _unpickled: ClassVar[tuple[str, ...]] = (*Layer._unpickled, "_system")

    lambda_: ComplexArray
    p: ComplexArray
    b: ComplexArray
    c: ComplexArray
    d: FloatArray
    dt: FloatArray
    method: Literal["bilinear"] = field(default="bilinear", kw_only=True)
    q: ComplexArray | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        where = self._where
        poles = finite(where, "lambda_", self.lambda_, np.complex128)
        if poles.ndim != 2 or poles.size == 0:
            raise ValueError(f"{where}: lambda_ must have shape (H, N/2), has {poles.shape}")
        p = finite(where, "p", self.p, np.complex128)
        if p.ndim != 3 or p.shape[1:] != poles.shape or not 1 <= len(p) <= 4:
            raise ValueError(f"{where}: p must have shape (rank, *{poles.shape}) with rank 1 to 4, has {p.shape}")
        parts = {"lambda_": poles, "p": p}
        for name, shape, dtype in (
            ("b", poles.shape, np.complex128),
            ("c", poles.shape, np.complex128),
            ("d", poles.shape[:1], np.float64),
            ("dt", poles.shape[:1], np.float64),
            ("q", p.shape, np.complex128),
        ):
            if name == "q" and self.q is None:
                continue
            parts[name] = finite(where, name, getattr(self, name), dtype)
            if parts[name].shape != shape:
                raise ValueError(f"{where}: {name} must have shape {shape}, has {parts[name].shape}")
        if not (parts["dt"] > 0).all():
            raise ValueError(f"{where}: dt must be positive, is {parts['dt'].min()}")
        if self.method != "bilinear":
            raise ValueError(f"{where}: method must be 'bilinear', is {self.method!r}")
        for name, value in parts.items():
            object.__setattr__(self, name, value)
        if not self._system.finite:
            raise ValueError(f"{where}: the discrete system must be finite, overflows; scale dt, lambda_ or p")

    @classmethod
    def from_truncated(
        cls,
        lambda_: ComplexArray,
        p: ComplexArray,
        b: ComplexArray,
        c: ComplexArray,
        d: FloatArray,
        dt: FloatArray,
        length: int,
        *,
        method: Literal["bilinear"] = "bilinear",
        q: ComplexArray | None = None,
        threads: int = 1,
    ) -> S4:
        """A layer from the C that official S4 checkpoints hold: ``c`` = C (I - A_bar^length).

        ``length`` is the checkpoint's ``l_kernel``. Where training doubled it, C was multiplied by I + A_bar^length
        each time, which is C (I - A_bar^(2 length)): the last length is the one to give. The passage back solves with
        I - A_bar^length, and loses as many digits as its condition number has: 4 for HiPPO-LegS at dt length = 1, 1e4
        for undamped systems. Warns (``UserWarning``) above 1e8, refuses what is singular; ``truncated_kernel`` needs no
        solve.
        """
        where = "ssm.S4.from_truncated"
        given = cls(lambda_, p, b, c, d, dt, method=method, q=q)
        true, condition = given._system.untruncated(_length(where, length), thread_count(where, threads))
        if condition.max() > _DOUBTFUL:
            worst = int(condition.argmax())
            warnings.warn(
                f"{where}: the condition number of I - A_bar^{length} is {condition[worst]:.1e} in channel {worst}: "
                f"only about {max(0, round(16 - np.log10(condition[worst])))} digits of C are left; within "
                f"{length} samples S4.truncated_kernel is accurate",
                stacklevel=2,
            )
        return replace(given, c=true)

    @staticmethod
    def truncated_kernel(
        lambda_: ComplexArray,
        p: ComplexArray,
        b: ComplexArray,
        c: ComplexArray,
        dt: FloatArray,
        length: int,
        *,
        q: ComplexArray | None = None,
        threads: int = 1,
    ) -> FloatArray:
        """The kernel ``(H, length)``, float64, of a truncated ``c`` over the length it was made for.

        By the generating function at the roots of unity, a Cauchy kernel without a pole at the Nyquist frequency,
        and an inverse transform: what S4 computes in training, and another way to ``kernel``.

        >>> one = np.ones((1, 1))
        >>> truncated = one * (1 - (0.95 / 1.05) ** 4)
        >>> S4.truncated_kernel(-one, 0 * one[None], one, truncated / 2, np.full(1, 0.1), 4).round(4)
        array([[0.0952, 0.0862, 0.078 , 0.0705]])
        """
        where = "ssm.S4.truncated_kernel"
        count = _length(where, length)
        layer = S4(lambda_, p, b, c, np.zeros(np.shape(lambda_)[:1]), dt, q=q)
        spectrum = layer._system.truncated_spectrum(count, thread_count(where, threads))
        return np.fft.irfft(spectrum, n=count) if count > 1 else spectrum.real

    @cached_property
    def _system(self) -> Any:
        return _core.DplrSystem(self.lambda_, self.p, self.p if self.q is None else self.q, self.b, self.c, self.dt)

    def _channels(self) -> int:
        return len(self.d)

    def _packed(self, dtype: np.dtype[Any]) -> Any:
        return (_core.Dplr32 if dtype.itemsize == 4 else _core.Dplr64)(self._system, self.d)

    def _taps(self, length: int, dtype: np.dtype[Any], threads: int) -> FloatArray:
        return through(self.kernel(length, dtype, threads=threads), self.d)

    def _form(self, dtype: np.dtype[Any] | None = None) -> tuple[str, int, int]:
        return "s4", self.lambda_.shape[1], len(self.p)

    @property
    def poles(self) -> ComplexArray:
        """The poles in discrete time, ``(H, N)``: the eigenvalues of A_bar, by a dense solver."""
        poles: ComplexArray = np.linalg.eigvals(self._system.dense()).astype(np.complex128)
        return poles

    def resample(self, rate: float) -> S4:
        """The same system sampled with steps of ``rate * dt``: rate 2 for every second sample."""
        if not (np.isfinite(rate) and rate > 0):
            raise ValueError(f"ssm.S4.resample: rate must be positive and finite, is {rate}")
        return replace(self, dt=self.dt * rate)

    def kernel(
        self, length: int, dtype: npt.DTypeLike = "float32", *, out: FloatArray | None = None, threads: int = 1
    ) -> FloatArray:
        """The convolution kernel ``(H, length)``, without ``d``, of any length; no transform, O(N) memory a channel."""
        where = "ssm.kernel"
        if length < 0:
            raise ValueError(f"{where}: length must not be negative, is {length}")
        single = float_dtype(where, "dtype", dtype).itemsize == 4
        make = self._system.kernel32 if single else self._system.kernel64
        kernel: FloatArray = make(length, out, thread_count(where, threads))
        return kernel

    def check(self, length: int | None = None) -> Report:
        """Poles, stability, and the step against the convolution over ``length`` samples."""
        moduli = np.abs(self.poles)
        notes: tuple[str, ...] = ()
        if self.q is None and (self.lambda_.real < 0).all():
            notes = ("Stable whatever p: A + A^* = 2 Re(lambda) - 2 P P^* is negative.",)
        unstable = tuple(np.flatnonzero(moduli.max(1) >= 1).tolist())
        return self._report(length, self.lambda_.shape[1], moduli, unstable, notes)


def _length(where: str, length: int) -> int:
    try:
        count = index(length)
    except TypeError:
        raise TypeError(f"{where}: length must be an integer, is {length!r}") from None
    if count < 1:
        raise ValueError(f"{where}: length must be at least 1, is {count}")
    return count
