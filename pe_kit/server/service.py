"""What all endpoints share: the engine that they speak for, and which of them answers what."""

from __future__ import annotations

import secrets
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pe_kit.server.asking import Ask, Reply
from pe_kit.server.tokens import Tokens

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine

__all__ = ["VERSION", "Handler", "Routes", "Service"]

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


Handler = Callable[[Service, Ask], Reply | None]
"""An endpoint; one that has nothing to say, None, answers 200."""


class Routes(dict[tuple[str, str], Handler]):
    """Method and path -> what answers; an endpoint is entered where it is defined."""

    def on(self, methods: str, path: str) -> Callable[[Handler], Handler]:
        """Enter a function for a path; ``methods`` are words, such as ``GET POST``."""

        def enter(handler: Handler) -> Handler:
            self.update(((method, path), handler) for method in methods.split())
            return handler

        return enter
