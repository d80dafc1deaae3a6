"""Diagonal systems of many inputs and outputs: S5."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arrays import ComplexArray, FloatArray, finite, float_array, float_dtype, thread_count
from .common import Report
from .layer import Layer


@dataclass(frozen=True, eq=False)
class S5(Layer):
    """Diagonal state-space layer of many inputs and outputs (Smith, Warrington and Linderman 2023).

    x' = lambda x + B u, y = 2 Re(C x) + d u, one of each conjugate pair of states, sampled with step ``dt``: x_k =
    lambda_bar x_{k-1} + B_bar u_k.

    Parameters
    ----------
    lambda_ : complex ``(P/2,)``
    b : complex ``(P/2, H)``
    c : complex ``(H_out, P/2)``
    d : float ``(H,)``, feeds each input to the output of its number; 0 for none, as it must be where H_out is not H
    dt : float ``(P/2,)`` or one number, positive
    method : ``"zoh"`` or ``"bilinear"``

    Two matrix products around a recurrence, 64 samples at a time: 2 P (H + H_out) flop a sample. Set-up is done in
    double precision. Accuracy relative to the largest value: 3e-6 in float32, 1e-11 in float64 for layers as S5
    initialises them (``check()`` measures it). Inputs below 1e-18 count as silence. Raises ``ValueError`` for wrong
    shapes, ``dt <= 0`` and values that are not finite.

    >>> layer = S5(np.array([-1.0 + 2j]), np.ones((1, 3)), np.ones((2, 1)), 0, 0.1)
    >>> u = np.zeros((50, 3), np.float32); u[0, 2] = 1
    >>> bool(np.allclose(layer(u), layer.kernel(50)[:, 2].T, atol=1e-6))
    True
    """

    _where: ClassVar[str] = "ssm.S5"

    lambda_: ComplexArray
    b: ComplexArray
    c: ComplexArray
    d: FloatArray | float
    dt: FloatArray | float
    method: Literal["zoh", "bilinear"] = field(default="zoh", kw_only=True)

    def __post_init__(self) -> None:
        where = self._where
        poles = finite(where, "lambda_", self.lambda_, np.complex128)
        b = finite(where, "b", self.b, np.complex128)
        c = finite(where, "c", self.c, np.complex128)
        if poles.ndim != 1 or poles.size == 0:
            raise ValueError(f"{where}: lambda_ must have shape (P/2,), has {poles.shape}")
        if b.ndim != 2 or len(b) != poles.size or b.size == 0:
            raise ValueError(f"{where}: b must have shape ({poles.size}, H), has {b.shape}")
        if c.ndim != 2 or c.shape[1] != poles.size or c.size == 0:
            raise ValueError(f"{where}: c must have shape (H_out, {poles.size}), has {c.shape}")
        d = finite(where, "d", self.d, np.float64)
        if d.ndim == 0 and d == 0:
            d = finite(where, "d", np.zeros(0), np.float64)
        elif len(c) != b.shape[1] and d.shape != (0,):
            raise ValueError(f"{where}: d must be 0 where there are {b.shape[1]} inputs and {len(c)} outputs")
        elif d.shape not in ((0,), b.shape[1:]):
            raise ValueError(f"{where}: d must have shape {b.shape[1:]} or be 0, has {d.shape}")
        dt = finite(where, "dt", self.dt, np.float64)
        if dt.shape not in ((), poles.shape):
            raise ValueError(f"{where}: dt must have shape {poles.shape} or be one number, has {dt.shape}")
        if not (dt > 0).all():
            raise ValueError(f"{where}: dt must be positive, is {dt.min()}")
        dt = finite(where, "dt", np.broadcast_to(dt, poles.shape), np.float64)
        if self.method not in ("zoh", "bilinear"):
            raise ValueError(f"{where}: method must be 'zoh' or 'bilinear', is {self.method!r}")
        for name, value in (("lambda_", poles), ("b", b), ("c", c), ("d", d), ("dt", dt)):
            object.__setattr__(self, name, value)
        for part in self._discrete:
            finite(where, "the discrete system", part, np.complex128)

    @cached_property
    def _discrete(self) -> tuple[ComplexArray, ComplexArray]:
        """``lambda_bar - 1`` and ``B_bar`` for B = 1, each ``(P/2,)``."""
        half = np.full((self.lambda_.size, 1), 0.5 + 0j)
        delta, gain = _core.discretize(self.lambda_[:, None], half, np.asarray(self.dt), self.method)
        return delta[:, 0], gain[:, 0]

    def _channels(self) -> int:
        return int(self.b.shape[1])

    def _packed(self, dtype: np.dtype[Any]) -> Any:
        kind = _core.Mimo32 if dtype.itemsize == 4 else _core.Mimo64
        return kind(self.lambda_, self.b, self.c, np.asarray(self.d), np.asarray(self.dt), self.method)

    def _form(self, dtype: np.dtype[Any] | None = None) -> None:
        return None

    @property
    def poles(self) -> ComplexArray:
        """The poles in discrete time, ``(P/2,)``."""
        return 1.0 + self._discrete[0]

    def resample(self, rate: float) -> S5:
        """The same system sampled with steps of ``rate * dt``: rate 2 for every second sample."""
        if not (np.isfinite(rate) and rate > 0):
            raise ValueError(f"ssm.S5.resample: rate must be positive and finite, is {rate}")
        return replace(self, dt=self.dt * rate)

    def kernel(
        self, length: int, dtype: npt.DTypeLike = "float32", *, out: FloatArray | None = None, threads: int = 1
    ) -> FloatArray:
        """The impulse responses ``(H_out, H, length)``, without ``d``: of output o to input h.

        All of them, H_out H ``length`` numbers: for looking at small layers; whole sequences go through ``__call__``.
        """
        where = "ssm.kernel"
        if length < 0:
            raise ValueError(f"{where}: length must not be negative, is {length}")
        kind = float_dtype(where, "dtype", dtype)
        make = _core.kernel32 if kind.itemsize == 4 else _core.kernel64
        shape = (len(self.c), self.b.shape[1], length)
        if out is None:
            out = np.empty(shape, kind)
        elif not isinstance(out, np.ndarray) or out.dtype != kind or not out.flags.c_contiguous:
            raise TypeError(f"{where}: out must be a writable, C-contiguous {kind.name} array")
        elif out.shape != shape:
            raise ValueError(f"{where}: out must have shape {shape}, has {out.shape}")
        delta, gain = self._discrete
        through = 2 * self.b.T * gain
        every = np.ascontiguousarray(np.broadcast_to(delta, through.shape))
        for row, weights in zip(out, self.c, strict=True):
            make(every, through * weights, length, row, thread_count(where, threads))
        return out

    def convolve(self, u: FloatArray, *, threads: int = 1) -> FloatArray:
        """The same as ``__call__`` by convolution in double precision, mode by mode: a second way, for checks."""
        u = float_array("ssm.convolve", "u", u)
        if u.ndim < 2 or u.shape[-1] != self.b.shape[1]:
            raise ValueError(f"ssm.convolve: u must have shape (..., L, {self.b.shape[1]}), has {u.shape}")
        delta, gain = self._discrete
        length = u.shape[-2]
        powers = np.power(1 + delta, np.arange(length)[:, None])
        points = 2 * max(length, 1)
        driven = np.fft.fft(u.astype(np.float64) @ (self.b.T * gain), points, axis=-2)
        states = np.fft.ifft(driven * np.fft.fft(powers, points, axis=0), axis=-2)[..., :length, :]
        y = 2 * (states @ self.c.T).real + (self.d * u if np.size(self.d) else 0.0)
        result: FloatArray = y.astype(u.dtype)
        return result

    def check(self, length: int | None = None) -> Report:
        """Poles, stability, and the step against the convolution over ``length`` samples."""
        moduli = np.abs(self.poles)
        modes = tuple(np.flatnonzero(moduli >= 1).tolist())
        unstable = tuple(range(len(self.c))) if modes else ()
        notes = (f"Modes on or outside the unit circle: {modes}",) if modes else ()
        return self._report(length, self.lambda_.size, moduli, unstable, notes)
