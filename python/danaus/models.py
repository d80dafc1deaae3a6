"""Trained networks: load a model file, run it whole or stream it, and check that both agree."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import resources
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from . import _core
from ._arrays import thread_count

__all__ = ["Model", "Report", "Stream", "embedded", "load"]

Float32Array = npt.NDArray[np.float32]

_DTYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8", "U8": "u1", "U32": "<u4"}


class Stream(Protocol):
    """A model at work on sequences that arrive bit by bit (a compiled class).

    ``step`` takes a frame of exactly ``model.frame`` rows, ``run`` a chunk of any length; ``state`` is a copy of
    all that is remembered, which, put back, resumes bit for bit.
    """

    state: Float32Array

    @property
    def pending(self) -> int: ...
    def step(self, frame: Float32Array, out: Float32Array | None = None) -> Float32Array: ...
    def run(self, u: Float32Array, *, out: Float32Array | None = None) -> Float32Array: ...
    def reset(self) -> None: ...
    def copy(self) -> Stream: ...


@dataclass(frozen=True)
class Report:
    """What :meth:`Model.check` found."""

    name: str
    causal: bool
    difference: float | None
    """max |stream - batch| of the outputs; ``None`` for a model that cannot stream."""
    poles: list[dict[str, Any]]
    """For each state-space kernel: layer, channels, modes, largest modulus, memory in rows."""
    state_bytes: int
    """What a stream remembers of one sequence."""
    macs: int
    """Multiply-adds a step."""
    parameters: int

    @property
    def stable(self) -> bool:
        return all(pole["radius"] < 1 for pole in self.poles)

    @property
    def ok(self) -> bool:
        """Whether the model is stable and its stream agrees with the batch within 1e-5."""
        return self.stable and (self.difference is None or self.difference <= 1e-5)

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "stable": self.stable, "ok": self.ok}

    def __str__(self) -> str:
        streams = "whole sequences only"
        if self.difference is not None:
            streams = f"max |stream - batch| = {self.difference:.2g}"
        lines = [
            f"{self.name}: {'ok' if self.ok else 'NOT OK'}",
            f"  {streams}",
            f"  {self.parameters:,} parameters, {self.macs:,} multiply-adds a step, {self.state_bytes:,} B of state",
        ]
        lines += [
            f"  {pole['layer']}: {pole['channels']} channels x {pole['modes']} mode pairs, largest pole "
            f"{pole['radius']:.6f}, memory {pole['memory']:.4g} steps"
            for pole in self.poles
        ]
        return "\n".join(lines)


class Model:
    """A trained network, immutable. Made by :func:`load`.

    >>> model = load("japanese_vowels")
    >>> model(np.zeros((20, 12), np.float32)).shape
    (9,)
    """

    def __init__(self, file: bytes) -> None:
        self._file = file
        self._core = _core.Model.from_bytes(file)

    @property
    def name(self) -> str:
        return str(self._core.name)

    @property
    def summary(self) -> str:
        return str(self._core.summary)

    @cached_property
    def _header(self) -> dict[str, Any]:
        """The JSON of the file's head: type, shape and place of each tensor."""
        size = int.from_bytes(self._file[:8], "little")
        return dict(json.loads(self._file[8 : 8 + size]))

    @property
    def metadata(self) -> dict[str, str]:
        """What the file says of itself: ``license``, ``origin`` and whatever its writer added."""
        return {k: v for k, v in self._header.get("__metadata__", {}).items() if k != "danaus"}

    @property
    def description(self) -> dict[str, Any]:
        """Name, input, labels and the list of layers, as the file has them."""
        return dict(json.loads(self._header["__metadata__"]["danaus"]))

    @property
    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """The parameters by name, read-only; what NumPy has no type for (bfloat16, say) is left out.

        >>> load("japanese_vowels").tensors["decoder.weight"].shape
        (9, 32)
        """
        data = memoryview(self._file)[8 + int.from_bytes(self._file[:8], "little") :]
        return {
            name: np.frombuffer(data[slice(*entry["data_offsets"])], _DTYPES[entry["dtype"]]).reshape(entry["shape"])
            for name, entry in self._header.items()
            if name != "__metadata__" and entry["dtype"] in _DTYPES
        }

    @property
    def labels(self) -> list[str]:
        """Names of the outputs, or none."""
        return list(self._core.labels)

    @property
    def sample_rate(self) -> float | None:
        """Rows a second, where time has a unit."""
        return float(self._core.sample_rate) or None

    @property
    def channels(self) -> int:
        return int(self._core.channels)

    @property
    def frame(self) -> int:
        """Input rows that a step takes."""
        return int(self._core.rows)

    @property
    def outputs(self) -> int:
        """Values of an output row."""
        return int(self._core.outputs)

    @property
    def causal(self) -> bool:
        """Whether it can stream."""
        return bool(self._core.causal)

    @property
    def pooled(self) -> bool:
        """Whether a whole sequence gives one row of outputs."""
        return bool(self._core.reduces)

    def __call__(
        self,
        u: npt.NDArray[Any],
        *,
        lengths: npt.ArrayLike | None = None,
        out: Float32Array | None = None,
        threads: int = 1,
    ) -> Float32Array:
        """Whole sequences ``(..., L, channels)`` of float32; with one channel also ``(L,)``.

        ``lengths`` ``(...)`` says how many rows of each sequence count (padding after them has no
        effect). Gives ``(..., outputs)`` for a pooled model, else ``(..., ceil(L / frame), outputs)`` with
        zeros after a sequence's end. Raises ``ValueError`` for wrong shapes and for input that is not
        finite, ``TypeError`` for another element type.
        """
        u = np.asarray(u)
        if u.ndim == 1 and self.channels == 1:
            u = u[:, None]
        if u.ndim < 2 or u.shape[-1] != self.channels or u.shape[-2] == 0:
            raise ValueError(f"model: u must have shape (..., L, {self.channels}) with L > 0, has {u.shape}")
        lead, rows = u.shape[:-2], -(-u.shape[-2] // self.frame)
        count = np.asarray(np.full(lead, u.shape[-2]) if lengths is None else lengths)
        if count.shape != lead or count.dtype.kind not in "iu":
            raise ValueError(
                f"model: lengths must be integers of shape {lead}, are {count.dtype} of shape {count.shape}"
            )
        shape = (*lead, self.outputs) if self.pooled else (*lead, rows, self.outputs)
        given = np.asarray(out) if hasattr(out, "__dlpack__") else None
        if out is not None and (given is None or not given.flags.c_contiguous):
            raise TypeError("model: out must be a writable, C-contiguous float32 array")
        if given is not None and given.shape != shape:
            raise ValueError(f"model: out must have shape {shape}, has {given.shape}")
        flat = (int(np.prod(lead)), 1 if self.pooled else rows, self.outputs)
        result = self._core.run(
            u.reshape(-1, *u.shape[-2:]),
            np.ascontiguousarray(count.reshape(-1), dtype=np.int64),
            None if given is None else given.reshape(flat),
            thread_count("model", threads),
        )
        return result.reshape(shape) if out is None else out

    def stream(self, batch: int | None = None) -> Stream:
        """A stream from the beginning, of one sequence or of ``batch`` side by side."""
        if batch is not None and batch < 1:
            raise ValueError(f"model.stream: batch must be at least 1, is {batch}")
        return self._core.stream(batch)

    def check(self, steps: int = 512) -> Report:
        """Runs ``steps`` steps of noise as a batch and as a stream, and looks at the poles."""
        rng = np.random.default_rng(0)
        shape = (steps * self.frame, self.channels)
        if self._core.vocabulary:
            u = rng.integers(0, self._core.vocabulary, shape).astype(np.float32)
        else:
            u = rng.standard_normal(shape).astype(np.float32)
        difference = None
        if self.causal:
            stream = self.stream()
            frames = u.reshape(steps, self.frame, self.channels)
            stepped = np.stack([stream.step(frame) for frame in frames])
            difference = float(np.abs((stepped[-1] if self.pooled else stepped) - self(u)).max())
        return Report(
            name=self.name,
            causal=self.causal,
            difference=difference,
            poles=list(self._core.poles),
            state_bytes=4 * int(self.stream().state.size if self.causal else self._core.state_size),
            macs=int(self._core.macs),
            parameters=int(self._core.parameters),
        )

    def save(self, path: str | PathLike[str]) -> None:
        """Writes the model file: safetensors, readable by anything that reads them."""
        Path(path).write_bytes(self._file)

    def __repr__(self) -> str:
        return f"<danaus.Model {self.name!r}: {self.channels} channels in, {self.outputs} out>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (Model, (self._file,))


def embedded() -> list[str]:
    """Names of the models that come with the package.

    >>> embedded()
    ['digits', 'japanese_vowels']
    """
    return sorted(
        entry.name.removesuffix(".safetensors")
        for entry in (resources.files(__package__) / "data").iterdir()
        if entry.name.endswith(".safetensors")
    )


def load(path: str | PathLike[str]) -> Model:
    """A model from a file, or an embedded one by its name.

    Raises ``OSError`` for a file that cannot be read and ``ValueError`` for one that is no model.
    """
    name = fspath(path)
    if name in embedded():
        return Model((resources.files(__package__) / "data" / f"{name}.safetensors").read_bytes())
    try:
        return Model(Path(name).read_bytes())
    except FileNotFoundError:
        raise FileNotFoundError(
            f"model.load: {name!r} must be a model file or one of {', '.join(embedded())}; there is no such file"
        ) from None
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
