"""What is in the wheel (DANAUS_WHEEL) and in the installed package, and how large it is."""

import ast
import importlib.metadata
import os
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEADERS = ROOT / "cpp" / "include"
SOURCES = ROOT / "python" / "danaus"


@pytest.fixture(scope="module")
def files() -> set[str]:
    return {str(path) for path in importlib.metadata.files("danaus") or []}


def test_headers_are_there(files: set[str]) -> None:
    headers = {f"danaus/include/{path.relative_to(HEADERS)}" for path in HEADERS.rglob("*.hpp")}
    assert headers - files == set()
    assert {name for name in files if name.endswith(".hpp")} - headers == set()


def test_modules_types_and_models_are_there(files: set[str]) -> None:
    kinds = ("*.py", "*.pyi", "*.typed", "data/*.safetensors", "data/*.npz")
    wanted = {f"danaus/{path.relative_to(SOURCES)}" for kind in kinds for path in SOURCES.rglob(kind)}
    wanted |= {"danaus/py.typed", "danaus/_core.pyi", "danaus/data/digits.safetensors"}
    assert wanted - files == set()


def test_cmake_package_is_there(files: set[str]) -> None:
    wanted = {f"danaus/share/cmake/danaus/danaus-{part}.cmake" for part in ("config", "config-version", "targets")}
    assert wanted - files == set()


def test_licence_and_notice_are_there(files: set[str]) -> None:
    assert {name.rpartition("/")[2] for name in files if "/licenses/" in name} == {"LICENSE", "NOTICE"}


def test_one_extension_and_nothing_else_compiled(files: set[str]) -> None:
    assert len([name for name in files if name.endswith((".so", ".dylib", ".pyd", ".a", ".o"))]) == 1


def test_the_package_is_the_installed_one() -> None:
    import danaus

    assert not Path(danaus.__file__).is_relative_to(SOURCES)
    assert danaus.__version__ == importlib.metadata.version("danaus")


def test_committed_stub_is_the_generated_one() -> None:
    import danaus

    generated = Path(danaus.__file__).with_name("_core.pyi")
    trees = [ast.dump(ast.parse(path.read_text(encoding="utf-8"))) for path in (generated, SOURCES / "_core.pyi")]
    assert trees[0] == trees[1], f"the bindings changed: cp {generated} {SOURCES}"


@pytest.mark.skipif("DANAUS_WHEEL" not in os.environ, reason="DANAUS_WHEEL names no wheel (tests/run.py does)")
def test_wheel_is_small_and_holds_only_the_package() -> None:
    wheel = Path(os.environ["DANAUS_WHEEL"])
    assert wheel.stat().st_size < 3_900_000  # three instruction sets of every kernel
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0].partition("-")[0] for name in archive.namelist()}
    assert tops == {"danaus"}
