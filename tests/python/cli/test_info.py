# SPDX-License-Identifier: Apache-2.0
"""``danaus info``, ``danaus check`` and the folders."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import danaus
from command_line import Command
from danaus.cli import main


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
