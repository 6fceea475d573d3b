"""What each plugin call runs in: the limits outside, the plugin's own clock inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pe_kit.engine.guard import Guard
from pe_kit.engine.pluginclock import PluginClock

if TYPE_CHECKING:
    from pe_kit.clock import Clock
    from pe_kit.engine.call import Call
    from pe_kit.engine.limits import Limits

__all__ = ["surroundings"]

Around = Callable[["Call", Callable[[], Any]], Any]


def surroundings(clock: Clock, seed: int, limits: Limits) -> Around | None:
    """Give the function that runs plugin code, or None when there is nothing to put around it.

    Raises:
        UsageError, DurationError: a limit that makes no sense.
    """
    guard = Guard(limits)
    within = guard.around if guard.active else _exposed
    if not clock.virtual:
        return within if guard.active else None
    own = PluginClock(clock, seed).around

    def both(call: Call, body: Callable[[], Any]) -> Any:
        return within(call, lambda: own(call, body))

    return both


def _exposed(call: Call, body: Callable[[], Any]) -> Any:
    call.exposed = True
    return body()
