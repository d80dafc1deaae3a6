# SPDX-License-Identifier: Apache-2.0
"""Reference outputs for the tests of the library: each sequence alone, at its own length, in convolution mode."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


@torch.no_grad()
def logits(net: nn.Module, sequences: Iterable[NDArray[np.float32]], dtype: torch.dtype) -> NDArray[np.floating]:
    """Logits ``(sequences, classes)``, computed in ``dtype`` throughout."""
    net = copy.deepcopy(net).eval().to(dtype)
    return np.stack([net(torch.tensor(sequence, dtype=dtype)[None])[0].numpy() for sequence in sequences])


def to_float(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Audio in [-1, 1); exact."""
    return samples.astype(np.float32) / 32768.0


def synthetic_signals() -> list[NDArray[np.int16]]:
    """Eight signals at 8 kHz, from one sample to two seconds, that need no recording.

    In order: one impulse, a ramp, silence, noise, a rising chirp, bursts of a tone, a full-scale square wave and a
    falling chirp in noise.
    """
    noise = np.random.Generator(np.random.PCG64(20240501))
    seconds = np.arange(16000) / 8000.0
    signals = [
        np.array([20000.0]),
        np.linspace(-30000.0, 30000.0, 31),
        np.zeros(32),
        3000.0 * noise.standard_normal(33),
        12000.0 * np.sin(2 * np.pi * (100.0 + 3000.0 * seconds[:4001]) * seconds[:4001]),
        9000.0 * np.sin(2 * np.pi * 440.0 * seconds[:8000]) * (np.sin(2 * np.pi * 5.0 * seconds[:8000]) > 0.3),
        np.where(np.arange(12345) // 20 % 2 == 0, 32767.0, -32768.0),
        500.0 * np.sin(2 * np.pi * (3500.0 - 800.0 * seconds) * seconds) + 50.0 * noise.standard_normal(16000),
    ]
    return [np.clip(np.rint(signal), -32768, 32767).astype(np.int16) for signal in signals]
