"""The memories of windows and decays: which class of C++ keeps them, and what they refuse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arrays import ComplexArray

WINDOWS = ("legt", "lmu", "fout", "fourier_decay", "fourier_sliding")
DECAYS = ("lagt", "tlagt", "glagt", "foud")
METHODS = {"exact": -1.0, "bilinear": 0.5, "backward_euler": 1.0, "forward_euler": 0.0}


def alpha_of(where: str, method: str | float) -> float:
    """The generalised bilinear transform's alpha; -1 is exact."""
    if isinstance(method, str):
        if method not in METHODS:
            raise ValueError(f"{where}: method must be one of {tuple(METHODS)} or a number, is {method!r}")
        return METHODS[method]
    alpha = float(method)
    if not 0.5 <= alpha <= 1:
        raise ValueError(f"{where}: a method that is a number must be from 0.5 to 1, is {alpha}")
    return alpha


def rate_of(where: str, measure: str, theta: float | None, dt: float) -> float:
    """Steps a unit of the measure's own time."""
    if measure in DECAYS or measure == "fous":
        if theta is not None:
            raise ValueError(f"{where}: theta must be None for {measure!r}, which has no window, is {theta}")
        return dt
    if theta is None or not 0 < theta < math.inf:
        raise ValueError(f"{where}: theta must be the length of the window for {measure!r}, is {theta}")
    if theta < dt:
        raise ValueError(f"{where}: theta must be at least dt = {dt}, one sample, is {theta}")
    return dt / theta


class Complexed:
    """A bound memory whose coefficients are made complex."""

    def __init__(self, core: Any, n: int, sliding: bool, dtype: np.dtype[Any]) -> None:
        self._core, self.n, self._sliding = core, n, sliding
        self._dtype = np.complex64 if dtype.itemsize == 4 else np.complex128

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)

    @property
    def state(self) -> npt.NDArray[np.float64]:
        found: npt.NDArray[np.float64] = self._core.state
        return found

    @state.setter
    def state(self, state: npt.NDArray[np.float64]) -> None:
        self._core.state = state

    def coefficients(self) -> ComplexArray:
        """``(channels, n)``, frequencies rising from -M."""
        found = self._core.coefficients()
        if self._sliding:  # sqrt2 (a cos + b sin) = (a + i b) / sqrt2 e^{-i w} and its conjugate
            half = (found[:, 0::2] + 1j * found[:, 1::2]) / math.sqrt(2)
            found = np.concatenate([half[:, :0:-1].conj(), found[:, :1], half[:, 1:]], axis=1)
        made: ComplexArray = found.astype(self._dtype)
        return made


def window_core(
    where: str,
    measure: str,
    n: int,
    channels: int,
    theta: float | None,
    dt: float,
    method: str | float,
    dtype: np.dtype[Any],
) -> Any:
    """The memory of a window, a decay, or FouS, empty."""
    rate, alpha = rate_of(where, measure, theta, dt), alpha_of(where, method)
    single = dtype.itemsize == 4
    if measure == "fous":
        if alpha >= 0:
            raise ValueError(f"{where}: method must be 'exact' for 'fous', whose exact step is O(n), is {method!r}")
        return Complexed((_core.FousMemory32 if single else _core.FousMemory64)(n, channels), n, False, dtype)
    make = _core.WindowMemory32 if single else _core.WindowMemory64
    tilt = 0.01 if measure == "glagt" else 1.0  # as in published code
    if measure == "fourier_sliding":
        if n % 2 == 0:
            raise ValueError(f"{where}: n must be odd (frequencies -M to M) for {measure!r}, is {n}")
        return Complexed(make("fourier_decay", n + 1, channels, rate, alpha, 0.0, 1.0), n, True, dtype)
    return make(measure, n, channels, rate, alpha, 0.0, tilt)
