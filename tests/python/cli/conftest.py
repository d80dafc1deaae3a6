# SPDX-License-Identifier: Apache-2.0
"""A command line, and something said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from command_line import RATE, Command


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


@pytest.fixture(scope="session")
def spoken() -> np.ndarray[Any, np.dtype[np.int16]]:
    """Three bursts of made-up sound, 0.4 s each, in a faint background."""
    rng = np.random.default_rng(0)
    sound = 1e-3 * rng.standard_normal(int(3.4 * RATE))
    t = np.arange(int(0.4 * RATE)) / RATE
    for start, pitch in ((0.5, 150), (1.5, 210), (2.5, 300)):
        burst = 0.2 * np.sin(2 * np.pi * pitch * t) * np.sin(np.pi * t / 0.4)
        sound[int(start * RATE) :][: len(t)] += burst + 0.05 * rng.standard_normal(len(t))
    return np.rint(32767 * sound.clip(-1, 1)).astype("<i2")
