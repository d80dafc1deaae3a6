# SPDX-License-Identifier: Apache-2.0
"""The model of costs: its laws, where its constants come from, and what it refuses."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from danaus import _core
from danaus.ssm import evaluate
from danaus.ssm.evaluate import Choice, Rates, choose, rates, set_rates

FORMS = ("s4d", "s4", "s5", "transfer", "transfer_mixed")
BUILT_IN = _core.default_rates()


@pytest.fixture(autouse=True)
def nothing_saved(tmp_path, monkeypatch):
    """No rates but the built-in ones, and a cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("DANAUS_RATES", raising=False)
    set_rates(None)
    yield
    set_rates(None)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def written(file: Path, **change) -> Path:
    """A file as ``calibrate`` leaves it, but for ``change``."""
    about = {"processor": evaluate._processor(), "isa": _core.isa(), "version": _core.version}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**about, "rates": BUILT_IN, **change}))
    return file


# ------------------------------------------------------------------------------------------ the model


tasks = st.fixed_dictionaries(
    {
        "form": st.sampled_from(FORMS),
        "order": st.integers(1, 300),
        "length": st.integers(1, 1 << 20),
        "channels": st.integers(1, 2000),
        "batch": st.integers(1, 20),
        "dtype": st.sampled_from(["float32", "float64", np.float64, np.dtype("float32")]),
        "threads": st.integers(1, 8),
        "rank": st.integers(0, 4),
        "kept": st.booleans(),
    }
)


@given(tasks)
def test_the_choice_is_the_least_of_the_seconds(task):
    choice = choose(**task)
    assert set(choice.seconds) == {"scan", "convolution"}
    assert 0 < choice.seconds["scan"] < math.inf and choice.seconds["convolution"] > 0
    assert (choice.seconds["convolution"] == math.inf) == (task["form"] == "s5")
    assert choice.seconds[choice.evaluation] == min(choice.seconds.values())


@given(tasks)
def test_threads_share_work_and_kept_spectra_save_some(task):
    alone, together = choose(**task | {"threads": 1}), choose(**task | {"threads": 2})
    fork = BUILT_IN["call.fork"] * 1e-9
    for name in alone.seconds:
        most = alone.seconds[name] + fork
        assert together.seconds[name] <= most * (1 + 1e-12)
        assert together.seconds[name] >= alone.seconds[name] / 2 * (1 - 1e-12)
    new, kept = choose(**task | {"kept": False}), choose(**task | {"kept": True})
    assert new.seconds["scan"] == kept.seconds["scan"]
    assert task["form"] == "s5" or new.seconds["convolution"] > kept.seconds["convolution"]


def test_long_recurrences_of_high_order_lose_and_short_ones_win():
    assert choose("transfer", 4, 4096, 512).evaluation == "scan"
    assert choose("transfer", 256, 4096, 512).evaluation == "convolution"
    assert choose("s4", 64, 1024, 64, rank=2).evaluation == "convolution"
    assert choose("s4", 64, 1024, 64, rank=2, kept=False).seconds["scan"] > 0


def test_rates_change_seconds_as_the_formulas_say():
    # 100 samples of 2 tiles, 16 coefficients: a nanosecond more each
    more = {**BUILT_IN, "float32.transfer.coefficient": BUILT_IN["float32.transfer.coefficient"] + 1}
    before = choose("transfer", 16, 100, 32)
    set_rates(more)
    after = choose("transfer", 16, 100, 32)
    assert math.isclose(after.seconds["scan"] - before.seconds["scan"], 100 * 2 * 16 * 1e-9, rel_tol=1e-9)
    assert after.seconds["convolution"] == before.seconds["convolution"]
    assert choose("transfer", 16, 100, 32, dtype="float64") == choose("transfer", 16, 100, 32, dtype=np.float64)
    set_rates({**BUILT_IN, "call.convolution": BUILT_IN["call.convolution"] + 1000})
    slower = choose("transfer", 16, 100, 32)
    assert math.isclose(slower.seconds["convolution"] - before.seconds["convolution"], 1e-6, rel_tol=1e-9)
    set_rates({name: 0.0 if "ring" in name else 1.0 for name in BUILT_IN})
    assert choose("transfer", 16, 1000, 32).evaluation == "convolution"
    set_rates({name: 1e6 if "ring" in name else 1.0 for name in BUILT_IN})
    assert choose("transfer", 16, 1000, 32).evaluation == "scan"


def test_modes_that_carry_cost_more_in_float_only():
    for form in ("s4d", "s4"):
        few, many = (choose(form, 32, 1000, 16, slow=slow).seconds["scan"] for slow in (0, 32))
        usual = choose(form, 32, 1000, 16).seconds["scan"]
        assert few < usual <= many
        doubles = [choose(form, 32, 1000, 16, slow=slow, dtype="float64").seconds["scan"] for slow in (0, 32)]
        assert doubles[0] == doubles[1]


def test_nothing_to_do_costs_a_call():
    for size in ({"length": 0}, {"channels": 0}, {"batch": 0}):
        found = choose("s4d", **{"order": 4, "length": 10, "channels": 10, **size})
        assert found.evaluation == "scan"
        assert math.isclose(found.seconds["scan"], BUILT_IN["call.scan"] * 1e-9)


def test_a_choice_is_a_small_table():
    text = str(Choice("scan", {"convolution": 2.5e-3, "scan": 1e-3}))
    assert text == "* scan             1 ms    1.00\n  convolution    2.5 ms    2.50"
    assert "never" in str(choose("s5", 4, 10, 10))
    choose("s4d", 4, 10, 10).seconds["scan"] = -1.0  # a copy
    assert choose("s4d", 4, 10, 10).seconds["scan"] > 0


# ------------------------------------------------------------------------------------------ the constants


def test_built_in_rates_are_what_is_used_and_nothing_is_written(tmp_path):
    found = rates()
    assert isinstance(found, Rates) and found == BUILT_IN and found.source == "built in"
    found.clear()
    assert rates() == BUILT_IN
    choose("s4d", 4, 100, 16)
    assert files(tmp_path) == []


@pytest.mark.parametrize("isa", ["x86-64", "x86-64-v3", "x86-64-v4"])
def test_each_instruction_set_has_its_own(isa):
    code = "from danaus import _core; r = _core.default_rates(); print(min(r.values()) >= 0, r['float32.s4d.quad'])"
    environment = {"DANAUS_MAX_ISA": isa, "PYTHONPATH": str(Path(evaluate.__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    fine, quad = done.stdout.split()
    assert fine == "True" and float(quad) >= BUILT_IN["float32.s4d.quad"]


def test_rates_that_were_set_come_first(tmp_path, monkeypatch):
    other = {**BUILT_IN, "tile": 77.0}
    written(evaluate.cache_file(), rates={**BUILT_IN, "tile": 78.0})
    monkeypatch.setenv("DANAUS_RATES", str(written(tmp_path / "named.json", rates={**BUILT_IN, "tile": 79.0})))
    set_rates(other)
    assert rates() == other and rates().source == "set_rates"
    set_rates(None)
    assert rates()["tile"] == 79 and rates().source == str(tmp_path / "named.json")
    monkeypatch.delenv("DANAUS_RATES")
    set_rates(None)
    assert rates()["tile"] == 78 and rates().source == str(evaluate.cache_file())
    evaluate.cache_file().unlink()
    assert rates()["tile"] == 78  # found once
    set_rates(None)
    assert rates() == BUILT_IN


def test_a_named_file_may_be_of_another_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("DANAUS_RATES", str(written(tmp_path / "other.json", processor="another", isa="none")))
    assert rates() == BUILT_IN and rates().source == str(tmp_path / "other.json")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"rates": 1}', '{"rates": {}}', '{"rates": {"tile": 1}}', "\xff"]
)
def test_a_named_file_that_is_none_is_refused(tmp_path, monkeypatch, text):
    file = tmp_path / "bad.json"
    file.write_bytes(text.encode("latin-1"))
    monkeypatch.setenv("DANAUS_RATES", str(file))
    with pytest.raises(ValueError, match=r"ssm\.rates: DANAUS_RATES must name a file .*bad\.json"):
        choose("s4d", 4, 10, 10)
    monkeypatch.setenv("DANAUS_RATES", str(tmp_path / "missing"))
    with pytest.raises(ValueError, match=r"DANAUS_RATES .*missing \(No such file"):
        rates()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rates": {**BUILT_IN, "tile": math.nan}}, "the rate tile must be a finite number"),
        ({"rates": {**BUILT_IN, "tile": -1.0}}, "of at least 0, is -1.0"),
        ({"rates": {**BUILT_IN, "tile": "1"}}, "the rate tile must be a finite number"),
        ({"rates": {**BUILT_IN, "more": 1.0}}, "rates must be the"),
        ({"rates": {k: v for k, v in BUILT_IN.items() if k != "tile"}}, "rates lack tile"),
        ({"rates": None}, "no JSON object with rates"),
        ({"processor": "another"}, "it is of processor 'another'"),
        ({"isa": "x86-64-v9"}, "it is of isa 'x86-64-v9'"),
        ({"version": "0.0.0"}, "it is of version '0.0.0'"),
    ],
)
def test_a_damaged_or_foreign_cache_is_left_aside_with_a_word(change, said):
    file = written(evaluate.cache_file(), **change)
    with pytest.warns(UserWarning, match=r"ssm\.rates: .* cannot be used .*danaus calibrate") as heard:
        assert rates() == BUILT_IN
    assert said in str(heard[0].message) and str(file) in str(heard[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rates().source == "built in"  # said once
    assert file.is_file()


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"{" * 100000, b"x" * ((1 << 20) + 1)])
def test_a_cache_of_anything_is_left_aside(content):
    file = evaluate.cache_file()
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    with pytest.warns(UserWarning, match="cannot be used"):
        assert rates() == BUILT_IN


def test_a_cache_that_is_a_folder_is_left_aside():
    evaluate.cache_file().mkdir(parents=True)
    with pytest.warns(UserWarning, match="cannot be used"):
        assert choose("s4d", 4, 10, 10).seconds["scan"] > 0


def test_the_cache_is_the_users(tmp_path, monkeypatch):
    assert evaluate.cache_file().parent == tmp_path / "cache" / "danaus"
    name = evaluate.cache_file().name
    assert name.startswith("rates-") and name.endswith(f"-{_core.isa()}-{_core.version}.json")
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert evaluate.cache_file() == tmp_path / "home" / ".cache" / "danaus" / name


def test_import_reads_nothing():
    """Only what is asked reads the file, which would be refused."""
    code = "import danaus; danaus.ssm.Convolution; print('imported')"
    environment = {"DANAUS_RATES": "/nowhere", "PYTHONPATH": str(Path(evaluate.__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "imported\n" and done.stderr == ""


def test_many_threads_choose_while_rates_change():
    found, sets = set(), [BUILT_IN, {**BUILT_IN, "call.scan": BUILT_IN["call.scan"] + 1e6}]

    def work():
        for _ in range(300):
            found.add(choose("s4d", 4, 100, 16).seconds["scan"])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(100):
        set_rates(sets[i % 2])
    for thread in threads:
        thread.join()
    known = set()
    for each in sets:
        set_rates(each)
        known.add(choose("s4d", 4, 100, 16).seconds["scan"])
    assert found <= known


# ------------------------------------------------------------------------------------------ measuring


@pytest.fixture(scope="module")
def measured():
    """One short calibration, not saved."""
    found = evaluate.calibrate(seconds=0.01, save=False)
    set_rates(None)
    return found


def test_what_is_measured_can_be_used_and_saved(measured, tmp_path, monkeypatch):
    assert set(measured) == set(BUILT_IN) and measured.source == "measured"
    assert all(0 <= value < 1e6 for value in measured.values())
    assert measured["call.scan"] > 1 and measured["float64.ring.1.4096"] > 0
    assert files(tmp_path) == []
    monkeypatch.setattr(_core, "calibrate", lambda rates, seconds: dict(measured))
    monkeypatch.setattr(evaluate, "_with_calls", dict)
    assert evaluate.calibrate(save=False) == measured and files(tmp_path) == []
    assert rates() == measured and rates().source == "measured"
    saved = evaluate.calibrate()
    assert files(tmp_path) == [evaluate.cache_file()] and saved.source == str(evaluate.cache_file())
    set_rates(None)
    assert rates() == measured and rates().source == saved.source  # every digit


def test_a_file_that_cannot_be_written_leaves_the_old_one(measured, monkeypatch):
    old = written(evaluate.cache_file()).read_bytes()
    monkeypatch.setattr(_core, "calibrate", lambda rates, seconds: dict(measured))
    monkeypatch.setattr(evaluate, "_with_calls", dict)

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        evaluate.calibrate()
    folder = evaluate.cache_file().parent
    assert files(folder) == [evaluate.cache_file()] and evaluate.cache_file().read_bytes() == old


# ------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"form": "s6"}, ValueError, r"ssm\.choose: form must be one of 's4d', .* is 's6'"),
        ({"order": 0}, ValueError, r"ssm\.choose: order must be at least 1, is 0"),
        ({"order": 4.0}, TypeError, r"ssm\.choose: order must be an integer, is 4\.0"),
        ({"length": -1}, ValueError, r"ssm\.choose: length must be at least 0, is -1"),
        ({"length": 1 << 70}, ValueError, r"ssm\.choose: length must be"),
        ({"channels": None}, TypeError, r"ssm\.choose: channels must be an integer, is None"),
        ({"batch": "2"}, TypeError, r"ssm\.choose: batch must be an integer"),
        ({"dtype": "float16"}, TypeError, r"ssm\.choose: dtype must be float32 or float64"),
        ({"threads": 0}, ValueError, r"ssm\.choose: threads must be at least 1"),
        ({"rank": -1}, ValueError, r"ssm\.choose: rank must be at least 0"),
        ({"slow": -1}, ValueError, r"ssm\.choose: slow must be at least 0"),
        ({"order": [4]}, TypeError, r"ssm\.choose: order must be an integer, is \[4\]"),
        ({"form": ["s4d"]}, ValueError, r"ssm\.choose: form must be one of"),
    ],
)
def test_what_choose_refuses(change, error, said):
    with pytest.raises(error, match=said):
        choose(**{"form": "s4d", "order": 4, "length": 10, "channels": 10, **change})


def test_what_is_refused_as_rates():
    with pytest.raises(TypeError, match="rates must be a mapping"):
        set_rates([1.0])
    with pytest.raises(ValueError, match="rates lack call"):
        set_rates({})
    with pytest.raises(ValueError, match="the rate tile must be a finite number of at least 0, is inf"):
        set_rates({**BUILT_IN, "tile": math.inf})
    for seconds in (0, -1, math.nan, math.inf, "1", 1e9):
        with pytest.raises(ValueError, match=r"ssm\.calibrate: seconds must be positive, at most 3600"):
            evaluate.calibrate(seconds=seconds)
