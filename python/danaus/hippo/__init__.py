"""HiPPO: online memory of a signal in N coefficients (Gu, Dao, Ermon, Rudra and Re 2020)."""

from __future__ import annotations

from .gradient import project_vjp
from .measures import nplr, transition
from .memory import Memory, project
from .scans import scan, scan_vjp
from .sketch import Sketch, combine, sketches
from .systems import diagonalize, discretize, discretize_scale, largest_step

__all__ = [
    "Memory",
    "Sketch",
    "combine",
    "diagonalize",
    "discretize",
    "discretize_scale",
    "largest_step",
    "nplr",
    "project",
    "project_vjp",
    "scan",
    "scan_vjp",
    "sketches",
    "transition",
]
