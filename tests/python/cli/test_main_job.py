# SPDX-License-Identifier: Apache-2.0
"""``danaus`` without a command: figures, table, picture."""

from __future__ import annotations

import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

import danaus
from command_line import Command, danaus_command
from danaus._cli.torch_step import measure
from danaus._cli.vowels import vowels


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
        assert result.returncode == 0
        assert b"Traceback" not in result.stderr
        assert b"danaus:" not in result.stderr
        assert b"\x1b" not in result.stdout
        assert [path.name for path in tmp_path.iterdir()] in (["danaus.png"], ["danaus.svg"])

    def test_torch_says_the_same(self) -> None:
        pytest.importorskip("torch")
        spoken = vowels()
        found = measure(spoken.model, spoken.utterances, spoken.labels, spoken.batch, seconds=0.5)
        assert found is not None
        assert found.difference < 1e-4
        assert found.right >= 0.9 * found.utterances

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


def test_the_first_answer_is_quick() -> None:
    """Nothing heavy is imported before it is needed; the limit is loose, machines are shared."""
    start = time.perf_counter()
    assert danaus_command("--version").returncode == 0
    assert time.perf_counter() - start < 20
