"""A project of someone else's finds the headers: in the installed package, or by add_subdirectory."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import danaus

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SAYS = f"danaus {danaus.__version__} says 1\n"

pytestmark = pytest.mark.skipif(shutil.which("cmake") is None, reason="needs CMake (pip install cmake)")


def say(*arguments: str) -> str:
    command = [sys.executable, "-m", "danaus", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout.strip()


def build_and_run(build: Path, *definitions: str) -> str:
    generator = ("-G", "Ninja") if shutil.which("ninja") else ()
    for command in (
        ("cmake", "-S", HERE / "consumer", "-B", build, *generator, *definitions),
        ("cmake", "--build", build),
    ):
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert result.returncode == 0, result.stdout
    return subprocess.run([build / "consumer"], check=True, capture_output=True, text=True).stdout


def test_find_package(tmp_path: Path) -> None:
    assert build_and_run(tmp_path, f"-Ddanaus_DIR={say('--cmake-dir')}") == SAYS


def test_add_subdirectory(tmp_path: Path) -> None:
    assert build_and_run(tmp_path, f"-DDANAUS_TREE={ROOT}") == SAYS


def test_include_dir_is_enough_for_a_compiler(tmp_path: Path) -> None:
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler is None:
        pytest.skip("needs a C++ compiler")
    # As small targets compile: no exceptions, no run-time types, contracts off.
    flags = ("-std=c++20", "-O1", "-DNDEBUG", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-Werror")
    program = tmp_path / "consumer"
    source = HERE / "consumer" / "main.cpp"
    subprocess.run([compiler, *flags, f"-I{say('--include-dir')}", source, "-o", program], check=True)
    assert subprocess.run([program], check=True, capture_output=True, text=True).stdout == SAYS
