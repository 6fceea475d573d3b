"""``pe-kit serve`` as a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from pe_kit import Engine

MAIN = "from pe_kit.cli.main import main; main()"


@contextmanager
def serving(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-c", MAIN, "serve", "--port", "0", "--json", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()


@pytest.mark.slow
def test_virtual_time_is_moved_by_http_and_sigterm_ends_it(tmp_path: Path) -> None:
    with serving("--virtual", "--plugin-dir", str(tmp_path / "plugins"), "--token", "t") as (process, url):
        with httpx.Client(base_url=url, headers={"authorization": "Bearer t"}) as client:
            before = client.get("/pe/clock").json()["now_ns"]
            assert client.post("/pe/clock", json={"advance": "1h"}).json()["now_ns"] == before + 3_600_000_000_000
            assert httpx.get(url + "/health").status_code == 401
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
        assert (process.returncode, errors) == (0, "")


@pytest.mark.slow
def test_sigterm_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    acknowledged = 0
    with serving("--data-dir", str(tmp_path / "data")) as (process, url):
        with httpx.Client(base_url=url) as client:
            try:
                for i in range(200):
                    answer = client.post(
                        "/api/v3/write_lp", params={"db": "d", "no_sync": "true"}, content=f"m v={i}i {i + 1}"
                    )
                    acknowledged += answer.status_code == 204
                    if i == 100:
                        process.send_signal(signal.SIGTERM)
            except httpx.TransportError:
                pass
        _, errors = process.communicate(timeout=30)
        assert (process.returncode, errors) == (0, "")
    with Engine(data_dir=tmp_path / "data") as engine:
        engine.flush()
        assert engine.query("SELECT count(v) AS n FROM m", "d")["n"][0] >= acknowledged > 100


@pytest.mark.slow
def test_other_machines_need_a_token() -> None:
    command = [sys.executable, "-c", MAIN, "serve", "--host", "0.0.0.0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "a token is needed" in done.stderr
