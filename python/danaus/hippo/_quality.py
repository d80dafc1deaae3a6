"""How well a memory remembers: the energy of its last coefficients, and a picture."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from .._picture import Axes, Sheet

_INK, _SOFT, _RULE, _PAPER = "#22262b", "#6c747d", "#e6e3dc", "#fcfbf8"
_GREY, _ORANGE = "#b9c0c7", "#d9660a"

CENTRED = ("fous", "fourier_sliding")  # frequencies -M to M


def last_half(measure: str, coefficients: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """The root of the energy in the upper half of the coefficients, per channel.

    Energies are those of orthonormal functions: the coefficients of ``"lmu"``, whose P_m are not, are weighed. For
    complex Fourier series, m = -M .. M, the upper half is |m| > M / 2.
    """
    n = coefficients.shape[1]
    energy = np.abs(coefficients.astype(np.complex128)) ** 2
    centred = measure in CENTRED
    order = np.abs(np.arange(n) - n // 2) if centred else np.arange(n)
    if measure == "lmu":
        energy /= 2 * order + 1
    upper = order > n // 4 if centred and n > 1 else order >= n // 2
    found: npt.NDArray[np.float64] = np.sqrt(energy[:, upper].sum(1))
    return found


def _ticks(low: float, high: float, count: int = 5) -> dict[float, str]:
    """Round numbers in [low, high]."""
    step = 10.0 ** np.floor(np.log10((high - low) / count))
    step = next(step * k for k in (1, 2, 5, 10) if (high - low) / (step * k) <= count)
    return {float(t): f"{t:.6g}" for t in step * np.arange(np.ceil(low / step), np.floor(high / step) + 0.5)}


def picture(
    title: str,
    times: npt.NDArray[np.float64],
    signal: npt.NDArray[Any] | None,
    remembered: npt.NDArray[Any],
    at: npt.NDArray[np.float64],
) -> Sheet:
    """Grey what came, orange what is remembered of it."""
    sheet = Sheet(960, 300, _PAPER)
    shown = remembered if signal is None else np.concatenate([signal, remembered])
    low, high = float(shown.min()), float(shown.max())
    margin = 0.05 * (high - low) or 0.5 * max(1.0, abs(high))
    left, right = (float(at.min()), float(at.max())) if len(at) > 1 else (float(at[0]) - 0.5, float(at[0]) + 0.5)
    axes = Axes(sheet, 64, 44, 936, 262, (left, right), (low - margin, high + margin))
    axes.grid_y(_ticks(low - margin, high + margin), _RULE, _SOFT)
    axes.ticks_x(_ticks(left, right, 8), _SOFT)
    sheet.text(64, 26, title, _INK, size=14, weight="bold")
    if signal is not None:
        axes.line(*_thinned(times, signal), _GREY, 1.2)
    axes.line(at, remembered, _ORANGE, 1.6)
    sheet.text((64 + 936) / 2, 294, "time", _SOFT, size=11, anchor="middle")
    return sheet


def _thinned(
    times: npt.NDArray[np.float64], values: npt.NDArray[Any], columns: int = 1000
) -> tuple[npt.NDArray[np.float64], npt.NDArray[Any]]:
    """The least and the largest value of each column of the picture, in their order."""
    if len(times) <= 2 * columns:
        return times, values
    edges = np.linspace(0, len(values), columns + 1).astype(np.int64)
    low = [int(a + np.argmin(values[a:b])) for a, b in pairwise(edges)]
    high = [int(a + np.argmax(values[a:b])) for a, b in pairwise(edges)]
    keep = np.unique(np.concatenate([low, high]))
    return times[keep], values[keep]
