"""What all endpoints share."""

from __future__ import annotations

import secrets
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pe_kit.server.tokens import Tokens

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine

__all__ = ["VERSION", "Service"]

VERSION = "3.10.0"
"""The version of InfluxDB 3 Core that is emulated, as clients are told."""


@dataclass(slots=True)
class Service:
    """One engine behind its doors. ``tokens`` is None where no one has to say who they are."""

    engine: Engine
    tokens: Tokens | None
    cluster: str = field(default_factory=lambda: str(uuid.UUID(bytes=secrets.token_bytes(16), version=4)))
    answered: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    """Method, path and status -> how many requests were answered so."""
