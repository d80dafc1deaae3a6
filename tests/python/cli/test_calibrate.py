# SPDX-License-Identifier: Apache-2.0
"""``danaus calibrate``: what it prints, and that it writes only where it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import Command
from danaus import _core
from danaus.ssm import evaluate


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cache of the test's own, and no measuring: the built-in constants, one of them changed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("DANAUS_RATES", raising=False)
    monkeypatch.setattr(_core, "calibrate", lambda rates, seconds: {**rates, "float32.s4d.quad": 7.25})
    evaluate.set_rates(None)
    yield
    evaluate.set_rates(None)


def test_saves_what_it_measured(command: Command, tmp_path: Path) -> None:
    text = command("calibrate").out
    file = evaluate.cache_file()
    assert f"written to {file}" in text
    assert "7.25" in text and "transfer, 64" in text
    assert json.loads(file.read_text())["rates"]["float32.s4d.quad"] == 7.25
    evaluate.set_rates(None)
    assert evaluate.rates().source == str(file)


def test_saves_nothing_where_told(command: Command, tmp_path: Path) -> None:
    assert "not saved" in command("calibrate", "--no-save", "--seconds", "0.5").out
    assert not (tmp_path / "cache").exists()


def test_json(command: Command, tmp_path: Path) -> None:
    found = command("calibrate", "--json").json
    assert found["file"] == str(evaluate.cache_file())
    assert found["isa"] == _core.isa() and found["rates"]["float32.s4d.quad"] == 7.25
    found = command("--json", "calibrate", "--no-save").json
    assert found["file"] is None and set(found["rates"]) == set(_core.default_rates())


def test_refusals(command: Command, tmp_path: Path) -> None:
    for seconds in ("0", "-1", "nan", "inf", "soon", "1e9"):
        assert "--seconds" in command.error("calibrate", "--seconds", seconds)
    (tmp_path / "cache").write_text("no folder")
    assert "cache" in command.error("calibrate")
