# SPDX-License-Identifier: Apache-2.0
"""``danaus run`` on files of all kinds and models of all kinds."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import danaus
from command_line import Command, as_float, wav
from networks import Writer


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
