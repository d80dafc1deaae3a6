"""What the maps share: arrays of any type and layout on their way to a kernel, with words for what is refused."""

from __future__ import annotations

import math
from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arrays import thread_count

Array = npt.NDArray[Any]

_TYPES = ("float32", "float64", "float16", "bfloat16")


def scores(where: str, name: str, values: object) -> Array:
    """``values`` as an array of one of the four types, in memory a kernel can read."""
    array = np.asarray(values)
    if array.dtype.name not in _TYPES or not array.dtype.isnative:
        raise TypeError(f"{where}: {name} must be float32, float64, float16 or bfloat16, is {array.dtype.name}")
    if not array.flags.aligned or any(step % array.itemsize for step in array.strides):
        array = array.copy()
    return array


def axis_of(where: str, name: str, array: Array, axis: int) -> int:
    if array.ndim == 0 or not -array.ndim <= axis < array.ndim:
        raise ValueError(f"{where}: axis must be one of the {array.ndim} axes of {name}, is {axis}")
    return axis % array.ndim


def positive(where: str, name: str, value: float) -> float:
    """``value`` as a float between 1e-30 and 1e30: what kernels scale by."""
    number = float(value)
    if not 1e-30 <= number <= 1e30:
        raise ValueError(f"{where}: {name} must be positive, 1e-30 to 1e30, is {number}")
    return number


def whole(where: str, name: str, value: int, least: int) -> int:
    try:
        number = index(value)
    except TypeError:
        raise TypeError(f"{where}: {name} must be an integer, is {value!r}") from None
    if number < least:
        raise ValueError(f"{where}: {name} must be at least {least}, is {number}")
    return number


def masked(where: str, x: Array, mask: object) -> Array:
    """``x`` with -inf where ``mask`` is false."""
    given = np.asarray(mask)
    if given.dtype != np.bool_:
        raise TypeError(f"{where}: where must be bool, is {given.dtype.name}")
    try:
        wide = np.broadcast_to(given, x.shape)
    except ValueError:
        raise ValueError(f"{where}: where must broadcast to shape {x.shape}, has {given.shape}") from None
    result: Array = x.copy()
    result[~wide] = -math.inf
    return result


def _raw(array: Array) -> Array:
    return np.asarray(array.view(np.uint16)) if array.itemsize == 2 else array


def same_place(a: Array, b: Array) -> bool:
    return bool(
        a.__array_interface__["data"][0] == b.__array_interface__["data"][0]
        and a.strides == b.strides
        and a.dtype == b.dtype
    )


def run(
    where: str,
    name: str,
    x: Array,
    axis: int,
    *,
    other: Array | None = None,
    out: Array | None = None,
    columns: int | None = None,
    threads: int = 1,
    **parameters: Any,
) -> Array:
    """``out``, or a new array, of the map ``name`` along ``axis``; ``columns``: its length there, by default x's."""
    shape = x.shape if columns is None else (*x.shape[:axis], columns, *x.shape[axis + 1 :])
    if out is None:
        out = np.empty(shape, x.dtype)
    elif not isinstance(out, np.ndarray) or out.dtype != x.dtype or not out.flags.writeable:
        raise TypeError(f"{where}: out must be a writable {x.dtype.name} array")
    elif out.shape != shape:
        raise ValueError(f"{where}: out must have shape {shape}, has {out.shape}")
    elif not out.flags.aligned or any(step % out.itemsize for step in out.strides):
        raise TypeError(f"{where}: out must be aligned")
    inputs = [x] if other is None else [x, other]
    for i, array in enumerate(inputs):
        if np.may_share_memory(array, out) and not same_place(array, out):
            inputs[i] = array.copy()
    second = None if other is None else _raw(inputs[1])
    _core.simplex(
        name,
        _raw(inputs[0]),
        second,
        _raw(out),
        axis,
        half=x.dtype.name if x.itemsize == 2 else "",
        threads=thread_count(where, threads),
        **parameters,
    )
    return out


def pair(where: str, name: str, p: object, grad: object) -> tuple[Array, Array]:
    """A result and what it is multiplied with: of one type and shape."""
    first, second = scores(where, name, p), scores(where, "grad", grad)
    if second.dtype != first.dtype:
        raise TypeError(f"{where}: grad must be {first.dtype.name}, as {name} is, but is {second.dtype.name}")
    if second.shape != first.shape:
        raise ValueError(f"{where}: grad must have shape {first.shape}, has {second.shape}")
    return first, second
