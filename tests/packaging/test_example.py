"""The C++ example, built against the installed package, gives the numbers that Python gives."""

from __future__ import annotations

import shutil
import subprocess
import sys
import wave
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

import danaus

ROOT = Path(__file__).resolve().parents[2]
MODELS = resources.files("danaus") / "data"

pytestmark = pytest.mark.skipif(shutil.which("cmake") is None, reason="needs CMake (pip install cmake)")


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    build = tmp_path_factory.mktemp("example")
    where = subprocess.run([sys.executable, "-m", "danaus", "--cmake-dir"], capture_output=True, text=True, check=True)
    generator = ("-G", "Ninja") if shutil.which("ninja") else ()
    configure = ("cmake", "-S", ROOT / "examples" / "cpp", "-B", build, f"-Ddanaus_DIR={where.stdout.strip()}")
    for command in ((*configure, *generator), ("cmake", "--build", build)):
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert result.returncode == 0, result.stdout
    return build


def write_wav(path: Path, samples: np.ndarray, rate: int = 8000) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())


def test_every_utterance_scores_as_in_python(programs: Path) -> None:
    model = danaus.load("japanese_vowels")
    with np.load(str(MODELS / "japanese_vowels_test.npz")) as test:
        frames, lengths, labels = test["frames"].astype(np.float32), test["lengths"], test["labels"]
    right = 0
    for rows, label in zip(np.split(frames, np.cumsum(lengths)[:-1]), labels, strict=True):
        command = [programs / "danaus_stream_rows", str(MODELS / "japanese_vowels.safetensors")]
        done = subprocess.run(command, input=rows.tobytes(), capture_output=True, check=True)
        scores = np.frombuffer(done.stdout, np.float32)
        np.testing.assert_allclose(scores, model(rows), rtol=0, atol=1e-5)
        right += int(scores.argmax()) == label
    assert right >= 361


def test_a_recording_scores_as_in_python(programs: Path, tmp_path: Path) -> None:
    model = danaus.load("digits")
    time = np.arange(7001) / 8000
    samples = (9000 * np.sin(2 * np.pi * (200 + 300 * time) * time) * np.exp(-2 * time)).astype(np.int16)
    write_wav(tmp_path / "chirp.wav", samples)
    command = [programs / "danaus_stream_wav", str(MODELS / "digits.safetensors"), tmp_path / "chirp.wav"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    scores = np.array([float(line.split()[1]) for line in lines[-11:-1]], np.float32)
    np.testing.assert_allclose(scores, model(samples.astype(np.float32) / 32768), rtol=0, atol=1e-5)


def test_errors_are_told_in_a_sentence(programs: Path, tmp_path: Path) -> None:
    write_wav(tmp_path / "fast.wav", np.zeros(100), rate=16000)
    (tmp_path / "empty.wav").write_bytes(b"")
    model = str(MODELS / "digits.safetensors")
    for arguments, words in (
        ((model, tmp_path / "fast.wav"), "8000"),
        ((model, tmp_path / "empty.wav"), "must be a WAV file"),
        ((model, tmp_path / "none.wav"), "must be a file that can be read"),
        ((tmp_path / "fast.wav", tmp_path / "fast.wav"), "must"),
    ):
        done = subprocess.run([programs / "danaus_stream_wav", *arguments], capture_output=True, text=True)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert words in done.stderr
