"""Who may include whom: the floors of the house, read off the #include lines."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEADERS = ROOT / "cpp" / "include" / "danaus"
DISPATCH = ROOT / "cpp" / "dispatch"
EIGEN = "linalg/eigen.hpp"
UMBRELLA = "danaus.hpp"
FLOORS = (
    {""},  # config.hpp, version.hpp
    {"core", "simd"},
    {"linalg"},
    {"fft", "hippo", "simplex", "adapter"},
    {"ssm", "monarch"},
    {"model"},
)
FLOOR = {area: number for number, areas in enumerate(FLOORS) for area in areas}
BANNED = {"functional", "iostream", "regex"}


def includes(path: Path) -> list[str]:
    return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', path.read_text(encoding="utf-8"), re.M)


def area(header: str) -> str:
    return header.rpartition("/")[0]


GRAPH = {str(path.relative_to(HEADERS)): includes(path) for path in sorted(HEADERS.rglob("*.hpp"))}


def own(header: str) -> list[str]:
    """The library's headers that a header includes itself."""
    return [name.removeprefix("danaus/") for name in GRAPH[header] if name.startswith("danaus/")]


def reachable(headers: list[str]) -> set[str]:
    seen: set[str] = set()
    while headers:
        header = headers.pop()
        if header not in seen:
            seen.add(header)
            headers += own(header)
    return seen


def test_every_area_stands_on_a_floor() -> None:
    assert {area(header) for header in GRAPH} <= set(FLOOR)


def test_headers_include_only_their_own_area_and_lower_floors() -> None:
    wrong = [
        f"{header} includes {name}"
        for header in GRAPH
        if header != UMBRELLA
        for name in own(header)
        if name == UMBRELLA or (area(name) != area(header) and FLOOR[area(name)] >= FLOOR[area(header)])
    ]
    assert wrong == []


def test_headers_name_each_other_in_full() -> None:
    """<danaus/area/name.hpp>, which exists: not a relative path, not a source file."""
    wrong = [
        f"{header} includes {name}"
        for header, names in GRAPH.items()
        for name in names
        if name.endswith(".hpp") and name.removeprefix("danaus/") not in GRAPH
    ]
    assert wrong == []


def test_run_code_stays_light() -> None:
    """What the kernels include, and all of simplex/, never meets Eigen or a heavy standard header."""
    roots = [name for path in DISPATCH.iterdir() for name in includes(path) if name.startswith("danaus/")]
    run = reachable([name.removeprefix("danaus/") for name in roots] + [h for h in GRAPH if area(h) == "simplex"])
    wrong = [f"{header} includes {name}" for header in sorted(run) for name in GRAPH[header] if name in BANNED]
    assert wrong == []
    assert EIGEN not in run


def test_one_header_includes_eigen() -> None:
    assert {header for header, names in GRAPH.items() if any("Eigen" in name for name in names)} <= {EIGEN}


def test_select_includes_only_the_table() -> None:
    assert [name for name in includes(DISPATCH / "select.cpp") if "." in name] == ["table.hpp"]


def test_the_umbrella_holds_every_header_that_does_without_eigen() -> None:
    wanted = {header for header in GRAPH if EIGEN not in reachable([header])} - {UMBRELLA}
    assert own(UMBRELLA) == sorted(wanted)


def test_headers_carry_their_licence_and_are_read_once() -> None:
    starts = {header: (HEADERS / header).read_text(encoding="utf-8") for header in GRAPH}
    head = "// SPDX-License-Identifier: Apache-2.0\n#pragma once\n"
    assert [header for header, text in starts.items() if not text.startswith(head)] == []
