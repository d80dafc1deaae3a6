"""WAV files and streams: a reader that believes no length it is told, and PCM as float32."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .errors import UserError

__all__ = ["UNKNOWN", "Format", "decode", "read_wav", "wav_header"]

Float32Array = npt.NDArray[np.float32]

_INTEGER, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_OTHER = {2: "ADPCM", 6: "A-law", 7: "mu-law", 17: "ADPCM", 49: "GSM", 85: "MP3"}
UNKNOWN = 0x7FFFF000
"""Sizes from here on are what arecord, sox and ffmpeg write to a pipe: nobody knows yet."""
_HEADER_LIMIT = 1 << 20
"""Bytes within which the samples must begin."""


@dataclass(frozen=True)
class Format:
    """How samples stand in the bytes: little-endian, channels interleaved."""

    rate: int
    channels: int
    bits: int
    floating: bool = False

    @property
    def frame(self) -> int:
        """Bytes of one sample of every channel."""
        return self.channels * self.bits // 8

    def __str__(self) -> str:
        kind = "float" if self.floating else "unsigned" if self.bits == 8 else "signed"
        return f"{self.bits}-bit {kind}, {self.channels} channel{'s' * (self.channels != 1)}, {self.rate} Hz"


def wav_header(data: bytes | bytearray, where: str) -> tuple[Format, int, int] | None:
    """``(format, offset, size)`` of the samples, or None where the header goes on beyond ``data``.

    ``size`` is what the file claims; writers to a pipe claim anything from 0 to 4 GiB. Raises
    :class:`UserError` for what cannot be a WAV of PCM or float samples.
    """
    if len(data) < 12:
        return None
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise UserError(f"{where}: must be a RIFF/WAVE file, begins with {bytes(data[:12])!r}")
    form: Format | None = None
    at = 12
    while True:
        if at > _HEADER_LIMIT:
            raise UserError(f"{where}: must have its samples within the first {_HEADER_LIMIT} bytes, has none there")
        if len(data) < at + 8:
            return None
        name, size = struct.unpack_from("<4sI", data, at)
        at += 8
        if name == b"data":
            if form is None:
                raise UserError(f"{where}: must have a 'fmt ' chunk before its samples, has none")
            return form, at, size
        if name == b"fmt ":
            if len(data) < at + min(size, 40):
                return None
            form = _format(bytes(data[at : at + min(size, 40)]), where)
        at += size + (size & 1)


def _format(chunk: bytes, where: str) -> Format:
    """The format that a 'fmt ' chunk tells."""
    if len(chunk) < 16:
        raise UserError(f"{where}: must have a 'fmt ' chunk of at least 16 bytes, has {len(chunk)}")
    tag, channels, rate, _, align, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == _EXTENSIBLE and len(chunk) >= 26:
        (tag,) = struct.unpack_from("<H", chunk, 24)
    if tag not in (_INTEGER, _FLOAT):
        raise UserError(
            f"{where}: must hold PCM or float samples, holds {_OTHER.get(tag, f'format {tag}')}; "
            f"convert it: sox {where} -e signed-integer -b 16 out.wav"
        )
    if bits not in ((32, 64) if tag == _FLOAT else (8, 16, 24, 32)):
        raise UserError(f"{where}: samples must have 8, 16, 24 or 32 bits (float: 32 or 64), have {bits}")
    if channels == 0 or rate == 0 or align != channels * bits // 8:
        raise UserError(
            f"{where}: channels and rate must be positive and a frame channels x bits / 8 bytes, "
            f"are {channels} channels, {rate} Hz, {bits} bits and {align} bytes a frame"
        )
    return Format(rate, channels, bits, tag == _FLOAT)


def decode(data: bytes | bytearray | memoryview, form: Format) -> Float32Array:
    """Whole frames of ``data`` as float32 ``(n, channels)``; integers become [-1, 1)."""
    data = memoryview(data)[: len(data) - len(data) % form.frame]
    if form.floating:
        with np.errstate(over="ignore"):  # what does not fit is infinite, and refused with its position
            samples = np.frombuffer(data, f"<f{form.bits // 8}").astype(np.float32)
    elif form.bits == 8:
        samples = (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / np.float32(128)
    elif form.bits == 24:
        low = np.frombuffer(data, np.uint8).reshape(-1, 3).astype(np.int32)
        wide = (low[:, 0] << 8) | (low[:, 1] << 16) | (low[:, 2] << 24)
        samples = wide.astype(np.float32) / np.float32(2**31)
    else:
        samples = np.frombuffer(data, f"<i{form.bits // 8}").astype(np.float32) / np.float32(2 ** (form.bits - 1))
    return samples.reshape(-1, form.channels)


def read_wav(data: bytes, where: str) -> tuple[Float32Array, Format, str | None]:
    """``(samples, format, note)`` of a file; ``note`` tells of a file that is shorter than it claims."""
    header = wav_header(data, where)
    if header is None:
        raise UserError(f"{where}: must hold samples, ends within its header after {len(data)} bytes")
    form, at, size = header
    unknown = size >= UNKNOWN or (size == 0 and int.from_bytes(data[4:8], "little") + 8 != len(data))
    there = len(data) - at
    short = not unknown and there < size
    body = memoryview(data)[at:] if unknown or short else memoryview(data)[at : at + size]
    note = f"{where} claims {size} bytes of samples and has {there}: read as far as it goes" if short else None
    return decode(body, form), form, note
