"""Diagonal systems, one input and one output a channel: S4D and DSS."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arrays import ComplexArray, FloatArray, finite, float_dtype, thread_count
from .common import Report, Stream
from .layer import Layer, through

Method = Literal["zoh", "bilinear", "dss"]


@dataclass(frozen=True, eq=False)
class S4D(Layer):
    """Diagonal state-space layer (Gu, Gupta, Goel and Re 2022), and DSS (Gupta, Gu and Berant 2022).

    Per channel x' = a x + b u, y = 2 Re(c . x) + d u, sampled with step ``dt``. The output at time k
    is ``sum_l K_l u_{k-l} + d u_k`` with ``K_l = 2 Re(sum_n c_n b_bar_n a_bar_n^l)``.

    Parameters
    ----------
    a, b, c : complex ``(H, N/2)``; one of each conjugate pair. ``b`` may be 1 for ones.
    d : float ``(H,)``, the feedthrough
    dt : float ``(H,)``, positive
    method : ``"zoh"``, ``"bilinear"`` or ``"dss"`` (the softmax of DSS over ``length`` samples)
    length : the length of the kernels a DSS layer was trained with

    Set-up is done in double precision. Accuracy in float32, relative to the largest value: kernels 1e-6; steps and
    scans 4e-6 for layers as S4D initialises them, where rounding a pole's angle a turns it by 3e-8 ``|a| memory``
    within its memory (in samples). Where states change by less than 1/32 a sample they carry what rounding takes
    from them (twice the state), so that slow signals are not lost. Inputs below 1e-18 count as silence. Raises
    ``ValueError`` for wrong shapes, ``dt <= 0`` and values that are not finite.

    >>> n = np.arange(8)
    >>> layer = S4D(-0.5 + 1j * np.pi * n[None], 1, np.ones((1, 8)), np.zeros(1), np.full(1, 0.01))
    >>> u = np.zeros((100, 1), np.float32); u[0] = 1
    >>> bool(np.allclose(layer(u)[:, 0], layer.kernel(100)[0], atol=1e-6))
    True
    """

    _where: ClassVar[str] = "ssm.S4D"

    a: ComplexArray
    b: ComplexArray | complex
    c: ComplexArray
    d: FloatArray
    dt: FloatArray
    method: Method = field(default="zoh", kw_only=True)
    length: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        where = self._where
        a = finite(where, "a", self.a, np.complex128)
        if a.ndim != 2 or a.size == 0:
            raise ValueError(f"{where}: a must have shape (H, N/2), has {a.shape}")
        b = finite(where, "b", np.broadcast_to(self.b, a.shape) if np.ndim(self.b) == 0 else self.b, np.complex128)
        c = finite(where, "c", self.c, np.complex128)
        d = finite(where, "d", self.d, np.float64)
        dt = finite(where, "dt", self.dt, np.float64)
        for name, value, shape in (
            ("b", b, a.shape),
            ("c", c, a.shape),
            ("d", d, a.shape[:1]),
            ("dt", dt, a.shape[:1]),
        ):
            if value.shape != shape:
                raise ValueError(f"{where}: {name} must have shape {shape}, has {value.shape}")
        if not (dt > 0).all():
            raise ValueError(f"{where}: dt must be positive, is {dt.min()}")
        if self.method not in ("zoh", "bilinear", "dss"):
            raise ValueError(f"{where}: method must be 'zoh', 'bilinear' or 'dss', is {self.method!r}")
        if self.method == "dss":
            if self.length is None or self.length < 1:
                raise ValueError(
                    f"{where}: length must be the positive length a DSS layer was trained with, is {self.length}"
                )
            if not (a.real < 0).all():
                raise ValueError(
                    f"{where}: the real parts of a must be negative for dss, the largest is {a.real.max()}"
                )
        for name, value in (("a", a), ("b", b), ("c", c), ("d", d), ("dt", dt)):
            object.__setattr__(self, name, value)
        for part in self._modes:
            finite(where, "the discrete system", part, np.complex128)

    @classmethod
    def from_state_space(
        cls,
        a: npt.ArrayLike,
        b: npt.ArrayLike,
        c: npt.ArrayLike,
        d: float = 0.0,
        dt: float = 1.0,
        *,
        method: Method = "zoh",
    ) -> S4D:
        """One channel from a dense real system A ``(N, N)``, B ``(N,)``, C ``(N,)``, diagonalised.

        Raises ``ValueError`` where the eigenvectors' condition number is above 1e8: such a system
        (HiPPO-LegS itself, say) loses more than half of its digits in diagonal form.
        """
        where = "ssm.from_state_space"
        dense, inputs, outputs = (finite(where, n, v, np.float64) for n, v in (("A", a), ("B", b), ("C", c)))
        poles, gains, weights, condition = _core.diagonalize(dense, inputs, outputs)
        if condition > 1e8:
            raise ValueError(
                f"{where}: A must be safe to diagonalise, but the condition number of its eigenvectors is "
                f"{condition:.1e}; keep it in its structured form (S4) instead"
            )
        return cls(poles[None], gains[None], weights[None], np.full(1, d), np.full(1, dt), method=method)

    @cached_property
    def _modes(self) -> tuple[ComplexArray, ComplexArray]:
        return _core.discretize(self.a, np.asarray(self.b) * self.c, self.dt, self.method, float(self.length or 0))

    def _channels(self) -> int:
        return len(self.d)

    def _packed(self, dtype: np.dtype[Any]) -> Any:
        kind = _core.Diagonal32 if dtype.itemsize == 4 else _core.Diagonal64
        return kind(*self._modes, self.d)

    def _taps(self, length: int, dtype: np.dtype[Any], threads: int) -> FloatArray:
        return through(self.kernel(length, dtype, threads=threads), self.d)

    def _form(self, dtype: np.dtype[Any] | None = None) -> tuple[str, int, int]:
        return "s4d", self.a.shape[1], 0

    def _state_share(self, u: FloatArray) -> float:
        # 512 channels of 32 modes: 0.37, 0.18 and 0.13 of the scan for 1024, 4096 and 16,384 samples.
        return 0.12 + 256 / max(1, math.prod(u.shape[:-1]))

    def _go_on(self, stream: Stream, u: FloatArray, y: FloatArray, threads: int, lengths: npt.ArrayLike | None) -> None:
        stream.state = self._layer(u.dtype).state_after(u, threads=threads, lengths=lengths)

    @property
    def poles(self) -> ComplexArray:
        """The poles in discrete time, ``(H, N/2)``."""
        return 1.0 + self._modes[0]

    def resample(self, rate: float) -> S4D:
        """The same system sampled with steps of ``rate * dt``: rate 2 for every second sample.

        The ``length`` of a DSS layer becomes ``round(length / rate)`` samples: the same time.
        """
        if not (np.isfinite(rate) and rate > 0):
            raise ValueError(f"ssm.S4D.resample: rate must be positive and finite, is {rate}")
        length = None if self.length is None else max(1, round(self.length / rate))
        return replace(self, dt=self.dt * rate, length=length)

    def kernel(
        self, length: int, dtype: npt.DTypeLike = "float32", *, out: FloatArray | None = None, threads: int = 1
    ) -> FloatArray:
        """The convolution kernel ``(H, length)``, without ``d``; 2 H N ``length`` flop, no transform."""
        where = "ssm.kernel"
        if length < 0:
            raise ValueError(f"{where}: length must not be negative, is {length}")
        make = _core.kernel32 if float_dtype(where, "dtype", dtype).itemsize == 4 else _core.kernel64
        return make(*self._modes, length, out, thread_count(where, threads))

    def check(self, length: int | None = None) -> Report:
        """Poles, stability, and the step against the convolution over ``length`` samples."""
        moduli = np.abs(self.poles)
        unstable = tuple(np.flatnonzero(moduli.max(1) >= 1).tolist())
        return self._report(length, self.a.shape[1], moduli, unstable)
