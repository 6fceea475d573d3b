"""The fidelity ledger: what the kit simulates, how faithfully, where the claim comes from and which test shows it.

The rows are in ``fidelity.toml``. ``python -m pe_kit.ledger > LIMITATIONS.md`` writes down all that is not exact.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LedgerRow", "ledger", "ledger_frame", "limitations"]


class LedgerRow(NamedTuple):
    """One simulated behaviour.

    Attributes:
        id: ``area.name``, unique.
        claim: what the server does.
        status: ``exact``, ``approximated`` or ``absent``.
        note: how the kit differs; empty when exact.
        source: a path in the repository influxdata/influxdb (or influxdata/docs-v2, then with that prefix).
        test: the pytest node that shows it; may be empty when absent.
        surprise: whether people who know databases would expect something else.
    """

    id: str
    claim: str
    status: str
    note: str
    source: str
    test: str
    surprise: bool

    @property
    def area(self) -> str:
        """The part of the id before the dot."""
        return self.id.partition(".")[0]


@cache
def ledger() -> tuple[LedgerRow, ...]:
    """Read the ledger."""
    text = files("pe_kit").joinpath("fidelity.toml").read_text(encoding="utf-8")
    return tuple(
        LedgerRow(
            f"{area}.{name}",
            row["claim"],
            row.get("status", "exact"),
            row.get("note", ""),
            row["source"],
            row.get("test", ""),
            row.get("surprise", False),
        )
        for area, rows in tomllib.loads(text).items()
        for name, row in rows.items()
    )


def ledger_frame() -> pd.DataFrame:
    """Give the ledger as a DataFrame: id, claim, status, note, source, test, surprise."""
    import pandas as pd

    return pd.DataFrame(ledger(), columns=list(LedgerRow._fields))


def limitations() -> str:
    """Write what is not exact as Markdown, grouped by area."""
    rows = ledger()
    counts = {s: sum(r.status == s for r in rows) for s in ("exact", "approximated", "absent")}
    out = [
        "# Limitations",
        "",
        "Where pe_kit does not do what InfluxDB 3 Core does: the rows of `pe_kit/fidelity.toml` that are not exact.",
        "Written by `python -m pe_kit.ledger > LIMITATIONS.md`; `engine.fidelity()` or `pe-kit fidelity` show all.",
        "",
        f"Of {len(rows)} behaviours {counts['exact']} are exact, {counts['approximated']} approximated, "
        f"{counts['absent']} absent.",
    ]
    for area, group in groupby((r for r in rows if r.status != "exact"), key=lambda r: r.area):
        out += ["", f"## {area}", ""]
        out += [f"- **{r.claim}** {r.status.capitalize()}: {r.note} (`{r.id}`, source `{r.source}`)" for r in group]
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    print(limitations(), end="")
