"""Completion of magic lines: options, and the names of databases, triggers, files and paths that there are."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pe_kit.errors import PeKitError
from pe_kit.notebook.words import SUBCOMMANDS, WORDS

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext

    from pe_kit.notebook.magics import Magics

__all__ = ["Completion"]

_MAGIC = re.compile(r"\s*%{1,2}(\w+)\s+(.*)", re.DOTALL)


class Completion:
    """An IPython matcher (API version 2) for the magics of one shell."""

    matcher_api_version = 2

    def __init__(self, magics: Magics) -> None:
        self._magics = magics
        self.__qualname__ = "pe_kit"  # IPython's name for a matcher

    def __call__(self, context: CompletionContext) -> Any:
        """Give what can stand at the cursor; nothing for lines that are no magic of the kit."""
        from IPython.core.completer import SimpleCompletion

        word, found = self.candidates(context.text_until_cursor)
        chosen = [SimpleCompletion(text=text, type="magic") for text in found if text.startswith(word)]
        return {"completions": chosen, "matched_fragment": word, "suppress": bool(chosen)}

    def candidates(self, text: str) -> tuple[str, list[str]]:
        """Give the word under the cursor and the texts that could stand there.

        Args:
            text: the line up to the cursor.
        """
        match = _MAGIC.match(text)
        if match is None:
            return "", []
        name, rest = match.groups()
        options: argparse.ArgumentParser | None = WORDS.get(name)
        if name == "pe":
            sub, space, rest = rest.partition(" ")
            if not space:
                return sub, list(SUBCOMMANDS)
            options = SUBCOMMANDS[sub].options if sub in SUBCOMMANDS else None
        if options is None:
            return "", []
        *before, word = re.split(r"\s+", rest)
        if name == "influxdb3":
            options, before = _deepest(before)
        try:
            return word, self._at(options, before, word)
        except PeKitError:  # the variable holds no Engine, or a closed one
            return word, []

    def _at(self, options: argparse.ArgumentParser, before: list[str], word: str) -> list[str]:
        by_name = {option: action for action in options._actions for option in action.option_strings}
        if before and before[-1] in by_name and by_name[before[-1]].nargs != 0:
            return self._values(by_name[before[-1]])
        if word.startswith("-"):
            return [
                option for option in by_name if option.startswith("--") or (option.startswith(word) and len(word) < 3)
            ]
        taken = [w for i, w in enumerate(before) if not w.startswith("-") and not (i and before[i - 1] in by_name)]
        positional = [action for action in options._actions if not action.option_strings]
        named = self._values(positional[len(taken)]) if len(taken) < len(positional) else []
        return named if named or word else list(by_name)

    def _values(self, action: argparse.Action) -> list[str]:
        if action.choices is not None:
            return [str(choice) for choice in action.choices]
        engine = self._magics.engine if action.metavar != "VARIABLE" else None
        found: Iterable[Any] = ()
        match action.metavar:
            case "VARIABLE":
                found = self._magics.engines()
            case "DB":
                found = [name for name in engine.databases["database"] if name != "_internal"] if engine else ()
            case "TRIGGER" | "NAME":
                found = engine.triggers["trigger_name"] if engine and action.dest == "trigger" else ()
            case "FILE.py":
                found = engine.plugins["filename"] if engine else ()
            case "PATH":
                specs = (json.loads(text) for text in engine.triggers["trigger_specification"]) if engine else ()
                found = [spec["request_path"]["path"] for spec in specs if "request_path" in spec]
            case "SPEC":
                tables = (
                    [table for db in engine.databases["database"] for table in engine.tables(db)["table"]]
                    if engine
                    else []
                )
                found = ["all_tables", *(f"table:{t}" for t in tables), "every:", '"cron:0 ', "request:"]
            case "P":
                found = ("auto", "s", "ms", "us", "ns")
            case "M":
                found = ("GET", "POST")
        return sorted({str(name) for name in found})


def _deepest(words: list[str]) -> tuple[argparse.ArgumentParser, list[str]]:
    """The parser of the server's own words that takes what comes next, and the words that are left for it."""
    from pe_kit.cli.influxdb3.words import parser

    found = parser()
    while words:
        group = next((a for a in found._actions if isinstance(a, argparse._SubParsersAction)), None)
        if group is None or words[0] not in group.choices:
            break
        found, words = group.choices[words[0]], words[1:]
    return found, words
