# SPDX-License-Identifier: Apache-2.0
"""The command line, as a person and a pipe use it: answers, and one clear line for every mistake."""

from __future__ import annotations

import io
import json
import os
import signal
import struct
import subprocess
import sys
import time
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import danaus
from danaus._cli import live
from danaus._cli.words import Spotter
from danaus.cli import main
from networks import Writer

RATE = 8000
ENVIRONMENT = {**os.environ, "NO_COLOR": "1", "PYTHONWARNINGS": "error", "PYTHONIOENCODING": "utf-8"}
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


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


@pytest.fixture(scope="module")
def spoken() -> np.ndarray[Any, np.dtype[np.int16]]:
    """Three bursts of made-up sound, 0.4 s each, in a faint background."""
    rng = np.random.default_rng(0)
    sound = 1e-3 * rng.standard_normal(int(3.4 * RATE))
    t = np.arange(int(0.4 * RATE)) / RATE
    for start, pitch in ((0.5, 150), (1.5, 210), (2.5, 300)):
        burst = 0.2 * np.sin(2 * np.pi * pitch * t) * np.sin(np.pi * t / 0.4)
        sound[int(start * RATE) :][: len(t)] += burst + 0.05 * rng.standard_normal(len(t))
    return np.rint(32767 * sound.clip(-1, 1)).astype("<i2")


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


class TestMainJob:
    """``danaus`` without a command."""

    def test_figures_as_json(self, command: Command) -> None:
        found = command("--json", "--no-torch").json
        vowels, heart = found["japanese_vowels"], found["heartbeat"]
        assert found["danaus"] == danaus.__version__
        assert found["torch"] is None
        assert found["picture"] is None
        assert vowels["utterances"] == 370
        assert vowels["right_batch"] == vowels["right_stream"] >= 355
        assert vowels["difference"] <= 1e-5
        assert vowels["steps"] == 5687
        assert heart["steps"] == heart["samples"] == 108_000
        assert heart["exactness"] < 1e-6
        assert sum(part["seconds"] for part in heart["chain"]) == 300
        assert heart["chain"][-1]["error_mv"] < heart["error_mv"] < heart["signal_mv"]
        for part in (vowels, heart, found["digits"]):
            assert 0 < part["median_us"] <= part["p99_us"]
            assert part["state_bytes"] > 0

    def test_table_and_picture_by_hand(self, command: Command, tmp_path: Path) -> None:
        picture = tmp_path / "sheet.svg"
        result = command("--no-torch", "-o", picture)
        assert result.code == 0
        assert "/370" in result.out
        assert "danaus run digits -" in result.out
        assert result.err == ""
        root = ElementTree.parse(picture).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        texts = [text.text or "" for text in root.iter("{http://www.w3.org/2000/svg}text")]
        assert any("heartbeat" in text for text in texts)
        assert "nan" not in picture.read_text()

    def test_picture_by_matplotlib(self, command: Command, tmp_path: Path) -> None:
        image = pytest.importorskip("matplotlib.image")
        picture = tmp_path / "sheet.png"
        assert command("--json", "--no-torch", "-o", picture).json["picture"] == str(picture)
        pixels = image.imread(picture)
        assert min(pixels.shape[:2]) > 1000
        assert pixels.std() > 0.05  # something is drawn

    def test_quietly_in_a_folder_of_its_own(self, tmp_path: Path) -> None:
        result = danaus_command("--no-torch", cwd=tmp_path)
        assert (result.returncode, result.stderr) == (0, b"")
        assert b"\x1b" not in result.stdout
        assert [path.name for path in tmp_path.iterdir()] in (["danaus.png"], ["danaus.svg"])

    def test_where_pictures_cannot_go(self, command: Command, tmp_path: Path) -> None:
        assert ".png or .svg" in command.error("-o", tmp_path / "x.gif")
        assert "folder that exists" in command.error("-o", tmp_path / "nowhere" / "x.svg")
        (tmp_path / "x.svg").mkdir()
        assert "x.svg" in command.error("-o", tmp_path / "x.svg", "--no-torch")

    def test_without_matplotlib(self, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
        monkeypatch.chdir(tmp_path)
        assert "matplotlib must be installed" in command.error("-o", "x.png")
        assert "saved danaus.svg" in command("--no-torch").out


class TestRun:
    """``danaus run`` on files."""

    def test_a_wav_file(self, command: Command, tmp_path: Path, spoken: Any) -> None:
        (tmp_path / "x.wav").write_bytes(wav(spoken))
        found = command("run", "digits", tmp_path / "x.wav", "--json").json
        model = danaus.load("digits")
        outputs = model(as_float(spoken))
        np.testing.assert_array_equal(np.float32(found["answer"]["outputs"]), outputs)
        assert found["answer"]["label"] == model.labels[int(outputs.argmax())]
        assert sum(found["answer"]["probabilities"].values()) == pytest.approx(1)
        assert found["seconds"] == pytest.approx(3.4)

    def test_for_people(self, command: Command, tmp_path: Path, spoken: Any) -> None:
        (tmp_path / "x.wav").write_bytes(wav(spoken))
        lines = command("run", "digits", tmp_path / "x.wav", "--top", 3).out.splitlines()
        assert lines[0].startswith("digits: 3.40 s, whole")
        assert len(lines) == 4
        chances = [float(line.split()[1]) for line in lines[1:]]
        assert chances == sorted(chances, reverse=True)

    @pytest.mark.parametrize("length", [1, 31, 32, 33, 1000, 27_200])
    def test_streamed_equals_whole(self, command: Command, tmp_path: Path, spoken: Any, length: int) -> None:
        (tmp_path / "x.wav").write_bytes(wav(spoken[:length]))
        found = command("run", "digits", tmp_path / "x.wav", "--stream", "--json").json
        assert found["difference"] <= 1e-5
        assert found["steps"] == -(-length // 32)

    def test_a_running_answer_every_tenth_of_a_second(self, command: Command, tmp_path: Path, spoken: Any) -> None:
        (tmp_path / "x.wav").write_bytes(wav(spoken[:8000]))
        lines = command("run", "digits", tmp_path / "x.wav", "--stream").out.splitlines()
        assert [line.split()[0] for line in lines[:10]] == [f"{0.1 * k:.2f}" for k in range(1, 11)]
        assert "max |stream - batch|" in lines[10]

    @pytest.mark.parametrize("kind", [".npy", ".csv"])
    def test_rows_of_numbers(self, command: Command, tmp_path: Path, kind: str) -> None:
        rows = np.random.default_rng(0).standard_normal((20, 12)).astype(np.float32)
        path = tmp_path / f"x{kind}"
        if kind == ".npy":
            np.save(path, rows)
        else:
            np.savetxt(path, rows, delimiter=",", header="a heading, no numbers", comments="", fmt="%.9g")
        found = command("run", "japanese_vowels", path, "--json", "--threads", 2).json
        np.testing.assert_array_equal(np.float32(found["answer"]["outputs"]), danaus.load("japanese_vowels")(rows))

    @pytest.mark.parametrize("separator", [",", ";", "\t", "  ", " , "])
    def test_separators(self, command: Command, separator: str) -> None:
        row = separator.join(("0,5" if separator == ";" else "0.5",) * 12)
        text = f"\ufeff# a remark\n\n{row}\n{row}\n"
        found = command("run", "japanese_vowels", "-", "--json", stdin=text.encode()).json
        expected = danaus.load("japanese_vowels")(np.full((2, 12), 0.5, np.float32))
        np.testing.assert_array_equal(np.float32(found["answer"]["outputs"]), expected)

    def test_integers_are_sound_for_a_model_of_sound(self, command: Command, tmp_path: Path, spoken: Any) -> None:
        np.save(tmp_path / "x.npy", spoken)
        result = command("run", "digits", tmp_path / "x.npy", "--json")
        assert "full scale (32768)" in result.err
        expected = danaus.load("digits")(as_float(spoken))
        np.testing.assert_array_equal(np.float32(result.json["answer"]["outputs"]), expected)

    def test_doubles_are_told_of(self, command: Command, tmp_path: Path) -> None:
        np.save(tmp_path / "x.npy", np.zeros((3, 12)))
        assert "float64; computed in float32" in command("run", "japanese_vowels", tmp_path / "x.npy").err

    def test_loud_floats_are_told_of(self, command: Command, tmp_path: Path, spoken: Any) -> None:
        np.save(tmp_path / "x.npy", spoken.astype(np.float32))
        assert "[-1, 1]" in command("run", "digits", tmp_path / "x.npy").err

    def test_outputs_are_saved(self, command: Command, tmp_path: Path) -> None:
        np.save(tmp_path / "x.npy", np.zeros((5, 12), np.float32))
        command("run", "japanese_vowels", tmp_path / "x.npy", "-o", tmp_path / "y.npy")
        assert np.load(tmp_path / "y.npy").shape == (9,)
        command("run", "japanese_vowels", tmp_path / "x.npy", "-o", tmp_path / "y.npy", "--stream")
        assert np.load(tmp_path / "y.npy").shape == (5, 9)


class TestOtherModels:
    """Models without labels, with outputs at each step, that cannot stream."""

    @staticmethod
    def save(path: Path, *layers: str, **more: Any) -> Path:
        writer = Writer(0, 3)
        made = [writer.linear(4) if layer == "linear" else {"type": "pool", "kind": "mean"} for layer in layers]
        path.write_bytes(writer.file(made, **more))
        return path

    def test_outputs_at_each_step(self, command: Command, tmp_path: Path) -> None:
        model = self.save(tmp_path / "m.safetensors", "linear")
        np.save(tmp_path / "x.npy", np.ones((7, 3), np.float32))
        for how in ([], ["--stream"]):
            result = command("run", model, tmp_path / "x.npy", "-o", tmp_path / "y.npy", *how)
            assert "7 rows of 4 outputs" in result.out
            assert np.load(tmp_path / "y.npy").shape == (7, 4)
        assert "-o out.npy" in command("run", model, tmp_path / "x.npy").out

    def test_no_labels(self, command: Command, tmp_path: Path) -> None:
        model = self.save(tmp_path / "m.safetensors", "linear", "pool")
        np.save(tmp_path / "x.npy", np.ones((7, 3), np.float32))
        found = command("run", model, tmp_path / "x.npy", "--json").json["answer"]
        assert (found["label"], found["probabilities"]) == (None, None)
        assert "and 2 more" in command("run", model, tmp_path / "x.npy", "--top", 2).out

    def test_per_step_sound_through_a_pipe(self, command: Command, tmp_path: Path) -> None:
        writer = Writer(0, 1)
        model = tmp_path / "m.safetensors"
        model.write_bytes(writer.file([writer.linear(2)], input={"channels": 1, "sample_rate": 16000}))
        result = command("run", model, "-", "-o", tmp_path / "y.npy", stdin=struct.pack("<3h", 0, 16384, -32768))
        assert result.code == 0
        expected = danaus.load(model)(np.array([0, 0.5, -1], np.float32))
        np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), expected)

    def test_hostile_words_do_not_reach_the_terminal(self, command: Command, tmp_path: Path) -> None:
        writer = Writer(0, 3)
        model = tmp_path / "m.safetensors"
        model.write_bytes(
            writer.file([writer.linear(2)], name="\x1b[31mred\n", summary="\x07", labels=["\x1b]0;a", "b"])
        )
        np.save(tmp_path / "x.npy", np.ones((7, 3), np.float32))
        for arguments in (["info", model], ["check", model], ["run", model, tmp_path / "x.npy"]):
            result = command(*arguments)
            assert result.code == 0
            assert "\x1b" not in result.out
            assert "\x07" not in result.out


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


class TestInfo:
    """``danaus info``, ``danaus check`` and the folders."""

    def test_version(self, command: Command) -> None:
        assert command("--version").out == f"danaus {danaus.__version__}\n"

    def test_info(self, command: Command) -> None:
        text = command("info").out
        assert danaus.isa() in text
        assert all(name in text for name in danaus.embedded())
        found = command("--json", "info").json
        assert found["version"] == danaus.__version__
        assert set(found["models"]) == set(danaus.embedded())

    def test_info_of_a_model(self, command: Command) -> None:
        text = command("info", "digits").out
        for words in (
            "8000 rows a second",
            "a step every 4 ms",
            "CC-BY-SA-4.0",
            "Free Spoken Digit",
            "s4d",
            "64 x 1 x 64",
        ):
            assert words in text
        found = command("info", "digits", "--json").json
        assert found["parameters"] == 47_050
        assert found["layers"][0]["type"] == "conv1d"
        assert found["metadata"]["license"] == "CC-BY-SA-4.0"

    def test_check(self, command: Command) -> None:
        assert "ok" in command("check", "digits").out
        assert command("check", "japanese_vowels", "--json").json["ok"] is True

    def test_check_of_an_unstable_model(self, command: Command, tmp_path: Path) -> None:
        tensors = danaus.load("japanese_vowels")._file
        name = b"s4_layers.0.kernel.log_A_real"
        head = json.loads(tensors[8 : 8 + int.from_bytes(tensors[:8], "little")])
        start, end = head[name.decode()]["data_offsets"]
        offset = 8 + int.from_bytes(tensors[:8], "little")
        values = np.full((end - start) // 4, -200, "<f4")  # no decay at all
        (tmp_path / "m.safetensors").write_bytes(tensors[: offset + start] + values.tobytes() + tensors[offset + end :])
        result = command("check", tmp_path / "m.safetensors")
        assert result.code == 1
        assert "NOT OK" in result.out
        assert command("check", tmp_path / "m.safetensors", "--json").code == 1

    @pytest.mark.parametrize("option", ["--cmake-dir", "--include-dir"])
    def test_folders(self, command: Command, option: str) -> None:
        installed = (Path(danaus.__file__).parent / "include").is_dir()
        if installed:
            assert Path(command(option).out.strip()).is_dir()
        else:
            assert "installed package" in command.error(option)

    def test_help(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as stopped:
            main(["run", "--help"])
        assert stopped.value.code == 0
        assert "--stream" in capsys.readouterr().out


def test_the_first_answer_is_quick() -> None:
    """Nothing heavy is imported before it is needed; the limit is loose, machines are shared."""
    start = time.perf_counter()
    assert danaus_command("--version").returncode == 0
    assert time.perf_counter() - start < 20
