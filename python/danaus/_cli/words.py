"""Spoken words in an endless stream: where each begins and ends, and what the model says of it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..models import Model

__all__ = ["Spotter", "Word"]

Float32Array = npt.NDArray[np.float32]

_HOP = 0.02  # seconds whose level is judged at once
_ONSET = 3  # loud hops in a row that begin a word
_HANG = 15  # quiet hops in a row that end it
_LEAD = 5  # hops before its onset that belong to it
_TAIL = 2  # hops after its last loud one that belong to it
_SHORTEST = 4  # loud hops of a word; fewer are a click
_LONGEST = 100  # hops, after which a word is cut
_RISE = 10.0  # dB above the background that make a hop loud
_SILENCE = -60.0  # dB of full scale, below which nothing is loud
_FIRST = 5  # hops at the beginning whose quietest is the first background
_NOISY = -35.0  # dB of full scale, above which it is not


@dataclass(frozen=True)
class Word:
    """One word: when, in seconds from the beginning, and the model's outputs at its end."""

    start: float
    end: float
    outputs: Float32Array


class Spotter:
    """Cuts a stream of sound into words by its level against a background that it follows.

    The model's stream begins anew with each word, 100 ms before its onset, and its answer is the one 40 ms after
    the last loud hop: what follows would only blur it. A steady sound that lasts two seconds is the new background.
    """

    def __init__(self, model: Model) -> None:
        rate = model.sample_rate or 1.0
        self._hop = max(1, round(_HOP * rate / model.frame)) * model.frame
        self._seconds = self._hop / rate
        self._stream = model.stream()
        self._rest = np.empty((0, model.channels), np.float32)
        self._lead: deque[Float32Array] = deque(maxlen=_LEAD + _ONSET)
        self._floor = _NOISY
        self._count = 0  # hops so far
        self._onset = 0  # loud hops in a row, outside a word
        self._levels: list[float] = []  # of the hops of the word so far
        self._start = self._loud = self._quiet = 0
        self._outputs: Float32Array | None = None  # running answer
        self._answer: Float32Array | None = None  # answer so far

    @property
    def seconds(self) -> float:
        """Of sound so far."""
        return self._count * self._seconds

    @property
    def running(self) -> Float32Array | None:
        """The answer so far, inside a word."""
        return self._outputs

    def push(self, samples: Float32Array) -> list[Word]:
        """Takes samples ``(n, channels)``; gives the words that ended with them."""
        self._rest = np.concatenate([self._rest, samples])
        hops = len(self._rest) // self._hop
        words = [self._take(self._rest[i * self._hop : (i + 1) * self._hop]) for i in range(hops)]
        self._rest = self._rest[hops * self._hop :]
        return [word for word in words if word is not None]

    def finish(self) -> list[Word]:
        """The word that the end cut short, if any."""
        word = self._end() if self._outputs is not None else None
        return [] if word is None else [word]

    def _take(self, hop: Float32Array) -> Word | None:
        self._count += 1
        level = 10 * float(np.log10(hop.var(axis=0).mean() + 1e-12))
        if self._outputs is not None:
            return self._follow(hop, level)
        self._wait(hop, level)
        return None

    def _wait(self, hop: Float32Array, level: float) -> None:
        """Outside a word: follows the background until three hops in a row stand out."""
        self._lead.append(hop)
        if self._count <= _FIRST:
            self._floor = min(self._floor, level)
            return
        loud = level > max(self._floor + _RISE, _SILENCE)
        self._onset = self._onset + 1 if loud else 0
        if not loud:
            self._floor += (0.3 if level < self._floor else 0.05) * (level - self._floor)
        if self._onset < _ONSET:
            return
        self._stream.reset()
        for kept in self._lead:
            self._outputs = self._answer = self._stream.run(kept)[-1]
        self._start, self._loud, self._quiet = self._count - len(self._lead), _ONSET, 0
        self._levels = []
        self._lead.clear()

    def _follow(self, hop: Float32Array, level: float) -> Word | None:
        """Inside a word: until 300 ms of background, or two seconds."""
        self._outputs = self._stream.run(hop)[-1]
        self._levels.append(level)
        if level > max(self._floor + 0.6 * _RISE, _SILENCE):
            self._loud, self._quiet = self._loud + 1, 0
        else:
            self._quiet += 1
        if self._quiet <= _TAIL:
            self._answer = self._outputs
        too_long = len(self._levels) >= _LONGEST
        return self._end() if too_long or self._quiet >= _HANG else None

    def _end(self) -> Word | None:
        """Ends the word, if it was one; what lasted and hardly changed is background from now on."""
        outputs, count = self._answer, self._loud
        end = self._count - max(self._quiet - _TAIL, 0)
        start, levels = self._start, self._levels
        self._outputs = self._answer = None
        self._onset = 0
        if len(levels) >= _LONGEST:
            low, high = (float(level) for level in np.percentile(levels, [20, 90]))
            self._floor = low
            if high - low < _RISE:
                return None
        if outputs is None or count < _SHORTEST:
            return None
        return Word(start * self._seconds, end * self._seconds, outputs)
