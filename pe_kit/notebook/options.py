"""The first line of a magic: words, options, and what was meant when it cannot be read."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from pe_kit.errors import UsageError, near_match

if TYPE_CHECKING:
    from pe_kit.notebook.magics import Magics

__all__ = ["HelpRequested", "Options", "Subcommand", "pairs", "split_line", "word"]


class HelpRequested(Exception):  # noqa: N818  # it is none
    """``--help`` was given; ``str()`` is the text to show."""


def split_line(line: str) -> list[str]:
    """Split at spaces; quotes keep spaces together.

    Raises:
        UsageError: a quote is not closed.
    """
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(
            f"the line cannot be read: {str(error).lower()}: {line.strip()}", mend="Close the quote."
        ) from None


def word(*names: str, **options: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """One word or option, as ``argparse`` takes it; ``metavar`` names what it stands for, completion goes by it."""
    return names, options


class Options(argparse.ArgumentParser):
    """The words that one magic takes."""

    def __init__(self, name: str, about: str, *words: tuple[tuple[str, ...], dict[str, Any]]) -> None:
        super().__init__(prog=name, description=about, allow_abbrev=False, add_help=False)
        for names, options in words:
            self.add_argument(*names, **options)

    @property
    def usage_line(self) -> str:
        """The words in one line, those without a name first, as ``%pe help`` shows them."""
        words = [self.prog]
        for action in sorted(self._actions, key=lambda action: bool(action.option_strings)):
            value = "|".join(action.choices) if action.choices is not None else action.metavar
            many = " ..." if action.nargs == "+" else ""
            name = " ".join([*action.option_strings[-1:], *([str(value)] if action.nargs != 0 else [])]) + many
            words.append(name if action.required else f"[{name}]")
        return " ".join(words)

    def read(self, line: str) -> argparse.Namespace:
        """Read a line.

        Raises:
            UsageError: a word is missing, unknown or too many; says what was meant.
            HelpRequested: ``-h`` or ``--help``.
        """
        words = split_line(line)
        if "-h" in words or "--help" in words:
            self.usage = self.usage_line.replace("%", "%%")
            raise HelpRequested(self.format_help())
        found, extra = self.parse_known_args(words)
        for word in extra:
            if word.startswith("-") and len(word) > 1:
                known = [option for action in self._actions for option in action.option_strings]
                mend = (
                    near_match(word.partition("=")[0], known, what="options") if known else f"It is {self.usage_line}"
                )
                raise UsageError(f"{self.prog} has no option {word}", mend=mend)
        if extra:
            mend = f"It is {self.usage_line}"
            spec = next((word for word in words if word.startswith("cron:") and " " not in word), None)
            if spec is not None:
                mend = f'Put the cron expression in quotes: "{spec} {" ".join(extra)}"'
            raise UsageError(f"{self.prog}: {extra[0]!r} is one word too many", mend=mend)
        return found

    def error(self, message: str) -> NoReturn:
        """Speak as the kit does instead of leaving the interpreter."""
        raise UsageError(f"{self.prog}: {message}", mend=f"It is {self.usage_line}")


class Subcommand(NamedTuple):
    """One word after ``%pe``: its own words, and what it does with them."""

    options: Options
    run: Callable[[Magics, argparse.Namespace], Any]


def pairs(words: Sequence[str] | None, option: str) -> dict[str, Any] | None:
    """Read ``K=V`` words.

    Raises:
        UsageError: a word has no ``=``.
    """
    out: dict[str, Any] = {}
    for word in words or ():
        key, equals, value = word.partition("=")
        if not equals:
            raise UsageError(
                f"{option} {word!r} has no `=`",
                mend=f'Write {option} NAME=VALUE, with quotes around spaces: {option} "NAME=some value"',
            )
        out[key] = value
    return out or None
