"""A data folder: who has it, its journal, the states from which the journal is read, the pieces of its tables.

    lock                    who has the folder: JSON
    format.json             what it is, in which version
    journal/000007.log      records of what was acknowledged, see :mod:`pe_kit.store.journal`
    state/000007.state      everything but the rows, as it was before segment 7, in records of the same kind
    tables/DB/TABLE/*.parquet    the rows of the newest state
    replaced/*.parquet           pieces that only the state before it needs

The two newest states and all that they name are kept, so that a damaged one costs nothing.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import socket
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from pe_kit.clock import WallClock, as_text
from pe_kit.errors import StorageError
from pe_kit.store import files
from pe_kit.store.journal import Damaged, Record, Segment, records
from pe_kit.store.pieces import PieceCache

__all__ = ["VERSION", "DataFolder"]

VERSION = 1
KEPT_BYTES = 512 * 1024 * 1024
KEPT_SEGMENTS = 64
"""Segments that no state needs any more are the event log; the newest so many, and so many bytes, are kept."""


class DataFolder:
    """An open data folder. One engine has it at a time.

    Attributes:
        path: the folder.
        damage: what was found damaged, each sentence with the name of its file.
        pieces: the pieces of tables that are in memory.

    Raises:
        StorageError: another engine has it, or it is of a newer version.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()
        self.damage: list[str] = []
        self.pieces = PieceCache(self.report)
        for name in ("journal", "state", "tables", "replaced"):
            files.make_folder(self.path / name)
        self._lock = self._take_lock()
        try:
            self._check_version()
            self._clean()
        except BaseException:
            self._lock.close()
            raise
        self.segment: Segment | None = None
        self._piece = max((int(p.stem) for p in self.path.glob("tables/*/*/*.parquet") if p.stem.isdigit()), default=0)

    # -- who has it -----------------------------------------------------------------------------------------------

    def _take_lock(self) -> BinaryIO:
        path = self.path / "lock"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            try:
                held = json.loads(os.read(fd, 1000))
                who = f"process {held['pid']} on {held['host']} since {held['since']}"
            except (ValueError, KeyError):
                who = "another process"
            os.close(fd)
            raise StorageError(
                f"{self.path} is in use: {who} has it",
                mend="Close that engine, or give this one a data_dir of its own.",
            ) from None
        lock = os.fdopen(fd, "r+b")  # let go of at the latest when nobody has it any more
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": as_text(WallClock().now_ns)}
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps(holder).encode() + b"\n", 0)
        return lock

    def _check_version(self) -> None:
        path = self.path / "format.json"
        try:
            found = json.loads(path.read_text())["version"]
        except FileNotFoundError:
            files.write_new(path, json.dumps({"format": "pe_kit data folder", "version": VERSION}).encode() + b"\n")
            return
        except (OSError, ValueError, KeyError, TypeError):
            self.report(f"{path}: unreadable; read as version {VERSION}")
            return
        if found != VERSION:
            raise StorageError(
                f"{self.path} is a data folder of version {found}, this pe_kit reads version {VERSION}",
                mend="Open it with the pe_kit that wrote it; its tables are plain Parquet.",
            )

    def _clean(self) -> None:
        for part in (*self.path.glob("state/.*.part"), *self.path.glob("tables/*/*/.*.part")):
            files.remove(part)

    def close(self) -> None:
        """Let go of the folder."""
        if self.segment is not None:
            self.segment.close()
            self.segment = None
        self._lock.close()

    def report(self, text: str) -> None:
        """Name damage, once; the log is on stderr unless the program has arranged otherwise."""
        if text not in self.damage:
            self.damage.append(text)
            logging.getLogger("pe_kit").warning("%s", text)

    # -- reading ----------------------------------------------------------------------------------------------------

    def _numbered(self, folder: str) -> dict[int, Path]:
        found = sorted(
            (int(p.stem), p) for p in (self.path / folder).glob("*[0-9].*") if p.suffix in (".log", ".state")
        )
        return dict(found)

    def states(self) -> list[tuple[int, list[Record]]]:
        """Give the states that are whole, at most two, the newest first: the first segment to read after it, records.

        A damaged one is named and put aside.
        """
        whole = []
        for number, path in reversed(self._numbered("state").items()):
            found = list(records(files.read(path)))
            good = [item for item in found if isinstance(item, Record)]
            if len(good) == len(found) and good and good[-1].body.get("end") == len(good):
                whole.append((number, good))
            else:
                self.report(f"{path}: damaged; the state before it and the journal take its place")
                path.replace(path.with_suffix(".damaged"))
            if len(whole) == 2:
                break
        return whole

    def read_journal(self, first: int) -> Iterator[Record]:
        """Give the records of the segments from ``first`` on; name what is damaged."""
        numbers = self._numbered("journal")
        for number, path in numbers.items():
            if number < first:
                continue
            try:
                data = files.read(path)
            except OSError as error:
                self.report(f"{path}: {error.strerror}")
                continue
            for item in records(data):
                if isinstance(item, Record):
                    yield item
                elif isinstance(item, Damaged):
                    self.report(f"{path}: bytes {item.offset:,} to {item.end:,} are damaged; what they held is lost")
                elif number == max(numbers):
                    files.truncate(path, item.offset)

    def missing_segments(self, first: int) -> None:
        """Name segments that should be there and are not."""
        numbers = self._numbered("journal")
        for number in range(max(first, 1), max(numbers, default=0)):
            if number not in numbers:
                self.report(f"{self._segment_path(number)}: missing; what it held is lost")

    # -- writing ----------------------------------------------------------------------------------------------------

    def _segment_path(self, number: int) -> Path:
        return self.path / "journal" / f"{number:06}.log"

    def append_to(self, number: int) -> Segment:
        """Open a segment to append to, the next one if this one has a damaged end."""
        path = self._segment_path(number)
        while path.exists() and path.stat().st_size and any(str(path) in text for text in self.damage):
            number += 1
            path = self._segment_path(number)
        before, self.segment = self.segment, Segment(path, number)
        if before is not None:
            before.close()
        files.sync_folder(path.parent)
        return self.segment

    def last_segment(self) -> int:
        """The number of the newest segment, at least 1."""
        return max(self._numbered("journal"), default=1)

    def save_state(self, number: int, data: bytes) -> None:
        """Make a state the newest one; the journal is read from segment ``number`` on after it."""
        files.write_new(self.path / "state" / f"{number:06}.state", data)

    def new_piece(self, database: str, table: str) -> Path:
        """Give the path of the next piece of a table."""
        folder = self.path / "tables" / _as_name(database) / _as_name(table)
        files.make_folder(folder)
        self._piece += 1
        return folder / f"{self._piece:06}.parquet"

    def place_of(self, file: str) -> Path:
        """Give the path of a piece that a state names: replaced ones were moved."""
        path = self.path / file
        moved = self.path / "replaced" / path.name
        return moved if not path.exists() and moved.exists() else path

    def sort_pieces(self, now: set[Path], before: set[Path]) -> None:
        """Leave only the pieces of the newest state among the tables, and those of the one before elsewhere.

        Args:
            now: what the newest state names. before: what the state before it names.
        """
        kept = {*now, *self.pieces.damaged}
        elsewhere = {path.name for path in before - now}
        for path in self.path.glob("tables/*/*/*.parquet"):
            if path not in kept:
                self.pieces.hold(path)
                if path.name in elsewhere:
                    files.move(path, self.path / "replaced" / path.name)
                else:
                    files.remove(path)
        for path in self.path.glob("replaced/*.parquet"):
            if path.name not in elsewhere and path not in kept:
                self.pieces.hold(path)
                files.remove(path)

    def forget(self) -> None:
        """Remove all states but the two newest, and the oldest of the event log."""
        states = self._numbered("state")
        for number in list(states)[:-2]:
            files.remove(states[number])
        needed_from = list(states)[-2] if len(states) > 1 else 0
        segments = self._numbered("journal")
        total = 0
        for place, (number, path) in enumerate(reversed(segments.items())):
            total += path.stat().st_size
            if number < needed_from and (total > KEPT_BYTES or place >= KEPT_SEGMENTS):
                files.remove(path)


def _as_name(text: str) -> str:
    """Give a name for a folder: the text itself where it can be one."""
    name = quote(text, safe=" ")
    if len(name) > 200:
        return f"{name[:180]}~{zlib.crc32(text.encode()):08x}"
    return name if name.strip(".") else name.replace(".", "%2E")
