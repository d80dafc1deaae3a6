"""HiPPO: online memory of a signal in N coefficients (Gu, Dao, Ermon, Rudra and Re 2020)."""

from __future__ import annotations

from .gradient import project_vjp
from .measures import transition
from .memory import Memory, project
from .sketch import Sketch, combine, sketches

__all__ = ["Memory", "Sketch", "combine", "project", "project_vjp", "sketches", "transition"]
