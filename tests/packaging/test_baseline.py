"""On the oldest machine the wheel promises (x86-64-v2, as NumPy), the package imports and computes the same."""

import json
import os
import platform
import shutil
import subprocess
import sys

import numpy as np
import pytest

PROGRAM = """
import json
import numpy as np
import danaus
from danaus import hippo

u = np.sin(np.arange(600.0) ** 1.3).astype(np.float32)
memory = hippo.Memory("legs", n=32, channels=3)
memory.extend(u[:300].reshape(100, 3))
stream = danaus.load("japanese_vowels").stream()
frames = [np.asarray(stream.step(frame)).tolist() for frame in u.reshape(50, 12)[:20]]
print(json.dumps({"isa": danaus.isa(), "memory": np.asarray(memory.coefficients).tolist(), "stream": frames}))
"""
NEHALEM = ("qemu-x86_64", "-cpu", "Nehalem")

pytestmark = [
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the baseline is x86-64's"),
    pytest.mark.skipif(shutil.which(NEHALEM[0]) is None, reason="needs qemu-x86_64 (Debian: qemu-user)"),
]


def compute(*emulator: str, **environment: str) -> dict[str, object]:
    result = subprocess.run(
        [*emulator, sys.executable, "-c", PROGRAM],
        env={**os.environ, **environment}, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, f"exit status {result.returncode}: {result.stderr[-2000:]}"
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def old_machine() -> dict[str, object]:
    return compute(*NEHALEM)


def test_old_machine_computes_bit_for_bit_like_this_one_held_back(old_machine: dict[str, object]) -> None:
    assert old_machine == compute(DANAUS_MAX_ISA="x86-64")


def test_old_machine_agrees_with_this_one(old_machine: dict[str, object]) -> None:
    native = compute()
    assert old_machine["isa"] == "x86-64"
    # Both are float32 sums of about a hundred terms of size one, in another order.
    np.testing.assert_allclose(old_machine["memory"], native["memory"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(old_machine["stream"], native["stream"], rtol=0, atol=1e-4)
