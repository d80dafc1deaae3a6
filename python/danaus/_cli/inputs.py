"""What a command is given to run on: .wav, .npy and .csv files as the rows of a model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..models import Model
from . import terminal
from .audio import Format, read_wav
from .errors import UserError, printable

__all__ = ["expect_format", "is_audio", "read_input"]

Float32Array = npt.NDArray[np.float32]


def is_audio(model: Model) -> bool:
    """Whether the rows of ``model`` are samples of sound: integers then mean fractions of full scale."""
    return model.sample_rate is not None and model.sample_rate >= 4000


def read_input(model: Model, source: str) -> Float32Array:
    """The rows ``(L, channels)`` of a file, or of CSV text on standard input for ``-``; every one finite."""
    where = "standard input" if source == "-" else printable(source)
    kind = ".csv" if source == "-" else Path(source).suffix.lower()
    if kind not in (".wav", ".npy", ".csv"):
        raise UserError(
            f"{where}: must be a .wav, .npy or .csv file, or - for standard input; "
            f"for bare 16-bit samples: danaus run MODEL - < {where}"
        )
    if kind == ".npy":
        rows, remarks = _from_npy(model, source, where)
    else:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        if not data:
            raise UserError(f"{where}: must hold input, is empty")
        rows, remarks = _from_wav(model, data, where) if kind == ".wav" else (_from_csv(model, data, where), [])
    if rows.shape[0] == 0:
        raise UserError(f"{where}: must hold at least one row, holds none")
    _expect_finite(rows, where)
    if is_audio(model) and np.abs(rows).max() > 4:
        remarks.append(f"{where} goes up to {np.abs(rows).max():.4g}; sound in [-1, 1] is expected")
    for remark in remarks:
        terminal.note(remark)
    return rows


def expect_format(model: Model, form: Format, where: str) -> None:
    """Refuses sound of another rate or another number of channels than the model's."""
    rate = model.sample_rate
    if rate is None:
        raise UserError(
            f"{where}: {printable(model.name)} does not take sound, but {model.channels} channels a row; "
            "give it a .npy or .csv file"
        )
    if form.rate == rate and form.channels == model.channels:
        return
    raise UserError(
        f"{where}: must be {rate:g} Hz with {model.channels} channel{'s' * (model.channels != 1)}, is {form.rate} Hz "
        f"with {form.channels}; convert it: sox {where} -r {rate:g} -c {model.channels} out.wav"
    )


def _from_wav(model: Model, data: bytes, where: str) -> tuple[Float32Array, list[str]]:
    samples, form, remark = read_wav(data, where)
    expect_format(model, form, where)
    return samples, [] if remark is None else [remark]


def _from_npy(model: Model, source: str, where: str) -> tuple[Float32Array, list[str]]:
    path = Path(source)
    with path.open("rb") as file:  # says why, where it cannot be read
        if not file.read(1):
            raise UserError(f"{where}: must hold input, is empty")
    try:
        array: npt.NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # NumPy documents none of what a damaged head raises
        raise UserError(f"{where}: must be an array as numpy.save writes it: {printable(error)}") from None
    if array.ndim == 1 and model.channels == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] != model.channels:
        hint = "; transpose it" if array.ndim == 2 and array.shape[0] == model.channels else ""
        hint = "; save one sequence a file" if array.ndim == 3 else hint
        raise UserError(f"{where}: must have shape (L, {model.channels}), has {array.shape}{hint}")
    return _as_float32(model, array, where)


def _as_float32(model: Model, array: npt.NDArray[Any], where: str) -> tuple[Float32Array, list[str]]:
    """Float32, with a word about what that changes."""
    kind, name = array.dtype.kind, array.dtype.name
    if kind not in "iuf":
        raise UserError(f"{where}: must hold float32, float64 or integers, holds {printable(name)}")
    with np.errstate(over="ignore"):
        rows = np.array(array, dtype=np.float32)
    if kind == "f":
        return rows, [f"{where} is {name}; computed in float32"] if array.dtype.itemsize > 4 else []
    if not is_audio(model):
        return rows, []
    full = 2.0 ** (8 * array.dtype.itemsize - 1)
    scaled = (rows - np.float32(full if kind == "u" else 0)) / np.float32(full)
    return scaled, [f"{where} is {name}; full scale ({full:.0f}) was taken as 1"]


def _from_csv(model: Model, data: bytes, where: str) -> Float32Array:
    """Rows of numbers; commas, semicolons (then with decimal commas), tabs or blanks between them."""
    rows: list[list[float]] = []
    headed = False
    lines = data.decode("utf-8-sig", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            row = [float(field) for field in _fields(line)]
        except ValueError:
            if not rows and not headed and not any(_is_number(field) for field in _fields(line)):
                headed = True
                continue
            bad = next(field for field in _fields(line) if not _is_number(field))
            raise UserError(f"{where}, line {number}: must hold numbers, holds {printable(bad[:40])!r}") from None
        if len(row) != model.channels:
            raise UserError(
                f"{where}, line {number}: must have {model.channels} column{'s' * (model.channels != 1)} "
                f"(the channels of {printable(model.name)}), has {len(row)}"
            )
        rows.append(row)
    with np.errstate(over="ignore"):
        return np.array(rows, dtype=np.float32).reshape(-1, model.channels)


def _fields(line: str) -> list[str]:
    if ";" in line:
        return line.replace(",", ".").split(";")
    for separator in (",", "\t"):
        if separator in line:
            return line.split(separator)
    return line.split()


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _expect_finite(rows: Float32Array, where: str) -> None:
    bad = np.argwhere(~np.isfinite(rows))
    if len(bad):
        row, channel = (int(i) for i in bad[0])
        raise UserError(
            f"{where}: every number must be finite in float32, is {rows[row, channel]} at row {row}, channel {channel} "
            f"(counted from 0; {len(bad)} in all)"
        )
