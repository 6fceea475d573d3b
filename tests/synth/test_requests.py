"""Made-up requests and ticks."""

from __future__ import annotations

import json

import numpy as np

from pe_kit import synth


def test_requests_are_what_engine_request_takes():
    made = synth.requests(
        3,
        params={"room": ["a", "b"], "limit": 5, "gone": None},
        headers={"x-device": "d1"},
        body={"temp": synth.sine("1h") + 20, "count": synth.counter(1.0), "ok": True, "state": synth.states(["on"])},
    )
    assert len(made) == 3
    for request in made:
        assert set(request) == {"method", "params", "headers", "body"}
        assert request["method"] == "POST"
        assert request["params"]["room"] in {"a", "b"}
        assert request["params"]["limit"] == "5"
        assert "gone" not in request["params"]
        assert request["headers"] == {"content-type": "application/json", "x-device": "d1"}
        body = json.loads(request["body"])
        assert [type(body[k]) for k in ("temp", "count", "ok", "state")] == [float, int, bool, str]


def test_signals_in_a_body_follow_the_times_of_the_requests():
    made = synth.requests(3, body={"n": synth.drift(1, per="10s").int64()}, every="10s")
    assert [json.loads(r["body"])["n"] for r in made] == [0, 1, 2]


def test_text_is_sent_as_it_is_and_methods_may_vary():
    made = synth.requests(50, method=["GET", "PUT"], body="m f=1")
    assert {r["method"] for r in made} == {"GET", "PUT"}
    assert {r["body"] for r in made} == {b"m f=1"}


def test_broken_requests_are_of_every_kind():
    made = synth.requests(200, params={"a": "1"}, body={"v": 1}, broken=0.5, seed=2)
    good = b'{"v": 1}'
    bodies = {r["body"] for r in made}
    assert bodies == {good, b"", good[: len(good) // 2], b"\xff\xfe" + good, b"[1, null]"}
    assert {} in [r["params"] for r in made]
    assert 60 < sum(r["body"] != good or not r["params"] for r in made) < 140


def test_equal_seeds_give_equal_requests_and_ticks():
    arguments = {"body": {"v": synth.noise()}, "broken": 0.3}
    assert synth.requests(20, seed=4, **arguments) == synth.requests(20, seed=4, **arguments)
    assert synth.requests(20, seed=4, **arguments) != synth.requests(20, seed=5, **arguments)
    assert synth.ticks(seed=4, jitter="5s") == synth.ticks(seed=4, jitter="5s")


def test_ticks_come_on_time_late_by_the_jitter_or_not_at_all():
    assert synth.ticks("1s", 3, start=0) == [0, 10**9, 2 * 10**9]
    late = synth.ticks("10s", 100, start=0, jitter="2s")
    assert all(0 <= t - i * 10 * 10**9 <= 2 * 10**9 for i, t in enumerate(late))
    assert 50 < len(synth.ticks(count=100, missed=0.3)) < 90


def test_values_that_are_not_finite_are_left_out_of_parameters_and_null_in_bodies():
    lost = synth.constant(1) | (lambda v: v * np.nan)
    below = synth.constant(-3).uint64()
    (made,) = synth.requests(1, params={"a": lost, "b": below}, body={"a": lost, "b": below})
    assert made["params"] == {"b": "0"}
    assert json.loads(made["body"]) == {"a": None, "b": 0}
