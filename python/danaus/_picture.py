"""A sheet to draw on: the same few marks as SVG, written by hand, or as PNG by matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt

__all__ = ["Axes", "Sheet"]

Points = Sequence[float] | npt.NDArray[Any]
Anchor = Literal["start", "middle", "end"]

_FAMILY = "Inter, 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif"


@dataclass(frozen=True)
class Mark:
    """A line, an area or a text, in points of the sheet, y downwards."""

    kind: Literal["line", "area", "text"]
    x: Points
    y: Points
    colour: str
    width: float = 1.0
    opacity: float = 1.0
    text: str = ""
    anchor: Anchor = "start"
    weight: Literal["normal", "bold"] = "normal"


@dataclass
class Sheet:
    """Marks in the order of drawing."""

    width: int
    height: int
    background: str
    marks: list[Mark] = field(default_factory=list)

    def line(self, x: Points, y: Points, colour: str, width: float = 1.0, opacity: float = 1.0) -> None:
        self.marks.append(Mark("line", x, y, colour, width, opacity))

    def area(self, x: Points, y: Points, colour: str, opacity: float = 1.0) -> None:
        """A filled polygon."""
        self.marks.append(Mark("area", x, y, colour, opacity=opacity))

    def text(
        self,
        x: float,
        y: float,
        text: str,
        colour: str,
        *,
        size: float = 13,
        anchor: Anchor = "start",
        weight: Literal["normal", "bold"] = "normal",
    ) -> None:
        """``text`` with its base line at ``y``."""
        self.marks.append(Mark("text", [x], [y], colour, size, text=text, anchor=anchor, weight=weight))

    def save(self, path: Path) -> None:
        if path.suffix == ".svg":
            path.write_text(self.svg(), encoding="utf-8")
        else:
            self._save_png(path)

    def svg(self) -> str:
        """The sheet as a document of its own."""
        size = f'width="{self.width}" height="{self.height}" viewBox="0 0 {self.width} {self.height}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{_FAMILY}">'
        back = f'<rect width="100%" height="100%" fill="{self.background}"/>'
        return "\n".join([head, back, *(_svg(mark) for mark in self.marks), "</svg>", ""])

    def _save_png(self, path: Path) -> None:
        """By matplotlib's own canvas: no window, no global state."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        dpi = 144  # two pixels a point of the sheet: 72 points an inch
        figure = Figure(figsize=(self.width / 72, self.height / 72), dpi=dpi, facecolor=self.background)
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, self.width), ylim=(self.height, 0))
        axes.axis("off")
        for order, mark in enumerate(self.marks):
            _matplotlib(axes, mark, order)
        figure.savefig(path, dpi=dpi)


def _svg(mark: Mark) -> str:
    if mark.kind == "text":
        weight = ' font-weight="600"' if mark.weight == "bold" else ""
        return (
            f'<text x="{mark.x[0]:.1f}" y="{mark.y[0]:.1f}" font-size="{mark.width:g}" fill="{mark.colour}" '
            f'text-anchor="{mark.anchor}"{weight}>{escape(mark.text)}</text>'
        )
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(mark.x, mark.y, strict=True))
    if mark.kind == "area":
        return f'<polygon points="{points}" fill="{mark.colour}" fill-opacity="{mark.opacity:g}"/>'
    return (
        f'<polyline points="{points}" fill="none" stroke="{mark.colour}" stroke-width="{mark.width:g}" '
        f'stroke-opacity="{mark.opacity:g}" stroke-linejoin="round" stroke-linecap="round"/>'
    )


def _matplotlib(axes: Any, mark: Mark, order: int) -> None:
    if mark.kind == "text":
        where = {"start": "left", "middle": "center", "end": "right"}[mark.anchor]
        axes.text(
            *(mark.x[0], mark.y[0], mark.text),
            color=mark.colour,
            fontsize=mark.width * 0.92,  # DejaVu runs wide
            ha=where,
            va="baseline",
            weight=mark.weight,
            parse_math=False,
            zorder=order,
        )
    elif mark.kind == "area":
        axes.fill(mark.x, mark.y, color=mark.colour, alpha=mark.opacity, linewidth=0, zorder=order)
    else:
        style = {"solid_capstyle": "round", "solid_joinstyle": "round", "zorder": order}
        axes.plot(mark.x, mark.y, color=mark.colour, linewidth=mark.width, alpha=mark.opacity, **style)


@dataclass(frozen=True)
class Axes:
    """A rectangle of the sheet with a scale for x and one for y."""

    sheet: Sheet
    left: float
    top: float
    right: float
    bottom: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    def x(self, value: Any) -> Any:
        low, high = self.x_range
        return self.left + (np.asarray(value, np.float64) - low) / (high - low) * (self.right - self.left)

    def y(self, value: Any) -> Any:
        low, high = self.y_range
        return self.bottom - (np.asarray(value, np.float64) - low) / (high - low) * (self.bottom - self.top)

    def line(self, x: Points, y: Points, colour: str, width: float = 1.0, opacity: float = 1.0) -> None:
        self.sheet.line(self.x(x), self.y(y), colour, width, opacity)

    def band(self, x: Points, low: Points, high: Points, colour: str, opacity: float = 1.0) -> None:
        """Between two curves."""
        xs = np.concatenate([self.x(x), self.x(x)[::-1]])
        self.sheet.area(xs, np.concatenate([self.y(low), self.y(high)[::-1]]), colour, opacity)

    def ticks_x(self, ticks: dict[float, str], colour: str, size: float = 11) -> None:
        for value, text in ticks.items():
            self.sheet.text(float(self.x(value)), self.bottom + 16, text, colour, size=size, anchor="middle")

    def grid_y(self, ticks: dict[float, str], line: str, colour: str, size: float = 11) -> None:
        for value, text in ticks.items():
            y = float(self.y(value))
            self.sheet.line([self.left, self.right], [y, y], line, 0.8)
            self.sheet.text(self.left - 7, y + 4, text, colour, size=size, anchor="end")
