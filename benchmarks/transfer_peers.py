# SPDX-License-Identifier: Apache-2.0
"""A layer of rational transfer functions (RTF) from its formulas in PyTorch, and SciPy's recursive filter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.signal
import torch
from torch import Tensor

H = 512
PART = slice(0, H, 32)  # the channels that slow peers are run on, and errors measured
Array = npt.NDArray[Any]


def make_layer(order: int) -> tuple[Array, Array, Array]:
    """Numerators b and denominators a ``(H, N)``, h0 ``(H,)``, by the l1 rule that RTF layers are trained under."""
    rng = np.random.default_rng(order)
    a = rng.uniform(-1, 1, (H, order))
    a /= np.abs(a).sum(1, keepdims=True) + 0.05
    b = rng.standard_normal((H, order)) / np.sqrt(order)
    return tuple(x.astype(np.float32) for x in (b, a, rng.standard_normal(H)))  # type: ignore[return-value]


def exact_kernel(b: Array, a: Array, h0: Array, length: int) -> Array:
    """The impulse responses of some channels in float64."""
    impulse = np.zeros(length)
    impulse[0] = 1
    rows = [
        scipy.signal.lfilter([h, *(h * p + q)], [1, *p], impulse)
        for q, p, h in zip(b[PART].astype(float), a[PART].astype(float), h0[PART].astype(float), strict=True)
    ]
    return np.stack(rows)


def kernel(b: Tensor, a: Tensor, h0: Tensor, length: int) -> Tensor:
    """The kernel irfft(h0 + B / A) on P = L (+ 1 where L is odd) roots of one, the first L samples."""
    points = length + length % 2
    pad = torch.nn.functional.pad
    below = torch.fft.rfft(pad(a, (1, 0), value=1.0), n=points)
    ratio = torch.fft.rfft(pad(b, (1, 0)), n=points) / below + h0[:, None]
    return torch.fft.irfft(ratio, n=points)[:, :length]


def corrected_numerator(b: Tensor, a: Tensor, length: int) -> Tensor:
    """The numerator of the system whose response is truncated at L: C with C (I - A^L) = b, by powers and a solve."""
    order = a.shape[1]
    companion = torch.diag_embed(torch.ones(order - 1), -1).expand(len(a), order, order).clone()
    companion[:, 0] = -a
    system = torch.eye(order) - torch.linalg.matrix_power(companion, length)
    return torch.linalg.solve(system, b[:, None], left=False)[:, 0]


class Step(torch.nn.Module):
    """One sample: the state ``(B, N, H)`` moves down by one, its corrected numerator kept."""

    def __init__(self, b: Array, a: Array, h0: Array) -> None:
        super().__init__()
        for name, value in (("b", b), ("a", -a), ("h0", h0)):
            self.register_buffer(name, torch.from_numpy(value))

    def forward(self, u: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        y = torch.einsum("bnh,hn->bh", state, self.b) + self.h0 * u
        after = torch.roll(state, 1, 1)
        after[:, 0] = torch.einsum("hn,bnh->bh", self.a, state) + u
        return y, after

    def fresh(self) -> Tensor:
        return torch.zeros(1, self.a.shape[1], H)


def lfilter_whole(b: Array, a: Array, h0: Array, u: Array) -> Callable[[], Array]:
    """SciPy at its best: one filter for all channels, which an RTF layer has not, the whole block in one call."""
    above, below = np.array([h0[0], *(h0[0] * a[0] + b[0])], float), np.array([1, *a[0]], float)
    rows = np.ascontiguousarray(u.T.astype(np.float64))
    return lambda: scipy.signal.lfilter(above, below, rows, axis=1)


def lfilter_tokens(b: Array, a: Array, h0: Array, u: Array) -> Callable[[], Array]:
    """The same, a sample a call, with its state handed on."""
    above, below = np.array([h0[0], *(h0[0] * a[0] + b[0])], float), np.array([1, *a[0]], float)
    columns = [np.ascontiguousarray(row[:, None].astype(np.float64)) for row in u]

    def run() -> Array:
        state = np.zeros((H, a.shape[1]))
        for column in columns:
            y, state = scipy.signal.lfilter(above, below, column, axis=1, zi=state)
        return y[:, 0]

    return run
