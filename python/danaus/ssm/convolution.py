"""Long convolutions: whole sequences at once, or sample by sample."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._arrays import FloatArray, finite, float_array, thread_count


def _axis(where: str, u: FloatArray, axis: int) -> FloatArray:
    """``u`` with time as axis -2: a view."""
    if axis not in (-1, -2):
        raise ValueError(f"{where}: axis of time must be -2, (..., L, H), or -1, (..., H, L); is {axis}")
    return u if axis == -2 or u.ndim < 2 else u.swapaxes(-1, -2)


def causal_convolve(
    u: FloatArray, k: FloatArray, *, axis: int = -2, out: FloatArray | None = None, threads: int = 1
) -> FloatArray:
    """``y[..., t, h] = sum_j k[h, j] u[..., t - j, h]``, the first L samples.

    ``u`` ``(..., L, H)`` (with ``axis=-1``: ``(..., H, L)``), ``k`` ``(H, K)`` of the same element type, any K; ``y``
    has the layout of ``u``; from about 16,384 samples ``(H, L)`` is the faster one. By transforms in the ring x^n = i,
    without zero padding. Accuracy: 1e-7 (float32), 2e-16 (float64) times log2(4 L) |u|_2 |k|_2. For many sequences and
    one kernel use :class:`Convolution`, which keeps the kernel's transform.

    >>> causal_convolve(np.array([[1.0], [0.0], [2.0]]), np.array([[1.0, 0.5]])).ravel().round(12)
    array([1. , 0.5, 2. ])
    """
    where = "ssm.causal_convolve"
    u, k = float_array(where, "u", u), float_array(where, "k", k)
    convolve = _core.convolve32 if u.dtype.itemsize == 4 else _core.convolve64
    u, into = _axis(where, u, axis), None if out is None else _axis(where, out, axis)
    return _axis(where, convolve(u, k, out=into, threads=thread_count(where, threads)), axis)


def correlate(
    u: FloatArray, k: FloatArray, *, axis: int = -2, out: FloatArray | None = None, threads: int = 1
) -> FloatArray:
    """``y[..., t, h] = sum_j k[h, j] u[..., t + j, h]``: what takes gradients back through :func:`causal_convolve`.

    Arguments, layouts and accuracy are those of :func:`causal_convolve`.

    >>> correlate(np.array([[1.0], [0.0], [2.0]]), np.array([[1.0, 0.5]])).ravel().round(12)
    array([1., 1., 2.])
    """
    where = "ssm.correlate"
    u, k = float_array(where, "u", u), float_array(where, "k", k)
    convolve = _core.convolve32 if u.dtype.itemsize == 4 else _core.convolve64
    u, into = _axis(where, u, axis), None if out is None else _axis(where, out, axis)
    y = convolve(u, k, correlation=True, out=into, threads=thread_count(where, threads))
    return _axis(where, y, axis)


class Convolution:
    """Long convolution with kernels ``k`` ``(H, K)`` whose transforms are made once and kept.

    Parameters
    ----------
    k : float32 or float64 ``(H, K)``: ``y[t] = sum_j k[j] u[t - j]``
    backward : ``(H, K')`` or None: taps on the future, ``+ sum_j backward[j] u[t + 1 + j]``, in the same transform
    length : the length of the sequences, by default K. Causal kernels also take longer ones, in blocks of ``block``
        samples; with ``backward``, ``length`` is the most that can be given.

    Holds ``nbytes`` of transforms: 8 bytes (float32) for each of H ``length`` samples. Accuracy: that of
    :func:`causal_convolve`. Any number of threads may call it.

    >>> smooth = Convolution(np.array([[0.5, 0.5]]), length=4)
    >>> smooth(np.array([[1.0], [3.0], [5.0], [7.0]])).ravel().round(12)
    array([0.5, 2. , 4. , 6. ])
    """

    def __init__(
        self, k: FloatArray, *, backward: FloatArray | None = None, length: int | None = None, threads: int = 1
    ) -> None:
        where = "ssm.Convolution"
        k = float_array(where, "k", k)
        finite(where, "k", k, k.dtype)
        if backward is not None:
            backward = float_array(where, "backward", backward)
            finite(where, "backward", backward, backward.dtype)
        if length is None:
            length = max(1, *(taps.shape[-1] for taps in (k, backward) if taps is not None and taps.ndim == 2), 1)
        if length < 1:
            raise ValueError(f"{where}: length must be positive, is {length}")
        kind = _core.Convolution32 if k.dtype.itemsize == 4 else _core.Convolution64
        self._core: Any = kind(k, backward, length, False, thread_count(where, threads))
        self.length = length
        self.dtype = k.dtype

    def __call__(self, u: FloatArray, *, axis: int = -2, out: FloatArray | None = None, threads: int = 1) -> FloatArray:
        """``u`` ``(..., L, H)``, or ``(..., H, L)`` with ``axis=-1``; ``y`` has its layout."""
        where = "ssm.Convolution"
        u = _axis(where, float_array(where, "u", u), axis)
        into = None if out is None else _axis(where, out, axis)
        return _axis(where, self._core(u, out=into, threads=thread_count(where, threads)), axis)

    @property
    def nbytes(self) -> int:
        """Bytes of the transforms kept."""
        return int(self._core.nbytes)

    @property
    def block(self) -> int:
        """Samples that one transform takes; 0 where the taps are so few that none is needed."""
        return int(self._core.block)


class ConvolutionStream:
    """Exact convolution of signals that arrive sample by sample, without delay, with kernels of any length.

    ``k`` float32 or float64 ``(H, K)``; ``batch`` sequences side by side, or None for one. ``step`` answers one sample
    ``(H,)`` or ``(batch, H)``, ``run`` a chunk ``(L, H)`` or ``(batch, L, H)``: how a signal is cut changes no bit.
    ``state`` is a copy of all that is remembered; put back, it resumes bit for bit. ``reset`` forgets, ``copy`` makes
    an independent stream.

    The mean cost of a sample grows with log(K)^2. The work of long products is dealt out over the samples until they
    are due (relaxed multiplication, Hoeven 2002; FutureFill, 2024), which bounds the longest sample but does not level
    them: 512 channels of 65,536 taps took 2 us in the median, 10 us on average and 1 ms at the worst. Accuracy: that
    of :func:`causal_convolve`. Memory: about 3 K values a channel for the kernel, which the copies of a stream share,
    and 4 K for each sequence.

    >>> stream = ConvolutionStream(np.array([[1.0, 0.5, 0.25]]))
    >>> [float(stream.step(np.array([u]))[0]) for u in (4.0, 0.0, 0.0, 0.0)]
    [4.0, 2.0, 1.0, 0.0]
    """

    def __init__(self, k: FloatArray, batch: int | None = None) -> None:
        where = "ssm.ConvolutionStream"
        k = float_array(where, "k", k)
        finite(where, "k", k, k.dtype)
        if batch is not None and batch < 1:
            raise ValueError(f"{where}: batch must be at least 1, is {batch}")
        kind = _core.OnlineFilter32 if k.dtype.itemsize == 4 else _core.OnlineFilter64
        self._take(kind(k).stream(batch))

    def _take(self, stream: Any) -> None:
        self._stream = stream
        self.step = stream.step
        self.run = stream.run
        self.reset = stream.reset

    @property
    def state(self) -> FloatArray:
        """All that is remembered, a copy."""
        state: FloatArray = self._stream.state
        return state

    @state.setter
    def state(self, state: FloatArray) -> None:
        self._stream.state = state

    def copy(self) -> ConvolutionStream:
        """An independent stream in the same state."""
        other = object.__new__(ConvolutionStream)
        other._take(self._stream.copy())
        return other
