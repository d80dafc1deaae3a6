# SPDX-License-Identifier: Apache-2.0
"""The layers that are trained here, with the parameter names of the public minimal S4D."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class S4DKernel(nn.Module):
    """Convolution kernel of a diagonal state space model under zero-order hold.

    With ``a = -exp(log_A_real) + i A_imag`` and ``dt = exp(log_dt)``, the kernel is
    ``K[l] = 2 Re sum_n C[n] (exp(dt a[n]) - 1) / a[n] exp(dt a[n] l)``: one half of each pair of conjugate poles is
    stored. The poles start at ``-1/2 + i pi n`` (S4D-Lin; Gu, Gupta, Goel, Ré, 2022).
    """

    def __init__(self, channels: int, states: int, *, dt_min: float, dt_max: float) -> None:
        super().__init__()
        pairs = states // 2
        self.log_dt = nn.Parameter(torch.empty(channels).uniform_(math.log(dt_min), math.log(dt_max)))
        self.C = nn.Parameter(torch.view_as_real(torch.randn(channels, pairs, dtype=torch.cfloat)).clone())
        self.log_A_real = nn.Parameter(torch.full((channels, pairs), math.log(0.5)))
        self.A_imag = nn.Parameter(math.pi * torch.arange(pairs, dtype=torch.float32).repeat(channels, 1))

    def forward(self, length: int) -> Tensor:
        a = torch.complex(-self.log_A_real.exp(), self.A_imag)
        dt_a = a * self.log_dt.exp()[:, None]
        c_bar = 2.0 * torch.view_as_complex(self.C) * (dt_a.exp() - 1.0) / a
        block = 16  # l = block i + j: one product of a left factor in i and a right factor in j saves most powers
        left = c_bar[..., None] * torch.exp(dt_a[..., None] * torch.arange(0, length, block))
        right = torch.exp(dt_a[..., None] * torch.arange(block))
        real_left = torch.cat([left.real, -left.imag], dim=1).transpose(1, 2)
        real_right = torch.cat([right.real, right.imag], dim=1)
        return (real_left @ real_right).flatten(1)[:, :length]


class S4D(nn.Module):
    """``glu(W gelu(K * u + D u) + b)`` on a batch of sequences ``(batch, channels, time)``."""

    def __init__(self, channels: int, states: int, *, dropout: float, dt_min: float, dt_max: float) -> None:
        super().__init__()
        self.D = nn.Parameter(torch.randn(channels))
        self.kernel = S4DKernel(channels, states, dt_min=dt_min, dt_max=dt_max)
        self.dropout = nn.Dropout1d(dropout)
        self.output_linear = nn.Sequential(nn.Conv1d(channels, 2 * channels, 1), nn.GLU(dim=-2))

    def forward(self, u: Tensor) -> Tensor:
        length = u.shape[-1]
        size = 2 * length  # a linear convolution needs 2 length - 1 points
        spectrum = torch.fft.rfft(u, n=size) * torch.fft.rfft(self.kernel(length), n=size)
        y = torch.fft.irfft(spectrum, n=size)[..., :length] + self.D[:, None] * u
        return self.output_linear(self.dropout(functional.gelu(y)))


class S4DNet(nn.Module):
    """Causal classifier of sequences: encoder, ``x = norm(x + s4d(x))`` a few times, mean over time, decoder.

    Input ``(batch, time, features)``; ``lengths`` says how many frames of each sequence are true (all, if None).
    """

    def __init__(
        self,
        features: int,
        classes: int,
        *,
        channels: int,
        states: int,
        layers: int,
        dropout: float,
        dt_min: float,
        dt_max: float,
    ) -> None:
        super().__init__()
        self.encoder = nn.Linear(features, channels)
        self.s4_layers = nn.ModuleList(
            S4D(channels, states, dropout=dropout, dt_min=dt_min, dt_max=dt_max) for _ in range(layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(layers))
        self.decoder = nn.Linear(channels, classes)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        x = self.encoder(x)
        for s4_layer, norm in zip(self.s4_layers, self.norms, strict=True):
            x = norm(x + s4_layer(x.transpose(1, 2)).transpose(1, 2))
        return self.decoder(mean_over_time(x, lengths))


class InputNorm(nn.Module):
    """Frozen standardisation ``weight (x - running_mean) / sqrt(running_var + eps) + bias`` of each feature."""

    def __init__(self, mean: Tensor, variance: Tensor, *, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", torch.ones_like(mean))
        self.register_buffer("bias", torch.zeros_like(mean))
        self.register_buffer("running_mean", mean)
        self.register_buffer("running_var", variance)

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.running_mean) / torch.sqrt(self.running_var + self.eps) * self.weight + self.bias


class VowelNet(S4DNet):
    """Speaker of a Japanese vowel pair, from raw (not standardised) cepstral frames ``(batch, time, 12)``."""

    def __init__(self, mean: Tensor, variance: Tensor, *, dropout: float = 0.0) -> None:
        super().__init__(12, 9, channels=32, states=16, layers=2, dropout=dropout, dt_min=1e-2, dt_max=5e-1)
        self.input_norm = InputNorm(mean, variance)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().forward(self.input_norm(x), lengths)


class DigitNet(nn.Module):
    """Spoken digit from raw audio ``(batch, samples)`` at 8 kHz in [-1, 1]: one frame per 32 samples, causal.

    Frame t is a learned filter bank over the 64 samples that end with sample 32 (t + 1) - 1, rectified and on a
    logarithmic scale; a last, partial frame is filled with zeros.
    """

    stride = 32

    def __init__(self, *, gain: float = 1000.0, dropout: float = 0.0) -> None:
        super().__init__()
        self.gain = gain
        self.fb = nn.Conv1d(1, 64, 2 * self.stride, self.stride, bias=False)
        with torch.no_grad():
            self.fb.weight.copy_(tones(16, 2 * self.stride)[:, None])
        self.fbnorm = nn.LayerNorm(64)
        self.net = S4DNet(64, 10, channels=64, states=32, layers=3, dropout=dropout, dt_min=1e-3, dt_max=1e-1)

    def forward(self, audio: Tensor, lengths: Tensor | None = None) -> Tensor:
        tail = -audio.shape[-1] % self.stride
        audio = functional.pad(audio, (self.stride, tail))
        bands = functional.relu(self.fb(audio[:, None])).transpose(1, 2)
        frames = None if lengths is None else (lengths + self.stride - 1) // self.stride
        return self.net(self.fbnorm(torch.log1p(self.gain * bands)), frames)


def tones(frequencies: int, taps: int) -> Tensor:
    """Start of a filter bank: each of the equally spaced frequencies in four phases, under a Hann window.

    Four rectified phases tell the amplitude; a sine of amplitude one at its filter's frequency and phase gives one.
    """
    centres = (torch.arange(frequencies) + 0.5) / (2 * frequencies)  # in cycles per sample
    phases = 0.25 * torch.arange(4)
    turns = centres[:, None, None] * torch.arange(taps) + phases[:, None]
    window = torch.hann_window(taps)
    return (window * torch.cos(2 * math.pi * turns) * 2 / window.sum()).flatten(0, 1)


def mean_over_time(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Mean of the first ``lengths`` frames of ``(batch, time, channels)``."""
    if lengths is None:
        return x.mean(1)
    mask = torch.arange(x.shape[1]) < lengths[:, None]
    return (x * mask[..., None]).sum(1) / lengths[:, None]
