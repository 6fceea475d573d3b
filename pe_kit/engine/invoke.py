"""Calling plugin code: what it raised, what it printed, how long it took, and its own frames on the stack."""

from __future__ import annotations

import inspect
import io
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter, thread_time  # the real ones, also within another plugin's call
from typing import Any, TextIO

from pe_kit.errors import PeKitError, ServerError
from pe_kit.plugins.snapshot import Snapshot

__all__ = ["Invocation", "error_text", "invoke", "plugin_frames"]

_PRINTED_LIMIT = 100_000


@dataclass(slots=True)
class Invocation:
    """What came of one call: ``value`` or ``error``; seconds are wall and thread CPU time.

    ``stage`` says how far it came: ``load``, ``call`` or ``answer`` (turning the value into a response).
    """

    value: Any = None
    error: BaseException | None = None
    traceback: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    printed: str = ""
    stage: str = "load"
    notes: tuple[str, ...] = ()


def error_text(error: BaseException) -> str:
    """Write an error as the server logs it: ``Type: message``, or the bare text where the server itself speaks."""
    if isinstance(error, ServerError):
        return error.message
    try:
        return f"{type(error).__qualname__}: {error.message if isinstance(error, PeKitError) else error}"
    except Exception:
        return f"{type(error).__qualname__}: <exception str() failed>"


class _Tee(io.TextIOBase):
    """Passes what a plugin prints on and keeps the first part of it."""

    def __init__(self, to: TextIO) -> None:
        self._to = to
        self.kept: list[str] = []
        self._size = 0

    def write(self, text: str) -> int:
        if self._size < _PRINTED_LIMIT:
            self.kept.append(text[: _PRINTED_LIMIT - self._size])
            self._size += len(text)
        return self._to.write(text)

    def flush(self) -> None:
        self._to.flush()

    def close(self) -> None:
        pass  # called when it is collected: it would flush, which in a notebook's kernel takes longer than the call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._to, name)


class _Printing:
    """Gives each thread that calls a plugin its own ``sys.stdout`` while calls are under way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tees: dict[int, _Tee] = {}
        self._calls = 0
        self._usual: TextIO = sys.stdout

    @contextmanager
    def kept(self) -> Iterator[_Tee]:
        with self._lock:
            if self._calls == 0:
                self._usual, sys.stdout = sys.stdout, self
            self._calls += 1
        me = threading.get_ident()
        before, tee = self._tees.get(me), _Tee(self._usual)
        self._tees[me] = tee
        try:
            yield tee
        finally:
            with self._lock:
                self._calls -= 1
                if before is None:
                    del self._tees[me]
                else:
                    self._tees[me] = before
                if self._calls == 0:
                    sys.stdout = self._usual

    def __getattr__(self, name: str) -> Any:
        tees = self._tees
        tee = tees.get(threading.get_ident())
        if tee is None and len(tees) == 1:  # a thread that the plugin started
            tee = next(iter(tees.values()), None)
        return getattr(tee or self._usual, name)


_printing = _Printing()


def invoke(
    code: Snapshot,
    entry: str,
    arguments: Sequence[Any],
    around: Callable[[Callable[[], Any]], Any] | None = None,
    answer: Callable[[Any], Any] | None = None,
) -> Invocation:
    """Load the plugin and call its entry point with positional arguments.

    Args:
        code: the plugin as it is now.
        entry: ``process_writes``, ``process_scheduled_call`` or ``process_request``.
        arguments: what the server passes.
        around: runs a function under the plugin's own clock and limits; None runs it bare.
        answer: turns the value into what is wanted, as a part of the call.

    Returns:
        The result. Nothing that the plugin raises leaves this function, KeyboardInterrupt included.
    """
    done = Invocation()

    def body() -> Any:
        alive = threading.active_count()
        try:
            function = code.load(entry)
            done.stage = "call"
            value = function(*arguments)
        finally:
            left = threading.active_count() - alive
            if left > 0:
                which = "1 thread is" if left == 1 else f"{left} threads are"
                done.notes = (f"{which} still alive after the call; the engine does not wait for them",)
        if answer is None:
            return value
        done.stage = "answer"
        return answer(value)

    started, cpu = perf_counter(), thread_time()
    with _printing.kept() as tee:
        try:
            done.value = body() if around is None else around(body)
        except BaseException as error:
            done.error = error
    done.seconds, done.cpu_seconds = perf_counter() - started, thread_time() - cpu
    if tee.kept:
        done.printed = "".join(tee.kept)
    if done.error is not None:
        done.traceback = plugin_frames(done.error, code)
    elif inspect.iscoroutine(done.value):
        done.value.close()
        done.notes += (
            f"{entry} is `async def`: the server never awaits it, so nothing of it ran; write a plain `def`",
        )
    return done


def plugin_frames(error: BaseException, code: Snapshot) -> str:
    """Write the part of a traceback that lies in the plugin: file, line, function and the line's text."""
    lines = code.lines
    out: list[str] = []
    for frame, number in traceback.walk_tb(error.__traceback__):
        filename = frame.f_code.co_filename
        if (
            filename == "<string>"
            and frame.f_globals.get("__builtins__") is not None
            and "__file__" not in frame.f_globals
        ):
            text = lines[number - 1].strip() if 0 < number <= len(lines) else ""
            name = code.filename
        elif code.root is not None and filename.startswith(code.root):
            import linecache

            text = linecache.getline(filename, number).strip()
            name = filename[len(code.root) :].lstrip("/\\")
        else:
            continue
        out.append(f"{name}, line {number}, in {frame.f_code.co_name}\n    {text}")
    if isinstance(error, SyntaxError) and error.filename == "<string>" and error.lineno:
        text = lines[error.lineno - 1] if error.lineno <= len(lines) else ""
        caret = "\n    " + " " * (max(error.offset or 1, 1) - 1) + "^"
        out.append(f"{code.filename}, line {error.lineno}\n    {text}{caret}")
    if not out and error.__context__ is not None:  # a stop struck once more on the way out of the plugin
        return plugin_frames(error.__context__, code)
    return "\n".join(_folded(out))


def _folded(frames: list[str]) -> list[str]:
    """Fold a long recursion: the first and the last frames are what a reader needs."""
    if len(frames) <= 12:
        return frames
    return [*frames[:6], f"... {len(frames) - 12} more frames ...", *frames[-6:]]
