"""Objects compiled for different instruction sets must share nothing, and run nothing at load time.

Were one inline function common to two of them, the linker would keep either copy, and a machine without
AVX-512 could be handed the AVX-512 one. DANAUS_KERNEL_OBJECTS names the folder to look in for the objects.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from objects import constructors, strays

ROOT = Path(__file__).resolve().parents[2]
BUILD, DISPATCH = ROOT / "build", ROOT / "cpp" / "dispatch"
PREFIX = "danaus_kernels_"

pytestmark = pytest.mark.skipif(
    not (shutil.which("nm") and shutil.which("objdump")), reason="needs nm and objdump (binutils)"
)


def kernel_objects() -> dict[str, list[Path]]:
    """The objects of each instruction set: of each source the newest."""
    folder = os.environ.get("DANAUS_KERNEL_OBJECTS")
    found = Path(folder).rglob("*.o") if folder else BUILD.glob("*/bindings/**/*.o")
    newest: dict[tuple[str, str], Path] = {}
    for path in sorted(found, key=lambda path: path.stat().st_mtime):
        target = next((part for part in path.parts if part.startswith(PREFIX)), None)
        if target is not None:
            newest[target.removeprefix(PREFIX).removesuffix(".dir"), path.name] = path
    by_isa: dict[str, list[Path]] = {}
    for (isa, _), path in newest.items():
        by_isa.setdefault(isa, []).append(path)
    return by_isa


@pytest.fixture(scope="module")
def objects() -> dict[str, list[Path]]:
    found = kernel_objects()
    if not found:
        assert "DANAUS_KERNEL_OBJECTS" not in os.environ, "no kernel objects where DANAUS_KERNEL_OBJECTS says"
        pytest.skip("no kernel objects: build the wheel in this tree (tests/run.py does)")
    return found


def test_every_instruction_set_has_every_object(objects: dict[str, list[Path]]) -> None:
    assert set(objects) in ({"x86-64", "x86-64-v3", "x86-64-v4"}, {"aarch64"})
    sources = {f"{path.name}.o" for path in DISPATCH.glob("*.cpp")} - {"select.cpp.o"}
    assert [{path.name for path in paths} for paths in objects.values()] == [sources] * len(objects)


def test_kernels_define_nothing_outside_their_namespace(objects: dict[str, list[Path]]) -> None:
    assert {path: strays(path, isa) for isa, paths in objects.items() for path in paths if strays(path, isa)} == {}


def test_kernels_run_nothing_at_load_time(objects: dict[str, list[Path]]) -> None:
    assert {path: constructors(path) for paths in objects.values() for path in paths if constructors(path)} == {}


def test_the_guard_sees_what_is_wrong(tmp_path: Path) -> None:
    """A shared inline function, a shared template instance and a constructor at namespace scope."""
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler is None:
        pytest.skip("needs a C++ compiler")
    source = tmp_path / "bad.cpp"
    source.write_text("""
        #include <cstdlib>
        template <class T> struct Box { T value; [[gnu::noinline]] T get() const { return value; } };
        [[gnu::noinline]] inline float shared(float x) { return x * 2; }
        const int seed = std::atoi(std::getenv("HOME"));
        namespace danaus { inline namespace x86_64_v3 {
        struct Lanes { float x; };
        float right(float x) { return shared(x) + Box<float>{x}.get() + Box<Lanes>{{x}}.get().x + float(seed); }
        } }
    """)
    bad = tmp_path / "bad.o"
    subprocess.run([compiler, "-std=c++20", "-O1", "-c", source, "-o", bad], check=True)
    assert sorted(strays(bad, "x86-64-v3")) == ["_Z6sharedf", "_ZNK3BoxIfE3getEv"]
    assert len(strays(bad, "x86-64-v4")) == 4
    assert any(".init_array" in name for name in constructors(bad))
