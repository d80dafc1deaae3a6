"""HiPPO: online memory of a signal in N coefficients (Gu, Dao, Ermon, Rudra and Re 2020)."""

from __future__ import annotations

from .measures import transition
from .memory import Memory, project
from .scans import scan, scan_vjp

__all__ = ["Memory", "project", "scan", "scan_vjp", "transition"]
