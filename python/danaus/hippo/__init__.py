"""HiPPO: online memory of a signal in N coefficients (Gu, Dao, Ermon, Rudra and Re 2020)."""

from __future__ import annotations

from .measures import transition
from .memory import Memory, project

__all__ = ["Memory", "project", "transition"]
