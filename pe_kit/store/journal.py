"""The record format of a data folder, and one segment of its journal.

A record is one line of JSON behind its checksum and lengths, then what JSON cannot hold (Arrow IPC streams):

    CRC32(8 hex digits) LENGTH-OF-JSON LENGTH-OF-REST {"...": ...}REST\n

The checksum is that of everything behind it. ``grep -a '^[0-9a-f]'`` shows the records.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from pe_kit.store import files

__all__ = ["Damaged", "Record", "Segment", "Torn", "records", "written"]

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False)
_HEAD = re.compile(rb"([0-9a-f]{8}) ((\d{1,12}) (\d{1,12}) )(?=\{)")
_NEXT = re.compile(rb"[0-9a-f]{8} \d{1,12} \d{1,12} \{")


class Record(NamedTuple):
    """A good record: its place in the file, its body, the pieces of binary data that the body numbers."""

    offset: int
    body: dict[str, Any]
    blobs: list[bytes]


class Damaged(NamedTuple):
    """Bytes from ``offset`` to ``end`` that are no record although they were written whole."""

    offset: int
    end: int


class Torn(NamedTuple):
    """The end of a file that was still being written; its call had not returned."""

    offset: int


def written(body: dict[str, Any], blobs: Sequence[bytes] = ()) -> bytes:
    """Give a record as bytes."""
    if blobs:
        body = {**body, "blobs": [len(blob) for blob in blobs]}
    text = _JSON.encode(body).encode("utf-8", "surrogatepass")
    rest = b"".join(blobs)
    sizes = b"%d %d " % (len(text), len(rest))
    return b"%08x " % zlib.crc32(rest, zlib.crc32(text, zlib.crc32(sizes))) + sizes + text + rest + b"\n"


def records(data: bytes) -> Iterator[Record | Damaged | Torn]:
    """Read records; after a bad place reading goes on with the next good record."""
    at, size = 0, len(data)
    while at < size:
        found = _record(data, at)
        if found is not None:
            record, at = found
            yield record
            continue
        after = next((m.start() for m in _NEXT.finditer(data, at + 1) if _record(data, m.start())), None)
        if after is not None:
            yield Damaged(at, after)
            at = after
        else:
            yield Damaged(at, size) if data[-1:] == b"\n" else Torn(at)
            return


def _record(data: bytes, at: int) -> tuple[Record, int] | None:
    head = _HEAD.match(data, at)
    if head is None:
        return None
    start = head.end()
    middle = start + int(head[3])
    end = middle + int(head[4])
    view = memoryview(data)
    if end > len(data) or zlib.crc32(view[start:end], zlib.crc32(head[2])) != int(head[1], 16):
        return None
    body = json.loads(data[start:middle].decode("utf-8", "surrogatepass"))
    blobs = []
    for length in body.pop("blobs", ()):
        blobs.append(data[middle : middle + length])
        middle += length
    return Record(at, body, blobs), end + 1


class Segment:
    """One file of the journal, open to append to.

    Attributes:
        number: segments are numbered in the order of their making. size: in bytes, whole records only.
    """

    def __init__(self, path: Path, number: int) -> None:
        self.path, self.number = path, number
        self._fd = files.open_append(path)
        self.size = path.stat().st_size
        self._synced = self.size

    def append(self, data: bytes, sync: bool) -> None:
        """Append a record; with ``sync`` it is on the disk when this returns. A failure leaves none of it, if it can.

        Raises:
            OSError: the disk refused.
        """
        try:
            files.append(self._fd, self.path, data)
            if sync:
                files.sync(self._fd, self.path)
        except OSError:
            with suppress(OSError):
                files.truncate(self.path, self.size)
            raise
        self.size += len(data)
        if sync:
            self._synced = self.size

    def sync(self) -> None:
        """Sync what was appended without."""
        if self._synced < self.size:
            files.sync(self._fd, self.path)
            self._synced = self.size

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)
