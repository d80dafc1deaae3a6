# SPDX-License-Identifier: Apache-2.0
"""Long convolutions as one writes them with torch.fft and SciPy, and the forward passes of S4 and RTF."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.signal
import torch
from torch import Tensor
from transfer_peers import kernel as rtf_kernel

H, ORDER = 512, 64
PART = slice(0, H, 32)  # the channels that errors are measured on
Array = npt.NDArray[Any]
Peer = Callable[[], Any]


def make_signals(length: int) -> tuple[Array, Array]:
    """White u ``(L, H)``, and filters k ``(H, L)`` that fade like trained ones."""
    rng = np.random.default_rng(length)
    u, k = rng.standard_normal((length, H), np.float32), rng.standard_normal((H, length), np.float32)
    return u, k * np.exp(-4 * np.arange(length, dtype=np.float32) / length)


def exact(u: Array, k: Array) -> Array:
    """The convolution of some channels in float64, ``(L, channels)``."""
    part = u[:, PART].astype(np.float64)
    return scipy.signal.fftconvolve(part, k[PART].T.astype(np.float64), axes=0)[: len(u)]


def cached(u: Array, k: Array, *, time: int) -> Peer:
    """torch.fft with the spectrum of k made once; time first ``(L, H)`` or last ``(H, L)``.

    The product takes the place of the input's spectrum: torch with ``out=`` for all three steps is slower.
    """
    length = len(u)
    signal = torch.from_numpy(u if time == 0 else np.ascontiguousarray(u.T))
    spectrum = torch.fft.rfft(torch.from_numpy(np.ascontiguousarray(k.T) if time == 0 else k), n=2 * length, dim=time)

    @torch.inference_mode()
    def run() -> Tensor:
        product = torch.fft.rfft(signal, n=2 * length, dim=time)
        product *= spectrum
        return torch.fft.irfft(product, n=2 * length, dim=time).narrow(time, 0, length)

    return run


def s4_forward(u: Array, k: Array, d: Array) -> Peer:
    """What an S4 layer does with its kernel: three transforms of 2 L points along ``(B, H, L)``, and D u."""
    length = len(u)
    signal, taps, through = torch.from_numpy(np.ascontiguousarray(u.T))[None], torch.from_numpy(k), torch.from_numpy(d)

    @torch.inference_mode()
    def run() -> Tensor:
        spectrum = torch.fft.rfft(taps, n=2 * length)
        product = torch.fft.rfft(signal, n=2 * length) * spectrum
        return (torch.fft.irfft(product, n=2 * length)[..., :length] + signal * through[:, None])[0]

    return run


def rtf_forward(u: Array, b: Array, a: Array, h0: Array) -> Peer:
    """The published RTF layer: the kernel from its coefficients each time, then one transform of both, time first."""
    length = len(u)
    signal = torch.from_numpy(u)
    coefficients = [torch.from_numpy(x) for x in (b, a, h0)]

    @torch.inference_mode()
    def run() -> Tensor:
        k = rtf_kernel(*coefficients, length)
        points = 2 * length - length % 2
        both = torch.fft.rfft(torch.cat((k.T, signal), 1), n=points, dim=0)
        return torch.fft.irfft(both[:, :H] * both[:, H:], n=points, dim=0)[:length]

    return run


def scipy_convolve(u: Array, k: Array, how: Callable[..., Array]) -> Peer:
    """``scipy.signal.fftconvolve`` or ``oaconvolve`` along ``(H, L)``, which is better for them."""
    signal = np.ascontiguousarray(u.T)
    return lambda: how(signal, k, axes=1)[:, : len(u)]
