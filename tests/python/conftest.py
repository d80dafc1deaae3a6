# SPDX-License-Identifier: Apache-2.0
"""What the Python tests share."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from hypothesis import settings

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]  # for helpers, systems and reference

# What the user's machine has measured must not decide what the tests run.
os.environ.pop("DANAUS_RATES", None)
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="danaus-cache-")

settings.register_profile("danaus", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("danaus")
