"""Failures on purpose: rules that say at which site of a run what goes wrong, and when.

A site is a place where the outside can fail a plugin. Every pass of a site is numbered, so a rule can name one pass
and a session with faults is as repeatable as one without.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from pe_kit.duration import as_duration_ns
from pe_kit.errors import UsageError, near_match

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FAULTS", "TTL", "Faults", "Pass", "Rule", "Strike"]

FAULTS: dict[str, dict[str, str]] = {
    "query": {"error": "the query fails", "slow": "the query takes virtual time (slow:30s)"},
    "write_sync": {"reject": "the synchronous write is refused"},
    "write_back": {"reject": "the buffered lines are refused"},
    "cache": {"vanish": "the key is gone when it is read", "expire": "a key with a TTL expires early"},
    "batch": {"twice": "the batch comes twice", "reorder": "tables and rows come in reverse order"},
    "call": {
        "jump": "the clock jumps ahead before the call (jump:1h)",
        "disable": "the trigger is disabled before the call",
        "restart": "the server restarts before the call",
    },
    "http": {
        "refuse": "an outgoing request is refused",
        "timeout": "an outgoing request times out",
        "500": "an outgoing request is answered with status 500",
    },
}
"""Site -> fault -> what it means."""

TTL = " (ttl)"
"""Ends the detail of a cached value that expires by itself."""

_CONDITIONS: dict[str, Callable[[Any], bool]] = {
    "trigger": lambda value: isinstance(value, str),
    "nth": lambda value: type(value) is int and value >= 1,  # pass of the site since the rule was made
    "match": lambda value: isinstance(value, str),  # a part of the pass's detail
    "chance": lambda value: type(value) in (int, float) and 0 <= value <= 1,  # drawn from the engine's seed
}
_DEFAULT_TIME = {"slow": "10s", "jump": "1h"}


class Pass(NamedTuple):
    """One pass of a site: where, in which trigger's run, and what it was about: SQL, cache key, database or URL."""

    site: str
    trigger: str
    detail: str

    def can(self, fault: str) -> bool:
        """Whether a fault of the site can happen here: only what has a TTL expires early."""
        return fault != "expire" or self.detail.endswith(TTL)


class Strike(NamedTuple):
    """A fault that happens, and what runs say of it; ``amount_ns`` is for those that take a duration."""

    fault: str
    amount_ns: int
    text: str


@dataclass(slots=True)
class Rule:
    """One injected fault; ``times`` left to strike (None: every time), ``seen`` passes of its site so far."""

    id: int
    site: str
    fault: str
    when: Mapping[str, Any]
    times: int | None
    amount_ns: int = 0
    seen: int = 0
    struck: int = 0

    def concerns(self, moment: Pass) -> bool:
        """True for a pass of the rule's site, trigger and detail."""
        return (
            self.site == moment.site
            and moment.can(self.fault)
            and self.when.get("trigger", moment.trigger) == moment.trigger
            and self.when.get("match", "") in moment.detail
        )

    def strikes(self, rng: random.Random) -> bool:
        """Say whether the fault happens at the pass that was counted last."""
        if self.times is not None and self.struck >= self.times:
            return False
        if self.when.get("nth", self.seen) != self.seen:
            return False
        if "chance" in self.when and rng.random() >= self.when["chance"]:
            return False
        self.struck += 1
        return True


@dataclass(slots=True)
class Faults:
    """The rules of one engine; ``trace`` records every pass while a sweep looks for sites."""

    rules: list[Rule] = field(default_factory=list)
    trace: list[Pass] | None = None
    made: int = 0

    def __bool__(self) -> bool:
        return bool(self.rules) or self.trace is not None

    def add(self, site: str, fault: str, when: Mapping[str, Any] | None, times: int | None) -> Rule:
        """Make a rule.

        Raises:
            UsageError: an unknown site, fault or condition; the text names the near match.
        """
        name, _, amount = str(fault).partition(":")
        if site not in FAULTS:
            raise UsageError(f"there is no site {site!r}", mend=near_match(str(site), FAULTS, what="sites"))
        if name not in FAULTS[site]:
            known = near_match(name, FAULTS[site], what=f"faults of site {site!r}")
            raise UsageError(f"site {site!r} has no fault {name!r}", mend=known)
        if amount and name not in _DEFAULT_TIME:
            raise UsageError(f"fault {name!r} takes no duration", mend=f"Write {name!r} alone.")
        if when is not None and not isinstance(when, Mapping):
            raise UsageError(f"when={when!r}", mend="A dict, for example {'trigger': 'NAME', 'nth': 2}.")
        for condition, value in (when or {}).items():
            if condition not in _CONDITIONS:
                known = near_match(str(condition), _CONDITIONS, what="conditions")
                raise UsageError(f"there is no condition {condition!r}", mend=known)
            if not _CONDITIONS[condition](value):
                mend = "trigger and match are texts, nth counts from 1, chance lies between 0 and 1."
                raise UsageError(f"when={{{condition!r}: {value!r}}}", mend=mend)
        if times is not None and (type(times) is not int or times < 1):
            raise UsageError(f"times={times!r}", mend="A fault happens at least once; None means every time.")
        self.made += 1
        ns = as_duration_ns(amount or _DEFAULT_TIME[name]) if name in _DEFAULT_TIME else 0
        rule = Rule(self.made, site, name, dict(when or {}), times, ns)
        self.rules.append(rule)
        return rule

    def at(self, site: str, trigger: str, detail: str, rng: random.Random) -> Strike | None:
        """Pass a site; gives what the oldest rule that strikes does."""
        moment = Pass(site, trigger, detail)
        if self.trace is not None:
            self.trace.append(moment)
        concerned = [rule for rule in self.rules if rule.concerns(moment)]
        for rule in concerned:
            rule.seen += 1
        for rule in concerned:
            if rule.strikes(rng):
                return Strike(rule.fault, rule.amount_ns, f"{site}: {rule.fault} ({detail:.80})")
        return None

    def copy(self) -> Faults:
        """A copy that counts by itself."""
        return Faults([replace(rule) for rule in self.rules], None, self.made)

    def frame(self) -> pd.DataFrame:
        """The rules: id, site, fault, when, times, seen, struck."""
        import pandas as pd

        names = ["id", "site", "fault", "when", "times", "seen", "struck"]
        frame = pd.DataFrame([[getattr(r, n) for n in names] for r in self.rules], columns=names)
        return frame.astype({"times": "Int64"})
