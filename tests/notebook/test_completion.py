"""Completion in magic lines, through IPython's own completer."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter

from pe_kit.errors import EngineClosedError

PLUGIN = "def process_request(a, b, c, d, e=None):\n    return {}\n"


@pytest.fixture(autouse=True)
def things(shell: Any) -> None:
    engine = shell.user_ns["engine"]
    engine.write("temps v=1", "weather")
    engine.write_plugin("alerts.py", PLUGIN)
    engine.create_trigger("status", db="weather", path="alerts.py", spec="request:api/status")


def offered(shell: Any, text: str) -> list[str]:
    """What the notebook would insert: each completion put into the text."""
    with provisionalcompleter():
        found = list(shell.Completer.completions(text, len(text)))
    return [text[: c.start] + c.text + text[c.end :] for c in found]


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("%%write we", "%%write weather"),
        ("%query we", "%query weather"),
        ("%call sta", "%call status"),
        ("%call status --data", "%call status --database"),
        ("%call status --database w", "%call status --database weather"),
        ("%%plugin al", "%%plugin alerts.py"),
        ("%%plugin alerts.py --trigger-sp", "%%plugin alerts.py --trigger-spec"),
        ("%%plugin alerts.py --trigger-spec table:t", "%%plugin alerts.py --trigger-spec table:temps"),
        ("%%plugin alerts.py --trigger sta", "%%plugin alerts.py --trigger status"),
        ("%%plugin alerts.py --error-behavior re", "%%plugin alerts.py --error-behavior retry"),
        ("%request api/s", "%request api/status"),
        ("%pe trig", "%pe triggers"),
        ("%pe use eng", "%pe use engine"),
        ("%pe logs --level W", "%pe logs --level WARN"),
        ("%influxdb3 que", "%influxdb3 query"),
        ("%influxdb3 create tri", "%influxdb3 create trigger"),
        ("%influxdb3 create trigger --trigger-ar", "%influxdb3 create trigger --trigger-arguments"),
        ("%influxdb3 query --database we", "%influxdb3 query --database weather"),
        ("frame = 1\n%query we", "frame = 1\n%query weather"),
    ],
)
def test_one_thing_fits(shell: Any, text: str, full: str) -> None:
    assert offered(shell, text) == [full]


def test_an_empty_word_offers_what_can_stand_there(shell: Any) -> None:
    assert offered(shell, "%%write ") == ["%%write weather"]
    assert "%%write weather --no-sync" in offered(shell, "%%write weather ")
    assert "%pe help" in offered(shell, "%pe ")


@pytest.mark.slow
def test_other_lines_are_left_to_python(shell: Any) -> None:
    shell.user_ns["we_are_here"] = 1
    assert offered(shell, "we_ar") == ["we_are_here"]
    assert "%%write weather\nwe_are_here" in offered(shell, "%%write weather\nwe_ar")


def test_without_an_engine_nothing_is_offered_and_nothing_breaks(shell: Any) -> None:
    shell.user_ns["engine"].close()
    with pytest.raises(EngineClosedError):
        shell.user_ns["engine"].write("t v=1", "weather")
    offered(shell, "%%write we")
