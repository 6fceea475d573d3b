"""A function over a grid of settings, the same whatever the executor."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pe_kit.backtest import sweep
from pe_kit.errors import UsageError


def trial(limit: float, twice: bool) -> dict[str, Any]:
    from pe_kit import Engine

    with Engine(start=0) as engine:
        engine.create_database("db")
        engine.write_plugin(
            "p.py",
            "def process_writes(l, batches, args=None):\n"
            "    n = sum(r['f'] > float(args['limit']) for b in batches for r in b['rows'])\n"
            "    l.cache.put('n', l.cache.get('n', 0) + n)\n",
        )
        engine.create_trigger("t", db="db", path="p.py", spec="table:m", arguments={"limit": str(limit)})
        for _ in range(2 if twice else 1):
            engine.write("m f=1 1\nm f=2 2\nm f=3 3", "db", precision="ns")
        return {"hits": engine.cache.value[0]}


GRID = {"limit": [0.5, 1.5, 2.5], "twice": [False, True]}
HITS = [3, 6, 2, 4, 1, 2]


@pytest.mark.slow
def test_results_come_in_the_order_of_the_grid_from_threads_and_processes() -> None:
    frame = sweep(trial, GRID)
    assert frame.hits.tolist() == HITS
    assert list(frame.columns) == ["limit", "twice", "hits", "error", "traceback"]
    with ThreadPoolExecutor(2) as pool:
        assert sweep(trial, GRID, pool).equals(frame)


@pytest.mark.slow
def test_a_function_from_a_cell_reaches_other_processes() -> None:
    factor = 3
    seen: list[tuple[int, int]] = []
    frame = sweep(lambda x: x * factor, {"x": [1, 2]}, progress=lambda d, n: seen.append((d, n)))
    assert frame.result.tolist() == [3, 6]
    assert seen == [(1, 2), (2, 2)]


def test_a_failure_keeps_its_settings_and_traceback_and_is_tried_again(tmp_path: Path) -> None:
    def shaky(x: int) -> int:
        marker = tmp_path / str(x)
        if x == 2 or (x == 3 and not marker.exists()):
            marker.write_text("")
            raise ValueError(f"no {x}")
        return x

    with ThreadPoolExecutor(1) as pool:
        frame = sweep(shaky, [{"x": 1}, {"x": 2}, {"x": 3}], pool)
    assert frame.error.tolist()[0] is None
    assert frame.error[1] == "ValueError: no 2"
    assert "in shaky" in frame.traceback[1]
    assert frame.result[2] == 3, "the second try went well"


@pytest.mark.slow
def test_a_worker_that_dies_does_not_end_the_sweep(tmp_path: Path) -> None:
    path = str(tmp_path / "died")

    def deadly(x: int) -> int:
        if x == 1 and not os.path.exists(path):
            open(path, "w").close()
            os._exit(9)
        return x

    frame = sweep(deadly, {"x": [0, 1, 2, 3]})
    assert frame.result.tolist() == [0, 1, 2, 3]


def test_an_empty_grid_is_refused() -> None:
    with pytest.raises(UsageError, match="grid is empty"):
        sweep(trial, [])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_dask_gives_the_same_over_tcp() -> None:
    from dask.distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, host="tcp://127.0.0.1", dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        frame = sweep(trial, GRID, client.get_executor())
    assert frame.hits.tolist() == HITS
