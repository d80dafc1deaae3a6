"""What the modules share about arrays: types for signatures, checks with words."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
ComplexArray = npt.NDArray[np.complexfloating[Any, Any]]

_FLOATS = ("float32", "float64")


def float_dtype(where: str, name: str, dtype: npt.DTypeLike) -> np.dtype[Any]:
    """``dtype`` as NumPy's, which must be float32 or float64."""
    found = np.dtype(dtype)
    if found.name not in _FLOATS or not found.isnative:
        raise TypeError(f"{where}: {name} must be float32 or float64, is {found.name if found.isnative else found.str}")
    return found


def float_array(where: str, name: str, values: object) -> FloatArray:
    """``values`` as an array of float32 or float64, without a copy where it is one."""
    array = np.asarray(values)
    float_dtype(where, name, array.dtype)
    return array


def finite(where: str, name: str, values: object, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """``values`` as a new, read-only array of ``dtype``, every element finite."""
    if np.asarray(values).dtype.kind == "c" and np.dtype(dtype).kind != "c":
        raise TypeError(f"{where}: {name} must be real, is complex")
    array = np.array(values, dtype=dtype)
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        index = tuple(int(i) for i in bad[0])
        raise ValueError(f"{where}: {name} must be finite, is {array[index]} at {index}")
    array.flags.writeable = False
    return array


def thread_count(where: str, threads: int) -> int:
    try:
        count = index(threads)
    except TypeError:
        raise TypeError(f"{where}: threads must be an integer, is {threads!r}") from None
    if count < 1:
        raise ValueError(f"{where}: threads must be at least 1, is {count}")
    return min(count, 1024)
