# SPDX-License-Identifier: Apache-2.0
"""Standard input and standard output as pipes and as terminals."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import danaus
from command_line import DANAUS, ENVIRONMENT, RATE, Command, arecord, as_float, wav
from danaus._cli import live
from danaus._cli.words import Spotter


class TestPipes:
    """Standard input and standard output as pipes."""

    def test_each_word_has_its_line(self, command: Command, spoken: Any) -> None:
        lines = command("run", "digits", "-", stdin=spoken.tobytes()).out.splitlines()
        starts = [float(line.split()[0]) for line in lines]
        assert starts == pytest.approx([0.5, 1.5, 2.5], abs=0.15)

    def test_words_as_json(self, command: Command, spoken: Any) -> None:
        lines = command("run", "digits", "-", "--json", stdin=spoken.tobytes()).out.splitlines()
        words = [json.loads(line) for line in lines]
        assert [word["end"] - word["start"] > 0.2 for word in words] == [True] * 3
        assert all(word["label"] in danaus.load("digits").labels for word in words)

    def test_as_arecord_writes_it(self, command: Command, spoken: Any) -> None:
        result = command("run", "digits", "-", stdin=arecord(spoken))
        assert len(result.out.splitlines()) == 3
        assert result.err == ""

    def test_wav_and_bare_samples_say_the_same(self, command: Command, spoken: Any) -> None:
        bare = command("run", "digits", "-", stdin=spoken.tobytes()).out
        assert command("run", "digits", "-", stdin=wav(spoken)).out == bare

    def test_a_single_tight_word(self, command: Command, spoken: Any) -> None:
        word = spoken[int(0.5 * RATE) : int(0.9 * RATE)]
        assert len(command("run", "digits", "-", stdin=word.tobytes()).out.splitlines()) == 1

    def test_silence_says_nothing(self, command: Command) -> None:
        assert command("run", "digits", "-", stdin=bytes(2 * RATE)).out == ""

    def test_a_steady_hum_is_background(self) -> None:
        spotter = Spotter(danaus.load("digits"))
        hum = (0.3 * np.sin(np.arange(8 * RATE) * 0.3)).astype(np.float32)[:, None]
        quiet = np.zeros((RATE, 1), np.float32)
        words = [word for piece in (quiet, hum) for word in spotter.push(piece)] + spotter.finish()
        assert words == []

    def test_how_the_sound_is_cut_changes_nothing(self, spoken: Any) -> None:
        sound = as_float(spoken)[:, None]
        found = []
        for size in (1, 7, 160, 4000, len(sound)):
            spotter = Spotter(danaus.load("digits"))
            words = [word for i in range(0, len(sound), size) for word in spotter.push(sound[i : i + size])]
            found.append([(word.start, word.end, word.outputs.tolist()) for word in words + spotter.finish()])
        assert len(found[0]) == 3
        assert all(words == found[0] for words in found)

    def test_streamed_from_a_pipe(self, command: Command, spoken: Any) -> None:
        result = command("run", "digits", "-", "--stream", stdin=spoken.tobytes() + b"\1")
        assert "1 bytes were left out" in result.err
        assert len(result.out.splitlines()) > 1
        found = command("run", "digits", "-", "--stream", "--json", stdin=spoken.tobytes()).json
        expected = danaus.load("digits")(as_float(spoken))
        np.testing.assert_allclose(found["answer"]["outputs"], expected, atol=1e-5)

    @pytest.mark.parametrize(
        ("stdin", "words"),
        [
            (b"", "is empty"),
            (b"R", "of less than one"),
            (b"RIFF", "ends within its WAV header"),
            (wav(np.zeros(9, "<i2"))[:40], "ends within its WAV header"),
            (wav(np.zeros(9, "<i2"), rate=44100), "must be 8000 Hz"),
            (wav(np.zeros(0, "<i2")), "must hold samples"),
            (b"RIFF\0\0\0\0AVI ", "RIFF/WAVE"),
            (wav(np.zeros(9, "<i2"))[:20] + b"\x06\0" + bytes(99), "A-law"),
        ],
    )
    def test_what_is_no_sound(self, command: Command, stdin: bytes, words: str) -> None:
        assert words in command.error("run", "digits", "-", stdin=stdin)
        assert words in command.error("run", "digits", "-", "--stream", stdin=stdin)

    @pytest.mark.parametrize("sizes", [[1] * 60, [3, 1, 7, 30, 2, 5], [43, 2], [44, 1, 1]])
    def test_headers_and_samples_in_pieces(self, spoken: Any, sizes: Sequence[int]) -> None:
        class Pieces(io.RawIOBase):
            """A pipe that gives what it has, however little."""

            def __init__(self, data: bytes) -> None:
                self._data, self._sizes = data, list(sizes)

            def read1(self, _: int) -> bytes:
                size = self._sizes.pop(0) if self._sizes else 999
                piece, self._data = self._data[:size], self._data[size:]
                return piece

        model = danaus.load("digits")
        for data in (spoken.tobytes(), wav(spoken)):
            found = np.concatenate(list(live.blocks(model, Pieces(data))))  # type: ignore[arg-type]
            np.testing.assert_array_equal(found[:, 0], as_float(spoken))

    def test_words_come_while_the_pipe_is_open(self, spoken: Any) -> None:
        with subprocess.Popen(
            [*DANAUS, "run", "digits", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            # A shell starts its background jobs deaf to SIGINT, and the tests' children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdin.write(spoken[: int(1.4 * RATE)].tobytes())
            process.stdin.flush()
            assert process.stdout.readline().split()[1] == b"s"
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 0
            assert process.stderr.read() == b""

    def test_a_reader_who_leaves(self, spoken: Any) -> None:
        with subprocess.Popen(
            [*DANAUS, "run", "digits", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            process.stdin.write(spoken.tobytes())
            process.stdin.close()
            assert process.wait(timeout=30) == 0
            assert process.stderr.read() == b""

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    def test_a_full_disk(self) -> None:
        with Path("/dev/full").open("wb") as full:
            result = subprocess.run(
                [*DANAUS, "info"], stdout=full, stderr=subprocess.PIPE, env=ENVIRONMENT, timeout=60, check=False
            )
        assert result.returncode == 2
        assert result.stderr.startswith(b"danaus: error: ")
        assert result.stderr.count(b"\n") == 1

    def test_a_terminal_that_knows_no_blocks(self, tmp_path: Path) -> None:
        np.save(tmp_path / "x.npy", np.zeros((5, 12), np.float32))
        result = subprocess.run(
            [*DANAUS, "run", "japanese_vowels", str(tmp_path / "x.npy")],
            capture_output=True,
            env={**ENVIRONMENT, "PYTHONIOENCODING": "ascii"},
            timeout=60,
            check=True,
        )
        assert b"#" in result.stdout
        result.stdout.decode("ascii")


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo-terminals")
class TestTerminal:
    """A person at a terminal sees how it stands, in place."""

    @staticmethod
    def screen(*arguments: str, stdin: bytes | None = b"", **environment: str) -> str:
        """All that was written to the terminal; without ``stdin`` input is the terminal, too."""
        leader, follower = os.openpty()
        given = {**ENVIRONMENT, "TERM": "xterm", **environment}
        with subprocess.Popen(
            [*DANAUS, *arguments],
            stdin=follower if stdin is None else subprocess.PIPE,
            stdout=follower,
            stderr=follower,
            env=given,
        ) as process:
            os.close(follower)
            if process.stdin is not None:
                process.stdin.write(stdin or b"")
                process.stdin.close()
            written = b""
            with contextlib.suppress(OSError):  # the follower's end
                while piece := os.read(leader, 1 << 16):
                    written += piece
        os.close(leader)
        return written.decode()

    def test_words_and_a_line_that_is_rewritten(self, spoken: Any) -> None:
        screen = self.screen("run", "digits", "-", stdin=spoken.tobytes())
        assert "listen" in screen
        assert screen.count("\n") == 3
        assert screen.count("\r\x1b[K") > 4

    def test_a_running_answer_is_one_line(self, tmp_path: Path, spoken: Any) -> None:
        (tmp_path / "x.wav").write_bytes(wav(spoken[:16_000]))
        screen = self.screen("run", "digits", str(tmp_path / "x.wav"), "--stream")
        assert screen.count("\r\x1b[K") > 15
        assert screen.count("\n") == 6

    def test_a_terminal_has_no_sound(self) -> None:
        assert "is a terminal; try arecord" in self.screen("run", "digits", "-", stdin=None)

    def test_colour_is_a_choice(self) -> None:
        assert "\x1b[2m" in self.screen("info", NO_COLOR="")
        assert "\x1b" not in self.screen("info", NO_COLOR="1")
        assert "\x1b" not in self.screen("info", NO_COLOR="", TERM="dumb")
