# SPDX-License-Identifier: Apache-2.0
"""What the Python tests share."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]  # for helpers, systems and reference

settings.register_profile("danaus", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("danaus")
