"""Where made-up data gets its chance from: one numpy generator for each seed and path, never a shared one."""

from __future__ import annotations

import zlib

import numpy as np

from pe_kit.errors import UsageError

__all__ = ["counted", "probability", "stream"]


def stream(seed: int, *path: int | str) -> np.random.Generator:
    """Give the random stream that belongs to ``seed`` and ``path``.

    The same seed and path give the same numbers on every machine (numpy PCG64); streams of different paths are
    independent, so adding a field or an imperfection leaves all others as they were.

    Raises:
        UsageError: the seed is no non-negative int.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise UsageError(f"a seed is a non-negative int, not {seed!r}", mend="For example seed=1.")
    key = tuple(zlib.crc32(part.encode()) if isinstance(part, str) else part for part in path)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(int(seed), spawn_key=key)))


def probability(chance: float) -> float:
    """Give ``chance`` back as a float.

    Raises:
        UsageError: it is not between 0 and 1.
    """
    if not 0 <= chance <= 1:
        raise UsageError(f"a chance is between 0 and 1, not {chance!r}", mend="0.01 means one point in a hundred.")
    return float(chance)


def counted(number: int, what: str) -> int:
    """Give a count back.

    Raises:
        UsageError: it is no whole number, or negative.
    """
    if not isinstance(number, int | np.integer) or number < 0:
        raise UsageError(f"{what} is a whole number, 0 or more, not {number!r}")
    return int(number)
