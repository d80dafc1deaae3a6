"""The picture of the demonstration: what fades from a memory, and how an answer grows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from .. import __version__
from .._picture import Axes, Sheet
from .answers import probabilities
from .heartbeat import Heartbeat, Span
from .vowels import Vowels

__all__ = ["draw"]

Float32Array = npt.NDArray[np.float32]

_INK, _SOFT, _FAINT, _RULE, _PAPER = "#22262b", "#6c747d", "#b9c0c7", "#e6e3dc", "#fcfbf8"
_ORANGE, _BLUE = "#d9660a", "#27598f"
_WIDTH, _HEIGHT = 1120, 830
_LEFT, _RIGHT = 64, _WIDTH - 36


def draw(vowels: Vowels, heart: Heartbeat, path: Path) -> None:
    """Saves the picture as .png or .svg."""
    sheet = Sheet(_WIDTH, _HEIGHT, _PAPER)
    _minutes(sheet, heart)
    _zooms(sheet, heart)
    _utterance(sheet, vowels)
    _accuracy(sheet, vowels)
    source = (
        "Heartbeat: MIT-BIH record 208, PhysioNet, ODC-BY 1.0. Utterances: JapaneseVowels, UCI repository, CC BY 4.0."
    )
    sheet.text(_LEFT, _HEIGHT - 16, f"danaus {__version__}. {source}", _SOFT, size=10.5)
    sheet.save(path)


def _title(sheet: Sheet, x: float, y: float, title: str, text: str) -> None:
    sheet.text(x, y, title, _INK, size=17, weight="bold")
    sheet.text(x, y + 20, text, _SOFT, size=12.5)


def _envelope(values: Float32Array, columns: int) -> tuple[npt.NDArray[np.int64], Float32Array, Float32Array]:
    """The least and the largest value in each of ``columns`` equal parts, and where the parts begin."""
    edges = np.linspace(0, len(values), columns + 1).astype(np.int64)[:-1]
    return edges, np.minimum.reduceat(values, edges), np.maximum.reduceat(values, edges)


def _minutes(sheet: Sheet, heart: Heartbeat) -> None:
    """All of it: grey what came, orange what the chain of memories still has."""
    numbers = 256 * len(heart.spans)
    _title(
        sheet,
        _LEFT,
        40,
        f"Five minutes of heartbeat, kept in {numbers:,} numbers: sharp now, softer with age",
        f"Grey: {len(heart.signal):,} samples as they came. Orange: what {len(heart.spans)} exact memories "
        "of 256 numbers remember; two of them merge into one as they age.",
    )
    seconds = len(heart.signal) / heart.rate
    axes = Axes(sheet, _LEFT, 102, _RIGHT, 250, (-seconds, 0), (-3.6, 3.8))
    axes.grid_y({-2: "-2", 0: "0", 2: "2 mV"}, _RULE, _SOFT)
    columns = int(axes.right - axes.left)
    remembered = np.concatenate([span.remembered for span in heart.spans])
    for values, colour, opacity in ((heart.signal, _FAINT, 0.75), (remembered, _ORANGE, 0.9)):
        at, low, high = _envelope(values, columns)
        middle, half = (high + low) / 2, np.maximum((high - low) / 2, 0.035)
        axes.band(at / heart.rate - seconds, middle - half, middle + half, colour, opacity)
    for span in heart.spans:
        _mark_span(axes, span, heart)
    axes.ticks_x(
        {-300.0: "5 min ago", -240.0: "4 min", -180.0: "3 min", -120.0: "2 min", -60.0: "1 min", -1.0: "now"}, _SOFT
    )


def _mark_span(axes: Axes, span: Span, heart: Heartbeat) -> None:
    """A bracket over the part of one memory."""
    end = len(heart.signal)
    left, right = (float(axes.x((at - end) / heart.rate)) for at in (span.start, span.end))
    y = axes.top - 3
    axes.sheet.line([left + 1.2, right - 1.2], [y, y], _ORANGE, 2.2)
    if right - left > 40:
        many = "256 numbers" if right - left > 120 else "256"
        text = f"{many} for {(span.end - span.start) / heart.rate:.0f} s"
        axes.sheet.text((left + right) / 2, y - 6, text, _ORANGE, size=10.5, anchor="middle")


def _zooms(sheet: Sheet, heart: Heartbeat) -> None:
    """Four seconds from memories of four ages."""
    gap = 26
    width = (_RIGHT - _LEFT - 3 * gap) / 4
    for column, index in enumerate(np.linspace(0, len(heart.spans) - 1, 4).round().astype(int).tolist()):
        left = _LEFT + column * (width + gap)
        _zoom(sheet, heart, heart.spans[index], left, left + width)


def _zoom(sheet: Sheet, heart: Heartbeat, span: Span, left: float, right: float) -> None:
    count, total = 4 * heart.rate, len(heart.signal)
    start = max(span.start, min((span.start + span.end - count) // 2, span.end - count))
    ago, length = (total - start) / heart.rate, (span.end - span.start) / heart.rate
    axes = Axes(sheet, left, 332, right, 424, (0, 4), (-1.6, 2.6))
    when = f"{ago:.0f} s ago" if ago < 100 else f"{ago / 60:.1f} min ago"
    sheet.text(left, 306, when, _INK, size=13, weight="bold")
    sheet.text(left, 322, f"256 numbers for {length:.0f} s; rms error {span.error:.2f} mV", _SOFT, size=11)
    sheet.line([left, right], [axes.bottom, axes.bottom], _RULE, 0.8)
    seconds = np.arange(count) / heart.rate
    signal = np.clip(heart.signal[start : start + count], *axes.y_range)
    axes.line(seconds, signal, _FAINT, 2.4)
    axes.line(seconds, span.remembered[start - span.start :][:count], _ORANGE, 1.5)
    if left < _LEFT + 1:  # the scale, once
        x, low, high = left - 12, float(axes.y(0)), float(axes.y(1))
        sheet.line([x, x], [low, high], _SOFT, 1.4)
        sheet.text(x - 6, (low + high) / 2 + 4, "1 mV", _SOFT, size=11, anchor="end")
        sheet.text((left + right) / 2, axes.bottom + 16, "4 s", _SOFT, size=11, anchor="middle")


def _utterance(sheet: Sheet, vowels: Vowels) -> None:
    """The scores of one utterance as its frames come: one that changes its mind and ends right."""
    chances = [probabilities(logits) for logits in vowels.running]
    index = _telling(chances, vowels.labels)
    scores, label = chances[index], int(vowels.labels[index])
    frames = np.arange(1, len(scores) + 1)
    middle = _LEFT + 0.47 * (_RIGHT - _LEFT)
    _title(
        sheet,
        _LEFT,
        506,
        "An answer grows with every frame",
        f"Test utterance {index + 1} of 370: which of nine men says 'ae'?",
    )
    axes = Axes(sheet, _LEFT, 556, middle - 74, 748, (1, float(len(scores))), (0, 1))
    axes.grid_y({0: "0", 0.5: "0.5", 1: "1"}, _RULE, _SOFT)
    order = np.argsort(scores.max(0))
    rival = next(int(k) for k in order[::-1] if k != label)
    for k in order.tolist():
        colour, width = (_ORANGE, 2.6) if k == label else (_BLUE, 1.6) if k == rival else (_FAINT, 1.1)
        axes.line(frames, scores[:, k], colour, width)
    sheet.text(
        axes.right + 8,
        float(axes.y(scores[-1, label])) + 5,
        vowels.model.labels[label],
        _ORANGE,
        size=12.5,
        weight="bold",
    )
    peak = int(scores[:, rival].argmax())
    sheet.text(
        float(axes.x(frames[peak])) + 8,
        float(axes.y(scores[peak, rival])) - 7,
        vowels.model.labels[rival],
        _BLUE,
        size=12.5,
    )
    step = max(1, len(scores) // 5)
    axes.ticks_x({float(k): f"{k}" for k in range(1, len(scores), step)}, _SOFT)
    sheet.text((axes.left + axes.right) / 2, axes.bottom + 34, "frames heard", _SOFT, size=11.5, anchor="middle")
    sheet.text(axes.left + 6, axes.top + 15, "probability", _SOFT, size=11)


def _telling(chances: list[npt.NDArray[np.float64]], labels: npt.NDArray[np.int64]) -> int:
    """The utterance whose right answer was behind for longest, by the sum of its lag, and clear at the end."""

    def lag(scores: npt.NDArray[np.float64], label: int) -> float:
        if scores[-1].argmax() != label or scores[-1, label] < 0.9:
            return -1.0
        others = np.delete(scores, label, axis=1).max(1)
        return float(np.maximum(others - scores[:, label], 0).sum())

    return int(np.argmax([lag(scores, int(label)) for scores, label in zip(chances, labels, strict=True)]))


def _accuracy(sheet: Sheet, vowels: Vowels) -> None:
    """Of all utterances: how many are right after so many frames."""
    longest = max(map(len, vowels.running))
    right = np.zeros((len(vowels.running), longest))
    for row, logits, label in zip(right, vowels.running, vowels.labels, strict=True):
        row[: len(logits)] = logits.argmax(-1) == label
        row[len(logits) :] = row[len(logits) - 1]  # an utterance that has ended keeps its answer
    share, frames = right.mean(0), np.arange(1, longest + 1)
    left = _LEFT + 0.53 * (_RIGHT - _LEFT)
    _title(
        sheet,
        left,
        506,
        f"{int(right[:, -1].sum())} of {len(right)} right at the end, most much sooner",
        "Share of the test utterances whose answer so far is right",
    )
    axes = Axes(sheet, left + 30, 556, _RIGHT - 52, 748, (1, float(longest)), (0, 1))
    axes.grid_y({0: "0", 0.5: "50 %", 1: "100 %"}, _RULE, _SOFT)
    axes.band(frames, np.zeros(longest), share, _BLUE, 0.08)
    axes.line(frames, share, _BLUE, 2.4)
    sheet.text(axes.right + 7, float(axes.y(share[-1])) + 5, f"{share[-1]:.1%}", _BLUE, size=12.5, weight="bold")
    ninety = int(np.argmax(share >= 0.9))
    if share[ninety] >= 0.9:
        x, y = float(axes.x(frames[ninety])), float(axes.y(share[ninety]))
        sheet.line([x, x], [y, axes.bottom], _BLUE, 0.9, 0.6)
        sheet.text(x + 7, axes.bottom - 12, f"{share[ninety]:.0%} after {frames[ninety]} frames", _BLUE, size=12)
    axes.ticks_x({float(k): f"{k}" for k in (1, 5, 10, 15, 20, 25) if k <= longest}, _SOFT)
    sheet.text((axes.left + axes.right) / 2, axes.bottom + 34, "frames heard", _SOFT, size=11.5, anchor="middle")
