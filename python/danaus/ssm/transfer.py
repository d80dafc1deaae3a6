"""Rational transfer functions: the state-free form of state-space layers (RTF)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arrays import ComplexArray, FloatArray, float_array, float_dtype, thread_count
from ._modal import Modes, modes_where_better
from .common import Report, Stream
from .convolution import Convolution, ConvolutionStream, causal_convolve
from .layer import Evaluation, Layer, prompt
from .trained import FilteredStream, Filters, coefficients, infinite_numerator

_SINGLE = 8.4
"""A kernel made in float32 loses at most 3e-7 of its peak where ``sqrt(sum g^2) max(1 + |a|_1, 2) r`` is below this, g
the response of 1 / A: each sample takes up r^2 roundings of 2^-24 of at most ``1 + |a|_1`` peaks, which go on through
g. r^2 = N / 8 + 4 in a recurrence, 6 by transforms; 0.6 of that is the most that was found in random layers."""

_TOLERANCE = 2e-6
"""Of the largest output: what float32 may lose against double precision before states become double."""


@dataclass(frozen=True, eq=False)
class TransferFunction(Layer):
    """Rational transfer functions, one a channel (Parnichkun et al. 2024, RTF).

    ``H(z) = h0 + (b_1 z^-1 + ... + b_N z^-N) / (1 + a_1 z^-1 + ... + a_N z^-N)``: the output is ``h0 u`` plus the
    answer of a recurrence of order N, for sequences of any length.

    Parameters
    ----------
    b : float ``(H, N)``
    a : float ``(H, N)``, or ``(num_a, N)``: channel h has the denominator ``h // (H // num_a)``
    h0 : float ``(H,)``, the feedthrough

    Set-up is done in double precision. Kernels are right to 3e-7 (float32), 1e-11 (float64) of their largest value
    where the coefficients are well conditioned, whatever the length. Sequences run in the transposed direct form II.
    In float32 the states are double where that form would lose more than 2e-6 of the largest output in float (a trial
    finds out when the layer is first used; ``check()`` tells). How a sequence is cut changes no bit. Inputs below 1e-18
    count as silence. Raises ``ValueError`` for wrong shapes and values that are not finite.

    >>> system = TransferFunction([[1.0]], [[-0.5]], [2.0])
    >>> system.kernel(4)
    array([[2.  , 1.  , 0.5 , 0.25]], dtype=float32)
    >>> stream = system.stream()
    >>> [float(stream.step(np.array([u], np.float32))[0]) for u in (1.0, 0.0, 0.0)]
    [2.0, 1.0, 0.5]
    """

    _where: ClassVar[str] = "ssm.TransferFunction"

    b: FloatArray
    a: FloatArray
    h0: FloatArray

    _trained: ClassVar[Filters | None] = None

    def __post_init__(self) -> None:
        where = "ssm.TransferFunction"
        b, a, h0 = coefficients(where, self.b, self.a, self.h0)
        for name, value in (("b", b), ("a", a), ("h0", h0)):
            object.__setattr__(self, name, value)

    @classmethod
    def from_truncated(
        cls, b: npt.ArrayLike, a: npt.ArrayLike, h0: npt.ArrayLike, length: int, *, quirks: bool = True
    ) -> TransferFunction:
        """The system that an RTF layer trained at ``length`` samples stands for.

        Such a layer's kernel is the first ``length`` samples of ``irfft(h0 + B / A)`` over P points, a periodic
        repetition of a response that never ends: with ``quirks`` P is ``length`` rounded up to even, coefficients
        beyond P are ignored and sample 0 contains what wraps around to it, as in the published code; without, P is
        ``length`` and sample 0 is ``h0``. The result has that kernel over the trained length, found without solving
        anything, and goes on beyond it.

        A channel with poles on or outside the unit circle, or whose recurrence loses more than 1e-7 of the kernel's
        largest value, has no such continuation: it stays a filter of ``length`` taps (``check()`` names it), and its
        kernel is 0 beyond.

        >>> system = TransferFunction.from_truncated([[0.5]], [[-0.5]], [1.0], 4)
        >>> bool(np.allclose(system.kernel(3, "float64"), np.fft.irfft(1 + np.fft.rfft([0, 0.5, 0, 0])
        ...                                                            / np.fft.rfft([1, -0.5, 0, 0]))[:3]))
        True
        """
        where = "ssm.from_truncated"
        b, a, h0 = coefficients(where, b, a, h0)
        if length < 1:
            raise ValueError(f"{where}: length must be at least 1, is {length}")
        from .convert import is_stable, l1_bound

        proven = l1_bound(a) < 1 - 1e-12  # Montel
        proven[~proven] = is_stable(a[~proven]) if not proven.all() else True
        stable = np.repeat(proven, len(b) // len(a))
        numerator, through, filters = infinite_numerator(where, b, a, h0, length, stable, quirks)
        system = cls(numerator, a, through)
        object.__setattr__(system, "_trained", filters)
        return system

    @classmethod
    def from_state_space(
        cls, A: npt.ArrayLike, B: npt.ArrayLike, C: npt.ArrayLike, D: npt.ArrayLike
    ) -> TransferFunction:
        """The transfer functions of ``x_t = A x_{t-1} + B u_{t-1}``, ``y_t = C x_t + D u_t``; see ``convert``."""
        from .convert import state_space_to_transfer

        b, a, h0 = state_space_to_transfer(A, B, C, D)
        return cls(b, a, h0)

    def to_state_space(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """``(A, B, C, D)`` of each channel: the companion form of the coefficients."""
        from .convert import transfer_to_state_space

        a, b, c, d = transfer_to_state_space(self.b, self._every_a, self.h0)
        return a, b, c, d

    def poles(self) -> ComplexArray:
        """The poles, complex ``(H, N)``."""
        from .convert import poles

        return np.repeat(poles(self.a), len(self.b) // len(self.a), axis=0)

    def is_stable(self) -> npt.NDArray[np.bool_]:
        """Whether all poles of a channel lie inside the unit circle, ``(H,)``; certified, not by finding them."""
        from .convert import is_stable

        return np.repeat(is_stable(self.a), len(self.b) // len(self.a))

    def to_modal(self) -> tuple[ComplexArray, ComplexArray]:
        """``(poles, residues)``, complex ``(H, N)``: the kernel is ``sum_i residues_i poles_i**(n - 1)`` from n = 1."""
        from .convert import transfer_to_modal

        poles, residues = transfer_to_modal(self.b, self._every_a)
        return poles, residues

    def reduce(self, order: int) -> tuple[TransferFunction, FloatArray]:
        """A system of ``order`` close to this one, and the bound of its error, ``(H,)``."""
        from .convert import reduce_transfer

        b, a, h0, bound = reduce_transfer(self.b, self._every_a, self.h0, order)
        return TransferFunction(b, a, h0), bound

    @property
    def _every_a(self) -> FloatArray:
        """The denominator of every channel, ``(H, N)``."""
        return np.repeat(self.a, len(self.b) // len(self.a), axis=0)

    @cached_property
    def _forms(self) -> tuple[Modes | None, npt.NDArray[np.intp], FloatArray]:
        """The channels in modal form; those that no form holds to 1e-6, and what they lose."""
        return modes_where_better(*self._unfiltered)

    @cached_property
    def _recurrent(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """``b, a, h0`` of what runs as a recurrence: nothing in the channels that are filters or modes."""
        modes = self._forms[0]
        if self._trained is None and modes is None:
            return self.b, self.a, self.h0
        b, a, h0 = (part.copy() for part in self._unfiltered)
        if modes is not None:
            for part in (b, a, h0):
                part[modes.channels] = 0
        return b, a, h0

    @property
    def _unfiltered(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """``b, a, h0`` of every channel: nothing in those that are filters."""
        if self._trained is None:
            return self.b, self._every_a, self.h0
        b, a, h0 = self.b.copy(), self._every_a.copy(), self.h0.copy()
        for part in (b, a, h0):
            part[self._trained.channels] = 0
        return b, a, h0

    def _channels(self) -> int:
        return len(self.b)

    def _kind(self, kind: str) -> Any:
        """The packed layer of a kind, made once."""
        if kind not in self._layers:
            self._layers[kind] = getattr(_core, kind)(*self._recurrent)
        return self._layers[kind]

    def _packed(self, dtype: np.dtype[Any]) -> Any:
        if dtype.itemsize == 8:
            return self._kind("Transfer64")
        return self._kind("TransferMixed" if self._sensitive.any() else "Transfer32")

    def _taps(self, length: int, dtype: np.dtype[Any], threads: int) -> FloatArray:
        return self.kernel(length, dtype, threads=threads)

    def _form(self, dtype: np.dtype[Any] | None = None) -> tuple[str, int, int]:
        mixed = dtype is not None and dtype.itemsize == 4 and self._sensitive.any()
        return "transfer_mixed" if mixed else "transfer", self.b.shape[1], 0

    def _name(self, evaluation: Evaluation) -> str:
        form: str = evaluation
        if evaluation == "scan" and self._sensitive.any():
            form += ", states in double precision"
        if self._forms[0] is not None:
            form += f"; {len(self._forms[0].channels)} channels as modes"
        if self._trained is not None:
            form += f"; {len(self._trained.channels)} channels as filters of {self._trained.kernels.shape[1]} taps"
        return form

    @cached_property
    def _float_errors(self) -> FloatArray:
        """What float states lose against double ones, relative to the largest output of a channel, ``(H,)``.

        Tried on noise around 1. Responses that last longer than the trial collect more: 16 times as much is assumed.
        """
        channels, order = self.b.shape
        count = int(np.clip((1 << 28) // (channels * (order + 8)), 512, 4096))
        u = np.random.default_rng(0).standard_normal((count, 1)).astype(np.float32) + np.float32(1)
        u = np.ascontiguousarray(np.broadcast_to(u, (count, channels)))
        single, double = self._kind("Transfer32").scan(u), self._kind("TransferMixed").scan(u)
        k = np.abs(_core.transfer_kernel32(*self._recurrent, count))
        lasting = k[:, count // 2 :].max(1) > 1e-3 * k.max(1)
        with np.errstate(all="ignore"):
            largest = np.abs(double).max(0)
            errors: FloatArray = np.abs(single - double).max(0) / np.where(largest > 0, largest, 1)
        return errors * np.where(lasting, 16, 1)

    @cached_property
    def _single(self) -> npt.NDArray[np.uint8]:
        """Whether float32 is enough for a channel's kernel, ``(H,)``: 1 by transforms, 2 also by recurrence."""
        b, a, _ = self._recurrent
        size = np.abs(b).max(1)
        with np.errstate(all="ignore"):
            loss = np.sqrt(_core.power_gain(a)) * np.maximum(1 + np.abs(a).sum(1), 2)
            levels = (loss * np.sqrt(6) <= _SINGLE).astype(np.uint8) + (loss * np.sqrt(a.shape[1] / 8 + 4) <= _SINGLE)
        levels = np.repeat(levels, len(b) // len(a)) * ((size < 1e20) & ((size > 1e-20) | (size == 0)))
        return np.ascontiguousarray(levels, np.uint8)

    @property
    def _condition(self) -> FloatArray:
        """|a|_1 / min |A| on the unit circle, ``(H,)``: what rounding is multiplied by, at most."""
        points = 1 << max(12, int(16 * self.a.shape[1]).bit_length())
        size, least = 1 + np.abs(self.a).sum(1), np.empty(len(self.a))
        for i, row in enumerate(self.a):
            least[i] = np.abs(np.fft.rfft(np.concatenate([[1.0], row]), points)).min()
        condition: FloatArray = np.repeat(size / np.maximum(least, 1e-300), len(self.b) // len(self.a))
        return condition

    @cached_property
    def _sensitive(self) -> npt.NDArray[np.bool_]:
        """The channels where float loses too much; overflow counts."""
        sensitive: npt.NDArray[np.bool_] = ~(self._float_errors <= _TOLERANCE)
        return sensitive

    def kernel(
        self, length: int, dtype: npt.DTypeLike = "float32", *, out: FloatArray | None = None, threads: int = 1
    ) -> FloatArray:
        """The impulse response ``(H, length)``: ``h0``, then that of b / a.

        In float32 to 3e-7 of a channel's largest value: in single precision, and by transforms of the coefficients
        where the response ends early or N is large, if the coefficients are conditioned for it; in double precision, by
        a recurrence of 2 N ``length`` flop a channel, if not, and in float64.
        """
        where = "ssm.kernel"
        if length < 0:
            raise ValueError(f"{where}: length must not be negative, is {length}")
        k: FloatArray
        if float_dtype(where, "dtype", dtype).itemsize == 8:
            k = _core.transfer_kernel64(*self._recurrent, length, out, thread_count(where, threads))
        else:
            k = _core.transfer_kernel_quick(*self._recurrent, self._single, length, out, thread_count(where, threads))
        if self._trained is not None:
            kept = self._trained.kernels[:, :length]
            k[self._trained.channels, : kept.shape[1]] = kept
        if self._forms[0] is not None:
            k[self._forms[0].channels] = self._forms[0].kernel(length, threads)
        return k

    def _scan(
        self, u: FloatArray, out: FloatArray | None, threads: int, lengths: npt.ArrayLike | None = None
    ) -> FloatArray:
        """The bits of single steps, but where channels are filters."""
        apart = self._apart(u, threads, lengths)
        y = super()._scan(u, out, threads, lengths)
        for channels, part in apart:
            y[..., channels] = part
        return y

    def _apart(
        self, u: FloatArray, threads: int, lengths: npt.ArrayLike | None
    ) -> list[tuple[npt.NDArray[np.intp], FloatArray]]:
        """The channels that are filters of the trained length, those that are modes, and what they answer."""
        if u.ndim < (2 if lengths is None else 3) or u.shape[-1] != len(self.b):
            return []  # where something is wrong, the scan says so
        answers = []
        if self._trained is not None:
            channels = self._trained.channels
            kernels = np.ascontiguousarray(self._trained.kernels[:, : u.shape[-2]], u.dtype)
            some = np.ascontiguousarray(u[..., channels])
            if lengths is None or not kernels.size:
                answer = causal_convolve(some, kernels, threads=threads)
            else:
                kernel = Convolution(kernels, length=kernels.shape[1])
                answer = kernel._core(some, threads=threads, lengths=lengths, where=self._where)
            answers.append((channels, answer))
        modes = self._forms[0]
        if modes is not None:
            answers.append((modes.channels, modes.scan(u[..., modes.channels], threads, lengths)))
        return answers

    def chunked(self, u: FloatArray, *, out: FloatArray | None = None, threads: int = 1) -> FloatArray:
        """The same as the scan in chunks by transforms, each handing its exact state to the next.

        O(log N + N) instead of 4 N flop a sample with a small factor: faster from about N = 256 on, for sequences of
        several ``chunk_length``. Spectra of 16 ``chunk_length`` bytes a channel (float32) are kept. Differs from
        the scan by the rounding of transforms; the state at its end is the stream's.

        >>> system = TransferFunction([[1.0]], [[-0.5]], [2.0])
        >>> u = np.ones((200, 1), np.float32)
        >>> bool(np.allclose(system.chunked(u), system(u), atol=1e-5))
        True
        """
        return self._chunked("ssm.chunked", u, out, threads)[0]

    @property
    def chunk_length(self) -> int:
        """Samples of a chunk of ``chunked``: 4 N, rounded up to a power of two, at least 64."""
        return int(self._kind("Transfer64").chunk)

    def chunked_prefill(self, u: FloatArray, *, threads: int = 1) -> tuple[FloatArray, Stream]:
        """``prefill`` by ``chunked``: the stream goes on from the exact state after the prompt.

        >>> system = TransferFunction([[1.0]], [[-0.5]], [2.0])
        >>> y, stream = system.chunked_prefill(np.ones((200, 1), np.float32))
        >>> stream.step(np.zeros(1, np.float32))
        array([2.], dtype=float32)
        """
        where = "ssm.chunked_prefill"
        u = prompt(where, "u", u)
        if self._trained is not None or self._forms[0] is not None:
            return self.prefill(u, threads=threads)
        y, states = self._chunked(where, u, None, threads)
        stream = self.stream(None if u.ndim == 2 else u.shape[0], u.dtype)
        stream.state = states
        return y, stream

    def _chunked(
        self, where: str, u: FloatArray, out: FloatArray | None, threads: int
    ) -> tuple[FloatArray, FloatArray]:
        u, threads = float_array(where, "u", u), thread_count(where, threads)
        apart = self._apart(u, threads, None)
        y, states = self._layer(u.dtype).chunked(u, out=out, threads=threads)
        for channels, part in apart:
            y[..., channels] = part
        return y, states

    def stream(self, batch: int | None = None, dtype: npt.DTypeLike = "float32") -> Stream:
        """A stream from the beginning, of one sequence or of ``batch``."""
        stream = super().stream(batch, dtype)
        modes = self._forms[0]
        if modes is not None:
            stream = FilteredStream(stream, modes.stream(batch, np.dtype(dtype)), modes.channels)
        if self._trained is None:
            return stream
        filters = ConvolutionStream(np.ascontiguousarray(self._trained.kernels, np.dtype(dtype)), batch)
        return FilteredStream(stream, filters, self._trained.channels)

    @cached_property
    def _error_gain(self) -> float:
        """How much errors of the last N outputs grow in what follows, if states are taken from them; tried on noise.

        Infinite where they still grow when the trial ends.
        """
        channels, order = self.b.shape
        count = int(np.clip(8 * order, 256, 1024))
        errors = np.random.default_rng(0).uniform(-1, 1, (4, order, channels))
        layer = self._kind("Transfer64")
        stream = layer.stream(4)
        with np.errstate(all="ignore"):
            stream.state = layer.state_after(np.zeros_like(errors), errors)
            answer = np.abs(stream.run(np.zeros((4, count, channels)))).max(0)
            first, last = answer[: count // 2].max(0), answer[count // 2 :].max(0)
        return float(first.max()) if (last <= np.maximum(first, 1e-3)).all() else np.inf

    def _state_share(self, u: FloatArray) -> float:
        """Nothing where the last outputs give them: where 4 times what these lose, grown, is within the tolerance."""
        lost, tolerance = (2.0**-24, _TOLERANCE) if u.dtype.itemsize == 4 else (2.0**-50, 1e-11)
        exact = 4 * lost * self._error_gain <= tolerance
        return 0.0 if exact and self._trained is None and self._forms[0] is None else 1.0

    def _go_on(self, stream: Stream, u: FloatArray, y: FloatArray, threads: int, lengths: npt.ArrayLike | None) -> None:
        if self._state_share(u) < 1:
            stream.state = self._layer(u.dtype).state_after(u, y, threads=threads, lengths=lengths)
        else:
            super()._go_on(stream, u, y, threads, lengths)

    def stream_after(self, u: FloatArray, y: FloatArray, *, threads: int = 1) -> Stream:
        """The stream that goes on after inputs ``u`` whose outputs ``y`` are known, by a convolution say.

        ``(L, H)`` or ``(batch, L, H)``, whole sequences or at least their last N samples; 2 H N^2 flop.
        """
        where = "ssm.stream_after"
        if self._trained is not None:
            raise ValueError(
                f"{where}: every channel must have a recurrence, but channels {_some(self._trained.channels)} are "
                f"filters of {self._trained.kernels.shape[1]} taps; use prefill"
            )
        if self._forms[0] is not None:
            raise ValueError(
                f"{where}: every channel must run in direct form, but channels {_some(self._forms[0].channels)} run as "
                "modes; use prefill"
            )
        u, y = prompt(where, "u", u), float_array(where, "y", y)
        stream = self.stream(None if u.ndim == 2 else u.shape[0], u.dtype)
        stream.state = self._layer(u.dtype).state_after(u, y, threads=thread_count(where, threads))
        return stream

    def truncated(self, length: int) -> FloatArray:
        """The numerator ``(H, N)`` an RTF layer of ``length`` samples would have: ``from_truncated`` undoes it.

        Its response ``h_n``, repeated with period ``length``, is ``sum_m h_{n + m length}`` of this system's. Meant for
        even lengths; ``h0`` stays as it is.
        """
        if length < 1:
            raise ValueError(f"ssm.truncated: length must be at least 1, is {length}")
        truncated: FloatArray = self.b - _core.advance_numerator(self.b, self.a, length, "double")
        return truncated

    def check(self, length: int | None = None) -> Report:
        """Poles, stability, the form chosen and why, and the step against the convolution over ``length`` samples."""
        moduli = np.abs(self.poles())
        outside = np.flatnonzero(moduli.max(1) >= 1)
        notes = []
        if self._sensitive.any():
            worst = float(np.nanmax(np.where(np.isfinite(self._float_errors), self._float_errors, np.inf)))
            notes.append(
                f"float32 states would lose up to {worst:.1g} of the output in channels "
                f"{_some(np.flatnonzero(self._sensitive))}"
            )
        modes, refused, losses = self._forms
        if modes is not None:
            notes.append(
                f"channels {_some(modes.channels)} run as modes in double precision: they lose {modes.modal.max():.1g} "
                f"of the kernel's peak at most, their coefficients up to {modes.direct.max():.1g}"
            )
        if refused.size:
            notes.append(
                f"no form keeps channels {_some(refused)} to 1e-6: the best loses {losses.max():.1g} of the peak"
            )
        digits = -np.log10(np.maximum(2.0**-53 * self._condition, 2.0**-53))
        if modes is not None:
            digits[modes.channels] = 16
        if (poor := np.flatnonzero(digits < 7)).size:
            notes.append(
                f"the coefficients of channels {_some(poor)} are ill conditioned (clustered poles): double precision "
                f"keeps {max(int(digits.min()), 0)} digits of their responses; keep such systems in state-space form"
            )
        if self._trained is not None:
            channels, kernels, unstable = self._trained
            outside = np.union1d(outside, unstable)
            lost = np.setdiff1d(channels, unstable)
            if len(unstable):
                notes.append(
                    f"channels {_some(unstable)} have poles outside the unit circle: exact over the trained "
                    f"{kernels.shape[1]} samples only"
                )
            if len(lost):
                notes.append(f"channels {_some(lost)} lose more than 1e-7 as a recurrence in double precision")
        elif len(outside):
            notes.append(f"channels {_some(outside)} grow without bound")
        return self._report(length, self.b.shape[1], moduli, tuple(outside.tolist()), tuple(notes))


def _some(channels: npt.NDArray[np.intp]) -> str:
    return ", ".join(map(str, channels[:8].tolist())) + (", ..." if len(channels) > 8 else "")
