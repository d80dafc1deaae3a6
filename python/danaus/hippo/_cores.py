"""Which bound class of C++ keeps the memory of a measure."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from ._windows import DECAYS, WINDOWS, window_core

LEGS_STEPS = ("bilinear", "hippo_bilinear", "backward_euler", "forward_euler")


def core_of(
    where: str,
    measure: str,
    n: int,
    channels: int,
    theta: float | None,
    dt: float,
    method: str | float,
    dtype: np.dtype[Any],
) -> Any:
    """The memory of ``measure``, empty. Times inside it are counted in units of ``dt``."""
    single = dtype.itemsize == 4
    if measure == "legs":
        if theta is not None:
            raise ValueError(f"{where}: theta must be None for 'legs', which has no window, is {theta}")
        if method == "exact":
            return (_core.LegsMemory32 if single else _core.LegsMemory64)(n, channels)
        if method not in LEGS_STEPS:
            raise ValueError(f"{where}: method must be one of {('exact', *LEGS_STEPS)} for 'legs', is {method!r}")
        return (_core.LegsSteps32 if single else _core.LegsSteps64)(method, n, channels)
    if measure in (*WINDOWS, *DECAYS, "fous"):
        return window_core(where, measure, n, channels, theta, dt, method, dtype)
    names = ("legs", *WINDOWS, *DECAYS, "fous")
    raise ValueError(f"{where}: measure must be one of {names}, is {measure!r}")
