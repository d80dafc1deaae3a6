# SPDX-License-Identifier: Apache-2.0
"""The S4D layer of the benchmark, and what one writes for it in PyTorch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from danaus.ssm import S4D

H, PAIRS, LENGTH, BLOCK = 512, 32, 16384, 128
PART = slice(0, H, 32)  # the channels that slow peers are run on

Complex = npt.NDArray[np.complex128]


def make_layer() -> S4D:
    """S4D-Lin with the steps of the papers, 1e-3 to 1e-1, and random C."""
    rng = np.random.default_rng(0)
    a = np.tile(-0.5 + 1j * np.pi * np.arange(PAIRS), (H, 1))
    c = rng.standard_normal((H, PAIRS)) + 1j * rng.standard_normal((H, PAIRS))
    return S4D(a, 1, c, rng.standard_normal(H), np.exp(rng.uniform(np.log(1e-3), np.log(1e-1), H)))


def discrete(layer: S4D, channels: slice = slice(None)) -> tuple[Complex, Complex]:
    """``dt a`` and ``c b_bar`` of the zero-order hold, in float64."""
    a, c, dt = layer.a[channels], layer.c[channels], layer.dt[channels, None]
    return dt * a, c * (np.exp(dt * a) - 1) / a


def exact_kernel(layer: S4D, channels: slice) -> npt.NDArray[np.float64]:
    """The kernel of some channels by its definition in float64."""
    dta, c = discrete(layer, channels)
    times = np.arange(LENGTH)
    return np.stack([2 * (w @ np.exp(p[:, None] * times)).real for p, w in zip(dta, c, strict=True)])


def torch_modes(layer: S4D, channels: slice = slice(None)) -> tuple[Tensor, Tensor]:
    dta, c = (torch.from_numpy(x).to(torch.complex64) for x in discrete(layer, channels))
    return dta, c


def textbook_kernel(dta: Tensor, c: Tensor) -> Tensor:
    """The expression of the papers and of the minimal S4D: every power is an exponential, all in memory at once."""
    powers = torch.exp(dta[..., None] * torch.arange(LENGTH))
    return 2 * torch.einsum("hn,hnl->hl", c, powers).real


def blocked_kernel(dta: Tensor, c: Tensor) -> Tensor:
    """The same, reshaped by hand: with l = 128 i + j a real product of a factor in i and one in j."""
    left = 2 * c[..., None] * torch.exp(dta[..., None] * torch.arange(0, LENGTH, BLOCK))
    right = torch.exp(dta[..., None] * torch.arange(BLOCK))
    real_left = torch.cat((left.real, -left.imag), 1).transpose(1, 2)
    return (real_left @ torch.cat((right.real, right.imag), 1)).flatten(1)


class ComplexStep(nn.Module):
    """``x <- a_bar x + b_bar u``, ``y = 2 Re(c x) + d u``, as the published layers write it."""

    def __init__(self, layer: S4D) -> None:
        super().__init__()
        dta, _ = discrete(layer)
        b = (np.exp(dta) - 1) / layer.a
        for name, value in (("a", np.exp(dta)), ("b", b), ("c", layer.c.copy()), ("d", layer.d.astype(complex))):
            self.register_buffer(name, torch.from_numpy(value).to(torch.complex64))
        self.d = self.d.real.clone()

    def forward(self, u: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.einsum("hn,bhn->bhn", self.a, x) + torch.einsum("hn,bh->bhn", self.b, u)
        return 2 * torch.einsum("hn,bhn->bh", self.c, x).real + self.d * u, x

    def fresh(self) -> tuple[Tensor, ...]:
        return (torch.zeros(1, H, PAIRS, dtype=torch.complex64),)


class RealStep(nn.Module):
    """The same in real arithmetic with b in c, for compilers, which have no complex numbers."""

    def __init__(self, layer: S4D) -> None:
        super().__init__()
        dta, c = discrete(layer)
        pole = np.exp(dta)
        parts = {"ar": pole.real, "ai": pole.imag, "cr": 2 * c.real, "ci": -2 * c.imag, "d": layer.d}
        for name, value in parts.items():
            self.register_buffer(name, torch.tensor(value, dtype=torch.float32))

    def forward(self, u: Tensor, re: Tensor, im: Tensor) -> tuple[Tensor, ...]:
        next_re = self.ar * re - self.ai * im + u[..., None]
        next_im = self.ar * im + self.ai * re
        return (self.cr * next_re + self.ci * next_im).sum(-1) + self.d * u, next_re, next_im

    def fresh(self) -> tuple[Tensor, ...]:
        return torch.zeros(1, H, PAIRS), torch.zeros(1, H, PAIRS)
