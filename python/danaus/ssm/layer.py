"""The verbs that all layers have, over what each of them packs for its kernels."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .._arrays import FloatArray, float_array, float_dtype, thread_count
from .common import Report, Stream
from .convolution import causal_convolve


class Layer:
    """What S4D, S4, S5 and TransferFunction share. A layer says how it is packed and what its kernel is."""

    _where: ClassVar[str]
    """How its error messages begin."""
    _unpickled: ClassVar[tuple[str, ...]] = ("_layers",)
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

    @cached_property
    def _layers(self) -> dict[str, Any]:
        return {}

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

    def __call__(self, u: FloatArray, *, out: FloatArray | None = None, threads: int = 1) -> FloatArray:
        """The layer over whole sequences ``(..., L, H)``, by the scan: the bits that steps give."""
        u = float_array(self._where, "u", u)
        y: FloatArray = self._layer(u.dtype).scan(u, out=out, threads=thread_count(self._where, threads))
        return y

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

    def prefill(self, u: FloatArray, *, threads: int = 1) -> tuple[FloatArray, Stream]:
        """``(y, stream)``: a prompt ``(L, H)`` or ``(batch, L, H)`` and the stream that goes on after it."""
        u = prompt("ssm.prefill", "u", u)
        stream = self.stream(None if u.ndim == 2 else u.shape[0], u.dtype)
        return stream.run(u, threads=thread_count("ssm.prefill", threads)), stream

    def _report(
        self,
        length: int | None,
        modes: int,
        moduli: npt.NDArray[np.float64],
        unstable: tuple[int, ...],
        evaluation: str,
        notes: tuple[str, ...] = (),
    ) -> Report:
        """What ``check`` answers: the step against the convolution of a white input, and what is known of the poles."""
        radius = float(moduli.max())
        count = 1024 if length is None else length
        u = np.random.default_rng(0).standard_normal((count, self._channels())).astype(np.float32)
        stepped, convolved = self(u), self.convolve(u.astype(np.float64))
        largest = float(np.abs(convolved).max(initial=0)) or 1.0
        return Report(
            system=type(self).__name__,
            channels=self._channels(),
            modes=modes,
            radius=radius,
            memory=float(-1 / np.log(radius)) if 0 < radius < 1 else (0.0 if radius == 0 else np.inf),
            unstable=unstable,
            difference=float(np.abs(stepped - convolved).max(initial=0)) / largest,
            evaluation=evaluation,
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
