"""What an object file defines, and whether another object could mistake it for its own."""

import re
import subprocess
from pathlib import Path

# Weak pointers to the exception personality: data of the compiler's, equal in every object.
HARMLESS = re.compile(r"^DW\.ref\.")


def output(*command: object) -> str:
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout


def strays(object_file: Path, isa: str) -> list[str]:
    """The symbols a linker could exchange with another object's: defined, not local, not of the ISA's namespace."""
    space = isa.replace("-", "_")
    mangled = f"6danaus{len(space)}{space}"
    names = [line.split() for line in output("nm", "--defined-only", object_file).splitlines()]
    visible = [name for _, kind, name in names if kind.isupper() or kind in "uvw"]
    return [name for name in visible if mangled not in name and not HARMLESS.match(name)]


def constructors(object_file: Path) -> list[str]:
    """The sections that run code when the library is loaded."""
    sections = re.findall(r"^\s*\d+ (\S+)", output("objdump", "--section-headers", object_file), re.M)
    return [name for name in sections if re.match(r"\.(init_array|preinit_array|ctors|text\.startup)", name)]
