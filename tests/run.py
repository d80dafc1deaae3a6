"""Build danaus from this tree and run every test, C++ and Python.

    python tests/run.py

Needs a C++20 compiler and nothing else: what it installs comes from PyPI into build/test-venv, and a second
run builds only what changed. A test that wants more (an emulator, say) uses it where it is there and counts
as skipped where it is not; .ci/run installs all of it.
"""

import ast
import os
import platform
import re
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
VENV = BUILD / "test-venv"
BIN = VENV / ("Scripts" if platform.system() == "Windows" else "bin")
CLOSING = re.compile(r"^(\d+% tests passed.*|=+ .*\b(passed|failed|error|no tests)\b.* =+)$")
ENVIRONMENT = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def run(*command: object, **more: str) -> tuple[int, list[str]]:
    """Run and show a command; its exit status and the lines with which a test runner closed."""
    words = [str(word) for word in command]
    print("+", *words, flush=True)
    closing = []
    with subprocess.Popen(words, cwd=ROOT, env={**ENVIRONMENT, **more}, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            if CLOSING.match(line.rstrip()):
                closing.append(line.rstrip())
    return process.returncode, closing


def must(*command: object) -> None:
    if run(*command)[0] != 0:
        sys.exit(f"tests/run.py: failed: {' '.join(map(str, command))}")


def headline(text: str) -> None:
    print(f"\n== {text}", flush=True)


def install() -> Path:
    """Build the wheel and install it, with what the tests need, into an environment of its own."""
    if not (BIN / "python").exists():
        venv.create(VENV, with_pip=True)
    pip = (BIN / "python", "-m", "pip", "--quiet")
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    requires = ast.literal_eval(re.search(r"^requires = (\[.*?\])", text, re.M | re.S)[1])
    must(*pip, "install", "cmake>=3.24", "ninja", *requires)
    for old in (BUILD / "dist").glob("*.whl"):
        old.unlink()
    must(*pip, "wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", BUILD / "dist", ".")
    (wheel,) = (BUILD / "dist").glob("*.whl")
    must(*pip, "install", f"{wheel}[test]")
    must(*pip, "install", "--force-reinstall", "--no-deps", wheel)
    return wheel


def test_cpp() -> tuple[int, list[str]]:
    (eigen,) = VENV.glob("lib/python*/site-packages/cmeel.prefix")
    must("cmake", "--preset", "dev", f"-DCMAKE_PREFIX_PATH={eigen}")
    must("cmake", "--build", "--preset", "dev")
    return run("ctest", "--preset", "dev")


def test_python(wheel: Path) -> tuple[int, list[str]]:
    tag = "-".join(wheel.stem.split("-")[2:])
    where = {"DANAUS_WHEEL": str(wheel), "DANAUS_KERNEL_OBJECTS": str(BUILD / tag / "bindings")}
    return run(BIN / "python", "-m", "pytest", **where)


def main() -> int:
    headline("wheel")
    wheel = install()
    headline("C++ tests")
    cpp, cpp_closing = test_cpp()
    headline("Python tests")
    python, python_closing = test_python(wheel)
    headline("closing lines: C++, Python")
    print("\n".join(cpp_closing + python_closing), flush=True)
    return int(cpp != 0 or python != 0)


if __name__ == "__main__":
    sys.exit(main())
