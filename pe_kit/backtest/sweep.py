"""A function over a grid of settings, on as many processes or machines as there are."""

from __future__ import annotations

import itertools
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from pe_kit.backtest.progress import progress_line, remaining
from pe_kit.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["sweep"]

Setup = Callable[..., Any]


def sweep(
    setup: Setup,
    grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]],
    executor: Executor | None = None,
    *,
    progress: Callable[[int, int], None] | bool = True,
) -> pd.DataFrame:
    """Call a function once for each setting and gather what it gives.

    Args:
        setup: called with one setting as keyword arguments; it makes its own Engine, reads its own data (a Parquet
            path or an object store's URL, say) and returns a mapping of results, or one result.
        grid: name -> values, for all combinations in order; or a list of settings.
        executor: any ``concurrent.futures.Executor``, such as a Dask client's ``get_executor()``; None: processes here.
        progress: True shows a line; a function is called with (settings done, settings to do).

    Returns:
        One row a setting, in the order of the grid whatever the executor: the setting, the results, ``error`` and
        ``traceback`` (None when it went well). A failure is tried once more elsewhere and never ends the sweep.
    """
    import pandas as pd

    settings = _settings(grid)
    results: list[dict[str, Any]] = [{}] * len(settings)
    began = time.perf_counter()
    with progress_line() as line:
        for done, (at, result) in enumerate(_outcomes(setup, settings, executor), 1):
            results[at] = result
            if callable(progress):
                progress(done, len(settings))
            elif progress:
                seconds, share = time.perf_counter() - began, done / len(settings)
                failed = sum(result.get("error") is not None for result in results)
                text = (
                    f"{done} of {len(settings)} settings, {failed} failed · {seconds:.0f} s{remaining(share, seconds)}"
                )
                line.show(seconds, text)
    names = dict.fromkeys(name for result in results for name in result if name not in ("error", "traceback"))
    rows = [{**setting, **result} for setting, result in zip(settings, results, strict=True)]
    columns = [*dict.fromkeys(name for setting in settings for name in setting), *names, "error", "traceback"]
    frame = pd.DataFrame(rows, columns=list(dict.fromkeys(columns)))
    return frame.assign(
        **{name: pd.Series([row[name] for row in rows], dtype=object) for name in ("error", "traceback")}
    )


def _outcomes(
    setup: Setup, settings: list[dict[str, Any]], executor: Executor | None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give the place of each setting and what came of it, as they come; what failed is tried once more."""
    pool = executor or _processes()
    try:
        payload = _portable(setup)
        attempts: dict[Future[Any], tuple[int, int]] = {
            pool.submit(_work, payload, setting): (at, 1) for at, setting in enumerate(settings)
        }
        while attempts:
            future = next(as_completed(attempts))
            at, attempt = attempts.pop(future)
            result = _result(future)
            if result["error"] is not None and attempt == 1:
                try:
                    attempts[pool.submit(_work, payload, settings[at])] = (at, 2)
                    continue
                except RuntimeError:  # the pool itself is broken: a worker died
                    if executor is None:
                        pool.shutdown(wait=False)
                        pool = _processes()
                        attempts[pool.submit(_work, payload, settings[at])] = (at, 2)
                        continue
            yield at, result
    finally:
        if executor is None:
            pool.shutdown(cancel_futures=True)


def _processes() -> ProcessPoolExecutor:
    """Processes that begin afresh: a fork would copy DataFusion's threads half."""
    main = sys.modules["__main__"]
    if not hasattr(main, "__spec__"):  # some runners make a main module without one, which spawning asks for
        main.__spec__ = None
    return ProcessPoolExecutor(mp_context=get_context("spawn"))


def _settings(grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    if isinstance(grid, Mapping):
        names = list(grid)
        return [dict(zip(names, values, strict=True)) for values in itertools.product(*grid.values())]
    settings = [dict(setting) for setting in grid]
    if not settings:
        raise UsageError("the grid is empty", mend="Give {'name': [values, ...]} or a list of settings.")
    return settings


def _portable(setup: Setup) -> bytes:
    """The function by value, so that one from a notebook cell or a script reaches other processes too."""
    import cloudpickle

    module = sys.modules.get(getattr(setup, "__module__", "") or "")
    by_value = module is not None and module.__name__ not in ("__main__", *cloudpickle.list_registry_pickle_by_value())
    if by_value:
        cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(setup))
    finally:
        if by_value:
            cloudpickle.unregister_pickle_by_value(module)


def _work(payload: bytes, setting: dict[str, Any]) -> dict[str, Any]:
    """Run one setting where the executor has put it. The payload comes from :func:`sweep` in the parent process."""
    import cloudpickle

    try:
        value = cloudpickle.loads(payload)(**setting)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
    given = dict(value) if isinstance(value, Mapping) else {"result": value}
    return {**given, "error": None, "traceback": None}


def _result(future: Future[Any]) -> dict[str, Any]:
    try:
        result: dict[str, Any] = future.result()
        return result
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
