"""The one way in which a command refuses what it was given."""

from __future__ import annotations

__all__ = ["UserError", "printable"]


class UserError(Exception):
    """What must hold, what was given, and where possible what to do next, in one line."""


def printable(text: object) -> str:
    r"""``text`` on one line and without control characters: files may say anything.

    >>> printable("a\x1b[31m\nb")
    'a?[31m?b'
    """
    return "".join(c if c.isprintable() else "?" for c in str(text))
