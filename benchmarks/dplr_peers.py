# SPDX-License-Identifier: Apache-2.0
"""An S4 layer (HiPPO-LegS, diagonal plus low rank), and what one writes for it in PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

H, PAIRS = 512, 32
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Layer:
    """Conjugate halves: lambda, p, b and c ``(H, N/2)``; d and dt ``(H,)``; all in double precision."""

    poles: Array
    p: Array
    b: Array
    c: Array
    d: Array
    dt: Array


def legs(pairs: int) -> tuple[Array, Array, Array]:
    """lambda, p and b of LegS: A + P P^T = -1/2 + a skew matrix, diagonalised; one of each conjugate pair."""
    n = np.arange(2 * pairs)
    r = np.sqrt(2 * n + 1)
    skew = np.where(n[:, None] > n, -0.5, np.where(n[:, None] < n, 0.5, 0.0)) * np.outer(r, r)
    turns, vectors = np.linalg.eigh(-1j * skew)
    half = turns > 0
    assert half.sum() == pairs
    basis = vectors[:, half].conj().T
    return -0.5 + 1j * turns[half], basis @ r / np.sqrt(2), basis @ r


def make_layer() -> Layer:
    rng = np.random.default_rng(0)
    poles, p, b = (np.tile(x, (H, 1)) for x in legs(PAIRS))
    c = (rng.standard_normal((H, PAIRS)) + 1j * rng.standard_normal((H, PAIRS))) / np.sqrt(PAIRS)
    return Layer(poles, p, b, c, rng.standard_normal(H), np.exp(rng.uniform(np.log(1e-3), np.log(1e-1), H)))


def dense(layer: Layer, channel: int) -> tuple[Array, Array, Array]:
    """A_bar, B_bar and C of one channel, full and complex, by the bilinear rule."""
    full = lambda x: np.concatenate([x[channel], x[channel].conj()])  # noqa: E731
    p, dt = full(layer.p), layer.dt[channel]
    a = np.diag(full(layer.poles)) - np.outer(p, p.conj())
    eye = np.eye(len(p))
    left = np.linalg.inv(eye - dt / 2 * a)
    return left @ (eye + dt / 2 * a), dt * left @ full(layer.b), full(layer.c)


def exact_kernel(layer: Layer, channels: slice, length: int) -> Array:
    """C A_bar^l B_bar of some channels by multiplication in double precision."""
    rows = []
    for h in range(H)[channels]:
        a, state, c = dense(layer, h)
        row = np.empty(length)
        for lag in range(length):
            row[lag] = (c @ state).real
            state = a @ state
        rows.append(row)
    return np.stack(rows)


class CauchyKernel(nn.Module):
    """The published kernel: the generating function at the roots of one, by Cauchy sums and Woodbury's identity.

    Its trained parameter is C (I - A_bar^L), made here; all sums stand in memory at once, as the published code has
    them where neither CUDA nor KeOps is at hand.
    """

    def __init__(self, layer: Layer, channels: slice, length: int) -> None:
        super().__init__()
        self.length = length
        truncated = []
        for h in range(H)[channels]:
            a, _, c = dense(layer, h)
            truncated.append((c - c @ np.linalg.matrix_power(a, length))[:PAIRS])
        omega = np.exp(-2j * np.pi * np.arange(length // 2 + 1) / length)
        omega[-1] = np.exp(-1j * np.pi * (1 - 1e-6))  # the formula is singular at -1
        values = {
            "poles": layer.poles[channels] * layer.dt[channels, None],
            "nodes": 2 * (1 - omega) / (1 + omega),
            "front": 2 / (1 + omega),
            "weights": np.stack([layer.b[channels], layer.p[channels]]),
            "outs": np.stack([np.stack(truncated), layer.p[channels].conj()]),
        }
        for name, value in values.items():
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(value)).to(torch.complex64))
        self.dt = torch.from_numpy(layer.dt[channels]).float()

    def forward(self) -> Tensor:
        v = self.outs[:, None] * self.weights[None] * self.dt[:, None]
        v, w = (torch.cat((x, x.conj()), -1) for x in (v, self.poles))
        r = (v[..., None] / (self.nodes - w[..., None])).sum(-2)
        spectrum = self.front * (r[0, 0] - r[0, 1] * r[1, 0] / (1 + r[1, 1]))
        return torch.fft.irfft(spectrum, n=self.length)


class DenseStep(nn.Module):
    """x <- A_bar x + B_bar u, y = Re(C x) + d u with dense A_bar, as the published layer steps."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        parts = zip(*(dense(layer, h) for h in range(H)), strict=True)
        for name, part in zip(("a", "b", "c"), parts, strict=True):
            self.register_buffer(name, torch.from_numpy(np.stack(part)).to(torch.complex64))
        self.d = torch.from_numpy(layer.d).float()

    def forward(self, u: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.einsum("hmn,bhn->bhm", self.a, x) + torch.einsum("hn,bh->bhn", self.b, u)
        return torch.einsum("hn,bhn->bh", self.c, x).real + self.d * u, x

    def fresh(self) -> Tensor:
        return torch.zeros(1, H, 2 * PAIRS, dtype=torch.complex64)
