# SPDX-License-Identifier: Apache-2.0
"""Each mistake has one line, exit code 2 and no traceback."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import danaus
from command_line import Command, wav


class TestErrors:
    """Each mistake has one line, exit code 2 and no traceback."""

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["run"], "required: MODEL, INPUT"),
            (["run", "digits"], "required: INPUT"),
            (["run", "digits", "x.wav", "--top", "0"], "at least 1, is '0'"),
            (["run", "digits", "x.wav", "--threads", "many"], "at least 1, is 'many'"),
            (["sing"], "invalid choice"),
            (["--loud"], "unrecognized"),
            (["check", "digts"], "did you mean digits?"),
            (["check", "japanese_vowel"], "did you mean japanese_vowels?"),
            (["check", "nothing.safetensors"], "no such file"),
            (["run", "digits", "nothing.wav"], "nothing.wav: No such file"),
            (["run", "digits", "no\nthing.wav"], "no?thing.wav"),
            (["run", "digits", "x.mp3"], ".wav, .npy or .csv"),
            (["run", "digits", "x"], ".wav, .npy or .csv"),
            (["run", "digits", "x.wav", "-o", "y.csv"], "must name a .npy file"),
            (["run", "digits", "-", "-o", "y.npy"], "add --stream"),
        ],
    )
    def test_of_use(self, command: Command, arguments: list[str], words: str) -> None:
        assert words in command.error(*arguments)

    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            ("x.wav", b"", "is empty"),
            ("x.npy", b"", "is empty"),
            ("x.csv", b"", "is empty"),
            ("x.csv", b"\n# nothing\n", "at least one row"),
            ("x.csv", b"level\n", "at least one row"),
            ("x.csv", b"level\n0.5\noops\n", "line 3: must hold numbers, holds 'oops'"),
            ("x.csv", b"one\ntwo\n1\n", "line 2: must hold numbers, holds 'two'"),
            ("x.csv", b"1\n2,3\n", "line 2: must have 1 column"),
            ("x.csv", b"1\nnan\n2\n", "is nan at row 1, channel 0"),
            ("x.csv", b"1\n1e39\n2\n", "is inf at row 1, channel 0"),
            ("x.csv", bytes(range(256)), "must hold numbers"),
            ("x.wav", b"not a wav file at all", "RIFF/WAVE"),
            ("x.wav", wav(np.zeros(9, "<i2"), rate=16000), "sox x.wav -r 8000 -c 1 out.wav"),
            ("x.wav", wav(np.zeros(8, "<i2"), channels=2), "is 8000 Hz with 2"),
            ("x.wav", wav(np.zeros(0, "<i2")), "at least one row"),
            ("x.wav", wav(np.zeros(9, "<i2"))[:30], "ends within its header"),
            ("x.npy", b"\x93NUMPY\x01\x00", "as numpy.save writes it"),
            ("x.npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f4',", "as numpy.save writes it"),
            ("x.npy", b"\x80\x04\x95 a pickle", "as numpy.save writes it"),
        ],
    )
    def test_of_content(
        self, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, words: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path(name).write_bytes(content)
        assert words in command.error("run", "digits", name)
        assert words in command.error("run", "digits", name, "--stream", "--json")

    @pytest.mark.parametrize(
        ("array", "words"),
        [
            (np.zeros((12, 5), np.float32), "(L, 12), has (12, 5); transpose it"),
            (np.zeros((2, 5, 12), np.float32), "one sequence a file"),
            (np.zeros(5, np.float32), "has (5,)"),
            (np.float32(3), "has ()"),
            (np.zeros((0, 12), np.float32), ""),
            (np.zeros((5, 12), np.complex64), "holds complex64"),
            (np.zeros((5, 12), bool), "holds bool"),
            (np.full((5, 12), "a"), "holds str"),
            (np.full((5, 12), None, object), "as numpy.save writes it"),
            (np.full((5, 12), 1e300), "is inf at row 0, channel 0"),
        ],
    )
    def test_of_arrays(self, command: Command, tmp_path: Path, array: Any, words: str) -> None:
        np.save(tmp_path / "x.npy", array, allow_pickle=True)
        assert words in command.error("run", "japanese_vowels", tmp_path / "x.npy")

    def test_of_arrays_that_claim_too_much(self, command: Command, tmp_path: Path) -> None:
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(head, {"descr": "<f4", "fortran_order": False, "shape": (10**15, 12)})
        (tmp_path / "x.npy").write_bytes(head.getvalue())
        assert "as numpy.save writes it" in command.error("run", "japanese_vowels", tmp_path / "x.npy")

    def test_the_place_of_what_is_not_finite(self, command: Command, tmp_path: Path) -> None:
        rows = np.zeros((20, 12), np.float32)
        rows[17, 3] = np.nan
        np.save(tmp_path / "x.npy", rows)
        assert "is nan at row 17, channel 3" in command.error("run", "japanese_vowels", tmp_path / "x.npy")

    def test_of_files_that_cannot_be_read(self, command: Command, tmp_path: Path) -> None:
        folder = tmp_path / "x.wav"
        folder.mkdir()
        assert "Is a directory" in command.error("run", "digits", folder)
        assert "Is a directory" in command.error("check", tmp_path)
        locked = tmp_path / "locked.npy"
        locked.write_bytes(b"")
        locked.chmod(0)
        if not os.access(locked, os.R_OK):  # root reads everything
            assert "Permission denied" in command.error("run", "digits", locked)

    def test_of_model_files(self, command: Command, tmp_path: Path) -> None:
        danaus.load("japanese_vowels").save(tmp_path / "whole.safetensors")
        whole = (tmp_path / "whole.safetensors").read_bytes()
        damaged = tmp_path / "damaged.safetensors"
        for content in (
            b"",
            whole[:5],
            whole[:200],
            whole[:-1],
            b"\xff" * 64,
            b"PK\3\4" + bytes(90),
            whole[:8] + bytes(99),
        ):
            damaged.write_bytes(content)
            for verb in (["check"], ["info"], ["run", "-"]):
                arguments = [verb[0], damaged, *verb[1:]]
                assert "damaged.safetensors" in command.error(*arguments)

    def test_sound_is_not_for_every_model(self, command: Command, tmp_path: Path, spoken: Any) -> None:
        (tmp_path / "x.wav").write_bytes(wav(spoken))
        assert "does not take sound" in command.error("run", "japanese_vowels", tmp_path / "x.wav")

    @pytest.mark.parametrize("error", [MemoryError("Unable to allocate 9 PiB"), OSError(28, "No space left on device")])
    def test_of_the_machine(self, command: Command, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        def fail(_: object) -> None:
            raise error

        monkeypatch.setattr("danaus._cli.info.load", fail)
        command.error("check", "digits")

    def test_an_interrupt_is_quiet(self, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupt(_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("danaus._cli.info.load", interrupt)
        result = command("check", "digits")
        assert (result.code, result.out, result.err) == (130, "", "")
