"""``%load_ext pe_kit``: magics, displays, completion, and an Engine named ``engine``."""

from __future__ import annotations

import atexit
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pe_kit.engine.difference import Difference
from pe_kit.engine.engine import Engine
from pe_kit.engine.interrupt import AdvanceInterrupted
from pe_kit.engine.limits import Limits
from pe_kit.engine.outcome import Outcome, Run, Runs
from pe_kit.engine.records import Response
from pe_kit.engine.topology import Topology
from pe_kit.engine.track import Tracked
from pe_kit.errors import PeKitError
from pe_kit.fixtures import Differences, Report
from pe_kit.notebook import display
from pe_kit.notebook.card import Card
from pe_kit.notebook.completion import Completion
from pe_kit.notebook.fixtures import differences_html, report_html
from pe_kit.notebook.magics import Magics
from pe_kit.notebook.text import error_lines
from pe_kit.notebook.topology import difference_html, topology_html, tracked_html
from pe_kit.workshop.checking import Checked
from pe_kit.workshop.display import checked_html

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["load"]

NOTEBOOK_LIMITS = Limits(run_time="30s", memory="2GiB")
"""A notebook stops a plugin that would block its kernel."""


def load(shell: InteractiveShell) -> None:
    """Make the kit known to a shell; calling it again renews what is there. An Engine that is there stays."""
    import_module("time_machine")  # here, so that it does not count as time of the first plugin
    magics = Magics(shell)
    magics.register()
    matchers = shell.Completer.custom_matchers
    matchers[:] = [m for m in matchers if not isinstance(m, Completion)] + [Completion(magics)]
    _register_displays(shell)
    shell.set_custom_exc((AdvanceInterrupted,), _show_interrupt)
    if shell.user_ns.get("engine") is None:
        shell.user_ns["engine"] = engine = Engine(limits=NOTEBOOK_LIMITS)
        atexit.register(engine.close)
    there = shell.user_ns["engine"]
    if isinstance(there, Engine):
        there.progress = magics.progress
    else:
        said = f"the variable 'engine' is a {type(there).__name__} and stays as it is"
        mend = "my_engine = pe_kit.Engine(), then %pe use my_engine"
        print(Card("warn", "no Engine was made", said, [("make one", mend)]))


def _register_displays(shell: InteractiveShell) -> None:
    html = shell.display_formatter.formatters["text/html"]
    html.for_type(Outcome, display.outcome_html)
    html.for_type(Run, display.run_html)
    html.for_type(Runs, display.runs_html)
    html.for_type(Response, display.response_html)
    html.for_type(PeKitError, display.error_html)
    html.for_type(Topology, topology_html)
    html.for_type(Tracked, tracked_html)
    html.for_type(Difference, difference_html)
    html.for_type(Report, report_html)
    html.for_type(Differences, differences_html)
    html.for_type(Checked, checked_html)
    for version in ("v5", "v6"):
        shell.display_formatter.mimebundle_formatter.for_type_by_name(
            f"altair.vegalite.{version}.api", "TopLevelMixin", _chart
        )


def _show_interrupt(shell: InteractiveShell, kind: type[BaseException], error: Any, trace: Any, **_: Any) -> None:
    """Show what an interrupted advance has done, instead of the engine's frames."""
    from IPython.display import display as show

    show(error.outcome)
    shell._showtraceback(kind, error, error_lines(error))


def _chart(chart: Any) -> Any:
    """Show an Altair chart without a network, unless the user has chosen a renderer."""
    import altair

    if altair.renderers.active != "default":
        return chart._repr_mimebundle_()
    from pe_kit.notebook.chart import chart_bundle

    return chart_bundle(chart)
