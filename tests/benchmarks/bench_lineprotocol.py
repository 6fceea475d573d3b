"""Line protocol to Arrow, against a C extension that makes dicts of it; medians of five, ratios in one run.

Run: python tests/benchmarks/bench_lineprotocol.py [--quick]
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Callable
from random import Random
from typing import Any

from line_protocol_parser import parse_line as parse_to_dict

from pe_kit.lineprotocol.columnar import parse_blocks
from pe_kit.lineprotocol.grammar import parse_line

NOW = 1_767_225_600_000_000_000
REPEATS = 5


def one_shape(count: int) -> list[str]:
    random = Random(1)
    return [
        f"cpu,host=host{i % 100:02d},region=eu-west-{i % 5} usage_user={random.random() * 100:.3f},"
        f"usage_idle={random.randrange(10**6)}i,temp={random.random() * 50:.2f} {NOW + i * 1_000_000}"
        for i in range(count)
    ]


def fifty_shapes(count: int) -> list[str]:
    return [
        line.replace("cpu", f"measurement_{i % 50:02d}", 1).replace("usage_user", f"field_{i % 50}", 1)
        for i, line in enumerate(one_shape(count))
    ]


def with_oddities(count: int) -> list[str]:
    lines = one_shape(count)
    for i in range(0, count, 20):
        series, fields, stamp = lines[i].split(" ")
        lines[i] = (
            f"{series}\\ rack\\,{i % 3} {fields} {stamp}",
            f'{series} {fields},note="a, b = {i}" {stamp}',
            f"{series} {fields}",
        )[i // 20 % 3]
    return lines


def median(work: Callable[[], Any]) -> float:
    took = []
    for _ in range(REPEATS):
        gc.collect()
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def to_dicts(text: str) -> None:
    for line in text.split("\n"):
        parse_to_dict(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the lines")
    scale = 20 if parser.parse_args().quick else 1
    for name, make, count, target in (
        ("1,000,000 lines of one shape", one_shape, 1_000_000, 4),
        ("1,000,000 lines, 50 shapes interleaved", fifty_shapes, 1_000_000, 2),
        ("200,000 lines, 5% with escapes, quotes, no time", with_oddities, 200_000, 1),
    ):
        text = "\n".join(make(count // scale))
        ours = median(lambda text=text: parse_blocks(text, "nanosecond", NOW))
        theirs = median(lambda text=text: to_dicts(text))
        figures = f"{ours * 1e3:.0f} ms, parse_line {theirs * 1e3:.0f} ms"
        print(f"{name:<50} {theirs / ours:5.2f} x   ({figures})".ljust(100) + f">= {target} x", flush=True)
    for line in ("cpu,host=a value=1.5 1700000000000000000", *one_shape(1)):
        took = median(lambda line=line: [parse_line(line) for _ in range(20_000)]) / 20_000
        print(f"one line of {len(line)} characters, exact grammar".ljust(51) + f"{took * 1e6:5.1f} µs")


if __name__ == "__main__":
    main()
