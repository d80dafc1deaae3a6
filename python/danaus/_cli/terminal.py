"""Plain text for people: tables, bars, lines that are rewritten on a terminal and nowhere else."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

__all__ = ["Status", "bar", "bold", "dim", "emit_json", "highlight", "note", "prepare", "table"]


def prepare() -> None:
    """Makes the streams take any text: a file name or a bar must not end a run."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace" if stream is sys.stdout else "backslashreplace")


def is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _styled(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if is_terminal(sys.stdout) and not os.environ.get("NO_COLOR") else text


def bold(text: str) -> str:
    return _styled(text, "1")


def dim(text: str) -> str:
    return _styled(text, "2")


def highlight(text: str) -> str:
    return _styled(text, "33")


def bar(fraction: float, width: int = 24) -> str:
    """A bar of ``width`` cells, to an eighth of a cell where the stream can show it."""
    fraction = min(max(fraction, 0.0), 1.0)
    if "utf" not in (getattr(sys.stdout, "encoding", None) or "").lower():
        return ("#" * round(fraction * width)).ljust(width)
    eighths = round(fraction * width * 8)
    return ("█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()).ljust(width)


def table(rows: Sequence[Sequence[str]], *, left: Iterable[int] = (0,)) -> list[str]:
    """Lines of aligned columns under the heading ``rows[0]``; numbers to the right, columns ``left`` to the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column in set(left) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return [dim(lines[0]), *lines[1:]]


def emit_json(value: Any, *, lines: bool = False) -> None:
    """One JSON value on standard output; with ``lines`` on one line, at once."""
    print(json.dumps(_finite(value), ensure_ascii=True, allow_nan=False, indent=None if lines else 2), flush=lines)


def _finite(value: Any) -> Any:
    """The same without infinities and NaN, which JSON does not know."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def note(text: str) -> None:
    """One line on standard error about what was done to the input."""
    print(f"danaus: note: {text}", file=sys.stderr)


class Status:
    """A line that says how it stands, rewritten in place: on a terminal only, silent elsewhere."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self.shown = is_terminal(self._stream)

    def show(self, text: str) -> None:
        if self.shown:
            columns = shutil.get_terminal_size().columns
            self._stream.write(f"\r\x1b[K{text[: columns - 1]}")
            self._stream.flush()

    def clear(self) -> None:
        if self.shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
