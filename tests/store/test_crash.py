"""Crashes: whatever stops a session, what was acknowledged is there exactly once and nothing else is half there.

A seeded sample runs with all tests; ``make soak`` (``PE_KIT_SOAK=1``) runs every operation and a hundred random kills.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pe_kit import Engine
from pe_kit.errors import StorageError
from pe_kit.store import files

SCRIPT = Path(__file__).with_name("crash_session.py")
SOAK = bool(os.environ.get("PE_KIT_SOAK"))
SAMPLE = 16


def _run(folder: Path, *points: str) -> list[dict[str, object]]:
    done = subprocess.run([sys.executable, SCRIPT, folder, *points], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_a_session_stopped_at_an_operation_on_the_disk_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    """kill -9 before it, half of it, no room from there on, a sync that fails: the state of an acknowledged step."""
    (counted,) = _run(tmp_path, "kill:count")
    operations = int(str(counted["operations"]))
    assert operations > 100
    points = [f"{mode}:{n}" for mode in ("kill", "torn", "full", "fsync") for n in range(1, operations + 1)]
    if not SOAK:
        points = random.Random("crash").sample(points, SAMPLE)
    found = _run(tmp_path, *points)
    assert [f["verdict"] for f in found] == ["good"] * len(points), [f for f in found if f["verdict"] != "good"]


LOAD = """
import sys
from pe_kit import Engine
engine = Engine(data_dir=sys.argv[1], start="2026-01-01")
first = int(sys.argv[2])
for n in range(first, first + 100_000):
    engine.write(f"load,host=h{n % 3} n={n}i {1767225600000000000 + n}", "home")
    if n % 7 == 0:
        engine.advance("1s")
    if n % 40 == 39:
        engine.checkpoint()
    print(n, flush=True)
"""


@pytest.mark.slow
def test_a_load_that_is_killed_at_random_times_keeps_every_acknowledged_write_exactly_once(tmp_path: Path) -> None:
    """The same folder, again and again: writes, checkpoints, a kill at any time, opening."""
    moments, first = random.Random(4), 0
    for _ in range(100 if SOAK else 3):
        load = subprocess.Popen([sys.executable, "-c", LOAD, tmp_path / "d", str(first)], stdout=subprocess.PIPE)
        assert load.stdout is not None
        acked = first - 1
        for _ in range(moments.randrange(1, 60)):
            acked = int(load.stdout.readline())
        os.kill(load.pid, signal.SIGKILL)
        rest = load.stdout.read().split()
        load.stdout.close()
        load.wait()
        acked = max([acked, *(int(word) for word in rest)])
        with Engine(data_dir=tmp_path / "d") as engine:
            assert engine.damage == ()
            numbers = sorted(engine.query("SELECT n FROM load", "home")["n"].tolist())
        assert numbers in (list(range(acked + 1)), list(range(acked + 2)))
        first = len(numbers)


def _session(folder: Path) -> None:
    with Engine(data_dir=folder, start="2026-01-01") as engine:
        for n in range(6):
            engine.write(f"cpu,host=a n={n}i {n + 1}", "home")
            if n in (1, 3):
                engine.checkpoint()


@pytest.mark.parametrize("kind", ["journal/*.log", "state/*.state", "tables/*/*/*.parquet", "format.json"])
def test_a_flipped_bit_is_named_with_its_file_and_the_rest_is_readable(kind: str, tmp_path: Path) -> None:
    """One bit in a newest file of each kind, at several places."""
    places = random.Random(kind)
    for count in range(24 if SOAK else 3):
        folder = tmp_path / str(count)
        _session(folder)
        path = sorted(folder.glob(kind))[-1]
        data = bytearray(path.read_bytes())
        at = places.randrange(len(data))
        data[at] ^= 1 << places.randrange(8)
        path.write_bytes(data)
        with Engine(data_dir=folder) as engine:
            numbers = (
                engine.query("SELECT n FROM cpu ORDER BY n", "home")["n"].tolist() if engine.tables("home").size else []
            )
            damage = engine.damage
            engine.write("cpu,host=b n=9i 9", "home")
        assert numbers == sorted(set(numbers))
        if numbers != list(range(6)):
            assert any(str(path) in text for text in damage), (at, numbers, damage)
        with Engine(data_dir=folder) as engine:
            assert 9 in engine.query("SELECT n FROM cpu", "home")["n"].tolist()


def test_a_piece_that_was_cut_is_named_and_its_neighbours_are_read(tmp_path: Path) -> None:
    """The lengths of all pieces are looked at when a folder is opened."""
    with Engine(data_dir=tmp_path, start="2026-01-01") as engine:
        engine.write("cpu,host=a n=1i 1", "home")
        engine.write("mem,host=a n=2i 2", "home")
        engine.checkpoint()
    (piece,) = tmp_path.glob("tables/home/cpu/*.parquet")
    os.truncate(piece, 100)
    with Engine(data_dir=tmp_path) as engine:
        assert len(engine.damage) == 1
        assert str(piece) in engine.damage[0]
        assert len(engine.query("SELECT * FROM cpu", "home")) == 0
        assert engine.query("SELECT n FROM mem", "home")["n"].tolist() == [2]
    assert piece.exists()


def test_a_full_disk_refuses_the_write_and_leaves_the_engine_to_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be stored is not acknowledged; a new engine finds what was stored before."""
    engine = Engine(data_dir=tmp_path, start="2026-01-01")
    engine.write("cpu n=1i 1", "home")

    def full(operation: str, path: Path, data: bytes) -> None:
        if operation == "append":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "before", full)
    with pytest.raises(StorageError, match="No space left on device; the last call is not stored"):
        engine.write("cpu n=2i 2", "home")
    monkeypatch.setattr(files, "before", None)
    with pytest.raises(StorageError):
        engine.write("cpu n=3i 3", "home")
    assert len(engine.query("SELECT * FROM cpu", "home")) == 2
    engine.close()
    with Engine(data_dir=tmp_path) as engine:
        assert engine.query("SELECT n FROM cpu", "home")["n"].tolist() == [1]
        assert engine.damage == ()


def test_a_checkpoint_without_room_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal goes on; the next checkpoint does the work."""
    with Engine(data_dir=tmp_path, start="2026-01-01") as engine:
        engine.write("cpu n=1i 1", "home")

        def full(operation: str, path: Path, data: bytes) -> None:
            if path.suffix == ".part":
                raise OSError(28, "No space left on device")

        monkeypatch.setattr(files, "before", full)
        with pytest.raises(StorageError, match="the journal keeps what was written"):
            engine.checkpoint()
        engine.write("cpu n=2i 2", "home")
        monkeypatch.setattr(files, "before", None)
        engine.checkpoint()
    with Engine(data_dir=tmp_path) as engine:
        assert engine.query("SELECT n FROM cpu ORDER BY n", "home")["n"].tolist() == [1, 2]


@pytest.mark.slow
def test_everything_at_random_leaves_what_the_event_log_makes_again() -> None:
    """A few seconds of what ``make soak`` does for half an hour."""
    script = Path(__file__).parents[1] / "benchmarks" / "soak_mixed.py"
    done = subprocess.run([sys.executable, script, "0.1", "5"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
