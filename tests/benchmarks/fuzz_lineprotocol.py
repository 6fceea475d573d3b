"""Throw broken line protocol at both readers: neither may crash or hang, and both must agree.

Run: python tests/benchmarks/fuzz_lineprotocol.py [INPUTS] [SEED]

An input is one line, made from good ones by changing, doubling, dropping or inserting bytes, or random bytes. Inputs are
read in texts of some hundred among good lines, first by the columnar reader, then by the exact grammar. The first
difference ends the run with the text that shows it.
"""

from __future__ import annotations

import sys
import time
from random import Random

import pyarrow as pa

from pe_kit.lineprotocol.columnar import parse_blocks
from pe_kit.lineprotocol.grammar import parse, render
from pe_kit.lineprotocol.pieces import split_lines
from pe_kit.lineprotocol.timestamps import Precision, to_ns

GOOD = (
    "cpu,host=h1,region=eu user=1.5,idle=3i,ok=t 1700000000",
    'weather,ort=Köln temp=-2.5e3,sky="cloudy, a = b",count=7u 1700000000000000000',
    "m f=1",
    'log,level=warn\\ ing msg="he said \\"no\\"\\\\",n=0i 5',
)
PIECES = (
    '"',
    "\\",
    ",",
    "=",
    " ",
    "\n",
    "\t",
    "\0",
    "\r",
    "#",
    "i",
    "u",
    "e",
    "E",
    "-",
    "+",
    ".",
    "0x",
    "nan",
    "inf",
    "é",
)
PIECES += (
    "t",
    "true",
    '""',
    "\\\\",
    '\\"',
    ",a=b",
    " f=1",
    "=1i",
    "9" * 20,
    "\n\n",
    "time=",
    "\U0001f600",
    "\x85",
    "\u2028",
)
TEXTS = 300


def broken(random: Random) -> str:
    if random.random() < 0.05:
        return bytes(random.randrange(256) for _ in range(random.randrange(40))).decode("utf-8", "ignore")
    text = random.choice(GOOD)
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        at, to = sorted(random.randrange(len(text) + 1) for _ in range(2))
        kind = random.randrange(4)
        if kind == 0:
            text = text[:at] + random.choice(PIECES) + text[at:]
        elif kind == 1:
            text = text[:at] + random.choice(PIECES) + text[at + 1 :]
        elif kind == 2:
            text = text[:at] + text[min(to, at + random.randrange(4)) :]
        else:
            text = text[:to] + text[at:to] + text[to:]
    return text


def closed(random: Random) -> str:
    """A broken line; rarely one that goes on in the next line, or nothing would be left to compare."""
    while True:
        line = broken(random)
        if random.random() < 0.02 or list(split_lines(line + "\n"))[-1] == "":
            return line


def exact(text: str, precision: Precision) -> list[object]:
    rows: list[object] = []
    for item in parse(text):
        if item.line is None:
            assert item.error is not None
            assert 0 <= item.error.offset <= len(item.piece)
            rows.append(str(item.error))
        else:
            assert render(item.line)
            rows.append(as_row(item.line, precision))
    return rows


def as_row(line: tuple, precision: Precision) -> object:
    measurement, tags, fields, timestamp = line
    try:
        moment: object = -1 if timestamp is None else to_ns(timestamp, precision)
    except ValueError as error:
        moment = str(error)
    return (measurement, tags, tuple((key, kind, repr(value)) for key, kind, value in fields), moment)


def columnar(text: str, precision: Precision) -> list[object]:
    parsed = parse_blocks(text, precision, -1)
    rows: list[object] = [None] * parsed.count
    for item in parsed.items:
        rows[item.number - 1] = str(item.error) if item.line is None else as_row(item.line, precision)
    for block in parsed.blocks:
        columns = [block.columns[key].to_pylist() for key in (*block.tag_keys, *block.field_keys)]
        times = block.columns["time"].cast(pa.int64()).to_pylist()
        width = len(block.tag_keys)
        for number, time_ns, *values in zip(block.numbers.tolist(), times, *columns, strict=True):
            assert rows[number - 1] is None
            tags = tuple(zip(block.tag_keys, values[:width], strict=True))
            named = zip(block.field_keys, block.field_kinds, values[width:], strict=True)
            fields = tuple((key, kind, repr(value)) for key, kind, value in named)
            rows[number - 1] = (block.measurement, tags, fields, time_ns)
    return rows


def main() -> None:
    inputs = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    random = Random(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    done = errors = lines = 0
    slowest = 0.0
    began = time.perf_counter()
    while done < inputs:
        share = random.choice((0.02, 0.3, 1.0))
        text = ""
        count = 0
        while len(text) < 9_000 or count < TEXTS * share:
            odd = random.random() < share
            text += (closed(random) if odd else random.choice(GOOD[:3])) + "\n"
            count += odd
        done += count
        assert "\n".join(split_lines(text)) == text
        precision: Precision = random.choice(("auto", "nanosecond", "millisecond", "second"))
        started = time.process_time()
        expected = exact(text, precision)
        found = columnar(text, precision)
        slowest = max(slowest, time.process_time() - started)
        if found != expected:
            at = next(i for i, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b)
            sys.exit(f"differs at item {at + 1}: {found[at]!r} != {expected[at]!r}\n{text!r}")
        lines += len(expected)
        errors += sum(isinstance(row, str) for row in expected)
    took = time.perf_counter() - began
    print(
        f"{done:,} broken inputs among {lines:,} lines in {took:.0f} s: no crash, no difference; "
        f"{errors:,} lines refused, slowest text {slowest * 1e3:.0f} ms of processor time"
    )


if __name__ == "__main__":
    main()
