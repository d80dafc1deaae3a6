"""Who says 'ae'? The test part of JapaneseVowels through the embedded model, whole and frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from time import perf_counter, perf_counter_ns
from typing import Any

import numpy as np
import numpy.typing as npt

from ..models import Model, load

__all__ = ["Vowels", "arrays", "step_through", "vowels"]

Float32Array = npt.NDArray[np.float32]


def arrays(name: str) -> dict[str, npt.NDArray[Any]]:
    """Those of an embedded ``.npz``."""
    with (resources.files("danaus") / "data" / name).open("rb") as stream, np.load(stream) as file:
        return dict(file)


@dataclass(frozen=True)
class Vowels:
    """The test part of JapaneseVowels, and what the model says of it."""

    model: Model
    utterances: list[Float32Array]
    labels: npt.NDArray[np.int64]
    batch: Float32Array
    """Logits of the padded batch."""
    running: list[Float32Array]
    """Of each utterance the logits after each frame, streamed."""
    batch_seconds: float
    nanoseconds: npt.NDArray[np.int64]

    @property
    def stream(self) -> Float32Array:
        return np.stack([logits[-1] for logits in self.running])

    @property
    def difference(self) -> float:
        return float(np.abs(self.stream - self.batch).max())

    def right(self, logits: Float32Array) -> int:
        return int((logits.argmax(-1) == self.labels).sum())


def vowels() -> Vowels:
    """Runs the 370 utterances as one padded batch, and each frame by frame."""
    model = load("japanese_vowels")
    test = arrays("japanese_vowels_test.npz")
    lengths, labels = test["lengths"].astype(np.int64), test["labels"].astype(np.int64)
    utterances = np.split(test["frames"], np.cumsum(lengths)[:-1])
    padded = np.zeros((len(lengths), int(lengths.max()), model.channels), np.float32)
    for row, utterance in zip(padded, utterances, strict=True):
        row[: len(utterance)] = utterance
    start = perf_counter()
    batch = model(padded, lengths=lengths)
    seconds = perf_counter() - start
    running, times = step_through(model, utterances)
    return Vowels(model, utterances, labels, batch, running, seconds, times)


def step_through(model: Model, sequences: list[Float32Array]) -> tuple[list[Float32Array], npt.NDArray[np.int64]]:
    """The outputs after each step, and the time of each: Python's call, the new array and the clock included."""
    stream = model.stream()
    running, times = [], []
    for sequence in sequences:
        stream.reset()
        outputs = []
        for frame in sequence.reshape(-1, model.frame, model.channels):
            start = perf_counter_ns()
            outputs.append(stream.step(frame))
            times.append(perf_counter_ns() - start)
        running.append(np.stack(outputs))
    return running, np.array(times)
