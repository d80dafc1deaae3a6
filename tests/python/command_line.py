# SPDX-License-Identifier: Apache-2.0
"""The command line in this process and in others, and sound to give it."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from danaus.cli import main

RATE = 8000
ENVIRONMENT = {**os.environ, "NO_COLOR": "1", "PYTHONWARNINGS": "error::RuntimeWarning", "PYTHONIOENCODING": "utf-8"}
DANAUS = [sys.executable, "-m", "danaus"]


def danaus_command(*arguments: str, stdin: bytes = b"", cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*DANAUS, *arguments], input=stdin, capture_output=True, cwd=cwd, env=ENVIRONMENT, timeout=60, check=False
    )


class Result:
    """What a run in this process did."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Command:
    """``main`` with the bytes of standard input."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: object, stdin: bytes = b"") -> Result:
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = main([str(argument) for argument in arguments])
        captured = self._capsys.readouterr()
        return Result(code, captured.out, captured.err)

    def error(self, *arguments: object, stdin: bytes = b"") -> str:
        """The one line of a refusal."""
        result = self(*arguments, stdin=stdin)
        assert result.code == 2
        assert result.out == ""
        assert result.err.startswith("danaus: error: ")
        assert result.err.count("\n") == 1
        return result.err


def wav(samples: np.ndarray[Any, Any], rate: int = RATE, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((channels, samples.dtype.itemsize, rate, 0, "NONE", ""))
        writer.writeframes(samples.tobytes())
    return file.getvalue()


def arecord(samples: np.ndarray[Any, np.dtype[np.int16]]) -> bytes:
    """What ``arecord`` writes to a pipe unless told otherwise: unsigned bytes, and a length of nearly 2 GiB."""
    head = struct.pack("<4sI4s", b"RIFF", 0x7FFFF024, b"WAVE")
    head += struct.pack("<4sIHHIIHH4sI", b"fmt ", 16, 1, 1, RATE, RATE, 1, 8, b"data", 0x7FFFF000)
    return head + ((samples >> 8) + 128).astype(np.uint8).tobytes()


def as_float(samples: np.ndarray[Any, np.dtype[np.int16]]) -> np.ndarray[Any, np.dtype[np.float32]]:
    return samples.astype(np.float32) / np.float32(32768)
