"""What all state-space layers share: streams and reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy.typing as npt

from .._arrays import FloatArray


class Stream(Protocol):
    """A layer at work on sequences that arrive bit by bit (a compiled class).

    ``step`` takes one sample ``(H,)`` or ``(batch, H)``, ``run`` a chunk of any length ``(L, H)`` or
    ``(batch, L, H)``: how a sequence is cut changes no bit of the result. ``lengths`` ``(batch,)``: how many
    samples of the chunk are each sequence's own; outputs beyond are 0. ``state`` is a copy of all that is
    remembered; put back, it resumes bit for bit.
    """

    state: FloatArray

    def step(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray: ...
    def run(
        self,
        u: FloatArray,
        *,
        out: FloatArray | None = None,
        threads: int = 1,
        lengths: npt.ArrayLike | None = None,
    ) -> FloatArray: ...
    def reset(self) -> None: ...
    def copy(self) -> Stream: ...


@dataclass(frozen=True)
class Report:
    """What the ``check()`` of a layer found."""

    system: str
    """The layer's class."""
    channels: int
    modes: int
    """State variables a channel; conjugate pairs count once."""
    radius: float
    """Largest modulus of a pole in discrete time; stable below 1."""
    memory: float
    """Time constant of the slowest pole, in samples."""
    unstable: tuple[int, ...]
    """The channels with a pole on or outside the unit circle."""
    difference: float
    """max |step - convolution| over a white input, relative to the largest output, in float32."""
    evaluation: str
    """What ``layer(u)`` would use for one sequence of this length, by the model of costs."""
    notes: tuple[str, ...] = ()
    """What else a user should know, a sentence each."""

    @property
    def stable(self) -> bool:
        return not self.unstable

    def __str__(self) -> str:
        lines = [
            f"{self.system}, {self.channels} channels x {self.modes} modes, evaluated by {self.evaluation}",
            f"  largest pole |z| = {self.radius:.9f} ({'stable' if self.stable else 'UNSTABLE'}), "
            f"memory {self.memory:.4g} samples",
            f"  step against convolution: {self.difference:.2g} of the largest output",
        ]
        if self.unstable:
            some = ", ".join(map(str, self.unstable[:8])) + (", ..." if len(self.unstable) > 8 else "")
            lines.append(f"  unstable channels ({len(self.unstable)} of {self.channels}): {some}")
        return "\n".join(lines + [f"  {note}" for note in self.notes])
