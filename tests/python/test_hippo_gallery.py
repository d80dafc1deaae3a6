# SPDX-License-Identifier: Apache-2.0
"""The gallery runs, and the page in docs/ is what it makes."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_gallery_makes_its_page(tmp_path):
    spec = importlib.util.spec_from_file_location("hippo_gallery", ROOT / "examples" / "hippo_gallery.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = module.gallery(tmp_path, (32, 64))
    assert (tmp_path / "hippo-gallery.md").read_text(encoding="utf-8") == page
    assert (tmp_path / "hippo-gallery.svg").stat().st_size < 150_000
    published = (ROOT / "docs" / "hippo-gallery.md").read_text(encoding="utf-8")
    assert (ROOT / "docs" / "hippo-gallery.svg").stat().st_size < 150_000
    assert published.startswith(page[: page.index("| numbers kept")])
    rows = [re.findall(r"^\| (\w+) \| ([\d.]+)% \((\d+) B\)", text, re.M) for text in (page, published)]
    assert {name for name, _, _ in rows[0]} >= {"legs", "decimation"}
    assert len(rows[0]) == len(rows[1])  # a measure is new: make the page again
    for (name, error, size), (wanted, known, same) in zip(*rows, strict=True):
        assert (name, size) == (wanted, same) and abs(float(error) - float(known)) <= 0.02
