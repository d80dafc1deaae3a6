"""The verbs that all layers have, over what each of them packs for its kernels."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from .._arrays import FloatArray, float_array, float_dtype, thread_count
from .common import Report, Stream
from .convolution import Convolution, causal_convolve
from .evaluate import choose
from .kept import Kept, fits

Evaluation = Literal["scan", "convolution"]
EVALUATIONS = ("scan", "convolution")


class Layer:
    """What S4D, S4, S5 and TransferFunction share. A layer says how it is packed and what its kernel is."""

    _where: ClassVar[str]
    """How its error messages begin."""
    _unpickled: ClassVar[tuple[str, ...]] = ("_layers", "_kept")
    """What is made again instead of pickled."""

    def _channels(self) -> int:
        """How many inputs it has."""
        raise NotImplementedError

    def _packed(self, dtype: np.dtype[Any]) -> Any:
        """The compiled layer of an element type."""
        raise NotImplementedError

    def _taps(self, length: int, dtype: np.dtype[Any], threads: int) -> FloatArray:
        """The kernel ``(H, length)`` with what goes straight through in tap 0."""
        raise NotImplementedError

    def _form(self, dtype: np.dtype[Any] | None = None) -> tuple[str, int, int] | None:
        """What ``evaluate.choose`` calls it, its modes a channel, its rank; None where it has no convolution."""
        raise NotImplementedError

    @cached_property
    def _layers(self) -> dict[str, Any]:
        return {}

    @cached_property
    def _kept(self) -> Kept:
        return Kept()

    def _layer(self, dtype: np.dtype[Any]) -> Any:
        """The packed layer of this element type, made once."""
        if dtype.name not in self._layers:
            self._layers[dtype.name] = self._packed(dtype)
        return self._layers[dtype.name]

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in self._unpickled}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for value in state.values():
            for part in value if isinstance(value, tuple) else (value,):
                if isinstance(part, np.ndarray):
                    part.flags.writeable = False
        self.__dict__.update(state)

    def __call__(
        self,
        u: FloatArray,
        *,
        out: FloatArray | None = None,
        threads: int = 1,
        evaluation: Evaluation | None = None,
        lengths: npt.ArrayLike | None = None,
    ) -> FloatArray:
        """The layer over whole sequences ``(..., L, H)``.

        ``evaluation``: ``"scan"`` gives the bits of single steps; ``"convolution"`` (not in S5) transforms the kernel,
        once for all lengths up to the next size of a ring, and differs by rounding; None takes what a model of costs
        finds faster (``check(length)`` names it). A convolution spreads what is not finite over all of its channel's
        sequence.

        ``lengths``: integers ``(batch,)`` for ``u`` ``(batch, L, H)``, how many samples of each sequence are its own.
        Further ones are not read, and the outputs there are 0.
        """
        u, threads = float_array(self._where, "u", u), thread_count(self._where, threads)
        kernel = self._convolution(u, threads, self._evaluation(self._where, evaluation))
        strange = isinstance(out, np.ndarray) and not (out.flags.c_contiguous and out.dtype == u.dtype)
        if kernel is None or strange:  # the scan says what is wrong
            return self._scan(u, out, threads, lengths)
        y: FloatArray = kernel._core(u, out=out, threads=threads, lengths=lengths, where=self._where)
        return y

    def _scan(
        self, u: FloatArray, out: FloatArray | None, threads: int, lengths: npt.ArrayLike | None = None
    ) -> FloatArray:
        y: FloatArray = self._layer(u.dtype).scan(u, out=out, threads=threads, lengths=lengths)
        return y

    def _evaluation(self, where: str, evaluation: Evaluation | None) -> Evaluation | None:
        """``evaluation``, if there is such a one."""
        if evaluation is None or (evaluation in EVALUATIONS and (evaluation == "scan" or self._form() is not None)):
            return evaluation
        known = "None, 'scan' or 'convolution'" if self._form() is not None else "None or 'scan'"
        raise ValueError(f"{where}: evaluation must be {known}, is {evaluation!r}")

    def _seconds(self, length: int, batch: int, dtype: np.dtype[Any], threads: int) -> dict[str, float]:
        """What the scan and the convolution of such sequences would take, by the model of costs."""
        form = self._form(dtype)
        if form is None:
            return {"scan": 0.0, "convolution": math.inf}
        name, order, rank = form
        channels = self._channels()
        kept = fits(length, channels, dtype)
        found = choose(
            name, order, length, channels, batch=batch, dtype=dtype.name, threads=threads, rank=rank, kept=kept
        )
        return found.seconds

    def _convolution(
        self, u: FloatArray, threads: int, evaluation: Evaluation | None, states: float = 0.0
    ) -> Convolution | None:
        """The convolution that is to take ``u``; None for the scan.

        ``states``: what the states after ``u`` take where the outputs come from a convolution, as a share of the scan.
        """
        channels = self._channels()
        if evaluation == "scan" or u.ndim < 2 or u.shape[-1] != channels:  # the scan says what is wrong
            return None
        length = u.shape[-2]
        if evaluation is None:
            batch = math.prod(u.shape[:-2])
            seconds = self._seconds(length, batch, u.dtype, threads)
            convolution, scan = seconds.get("convolution", math.inf), seconds["scan"]
            if not convolution + states * scan < scan:
                return None
        prepared = self._kept.find(self._taps, length, channels, u.dtype, threads)
        if prepared.convolution is None and evaluation is not None:
            raise ValueError(f"{self._where}: evaluation must be 'scan' where the kernel overflows, is {evaluation!r}")
        return prepared.convolution if prepared.steady or evaluation is not None else None

    def convolve(self, u: FloatArray, *, threads: int = 1) -> FloatArray:
        """The same as ``__call__`` by convolution with the kernel: the form it was trained in."""
        where = "ssm.convolve"
        u, threads = float_array(where, "u", u), thread_count(where, threads)
        return causal_convolve(u, self._taps(u.shape[-2] if u.ndim >= 2 else 0, u.dtype, threads), threads=threads)

    def stream(self, batch: int | None = None, dtype: npt.DTypeLike = "float32") -> Stream:
        """A stream from the beginning, of one sequence or of ``batch``."""
        if batch is not None and batch < 1:
            raise ValueError(f"ssm.stream: batch must be at least 1, is {batch}")
        stream: Stream = self._layer(float_dtype("ssm.stream", "dtype", dtype)).stream(batch)
        return stream

    def prefill(
        self,
        u: FloatArray,
        *,
        threads: int = 1,
        evaluation: Evaluation | None = None,
        lengths: npt.ArrayLike | None = None,
    ) -> tuple[FloatArray, Stream]:
        """``(y, stream)``: a prompt ``(L, H)`` or ``(batch, L, H)`` and the stream that goes on after it.

        ``evaluation``: where ``y`` comes from, as in ``__call__``; the states after a convolution differ from those of
        the scan by rounding.

        ``lengths``: integers ``(batch,)``, how many samples of each sequence are its own. The stream goes on after each
        one's last; further samples are not read, and the outputs there are 0.
        """
        where = "ssm.prefill"
        u, threads = prompt(where, "u", u), thread_count(where, threads)
        stream = self.stream(None if u.ndim == 2 else u.shape[0], u.dtype)
        kernel = self._convolution(u, threads, self._evaluation(where, evaluation), self._state_share(u))
        if kernel is None:
            return stream.run(u, threads=threads, lengths=lengths), stream
        y: FloatArray = kernel._core(u, threads=threads, lengths=lengths, where=where)
        self._go_on(stream, u, y, threads, lengths)
        return y, stream

    def _state_share(self, u: FloatArray) -> float:
        """What the states after ``u`` cost, as a share of its scan."""
        return 1.0

    def _go_on(self, stream: Stream, u: FloatArray, y: FloatArray, threads: int, lengths: npt.ArrayLike | None) -> None:
        """Puts the states after ``u``, whose outputs ``y`` are known, into ``stream``."""
        stream.run(u, threads=threads, lengths=lengths)

    def _name(self, evaluation: Evaluation) -> str:
        """What a report calls it."""
        return evaluation

    def _report(
        self,
        length: int | None,
        modes: int,
        moduli: npt.NDArray[np.float64],
        unstable: tuple[int, ...],
        notes: tuple[str, ...] = (),
    ) -> Report:
        """What ``check`` answers: the step against the convolution of a white input, and what is known of the poles."""
        radius = float(moduli.max())
        count = 1024 if length is None else length
        u = np.random.default_rng(0).standard_normal((count, self._channels())).astype(np.float32)
        stepped, convolved = self(u, evaluation="scan"), self.convolve(u.astype(np.float64))
        largest = float(np.abs(convolved).max(initial=0)) or 1.0
        return Report(
            system=type(self).__name__,
            channels=self._channels(),
            modes=modes,
            radius=radius,
            memory=float(-1 / np.log(radius)) if 0 < radius < 1 else (0.0 if radius == 0 else np.inf),
            unstable=unstable,
            difference=float(np.abs(stepped - convolved).max(initial=0)) / largest,
            evaluation=self._name("scan" if self._convolution(u, 1, None) is None else "convolution"),
            notes=notes,
        )


def prompt(where: str, name: str, u: FloatArray) -> FloatArray:
    """``u`` as an array ``(L, H)`` or ``(batch, L, H)``."""
    u = float_array(where, name, u)
    if u.ndim not in (2, 3):
        raise ValueError(f"{where}: {name} must have shape (L, H) or (batch, L, H), has {u.shape}")
    return u


def through(kernel: FloatArray, d: FloatArray) -> FloatArray:
    """``kernel`` ``(H, L)`` with the feedthrough ``d`` added to tap 0, in place."""
    kernel[:, :1] += d[:, None].astype(kernel.dtype)
    return kernel
