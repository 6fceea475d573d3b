"""Imperfections: what each does to points, and that order of arrival always holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pe_kit import synth
from pe_kit.errors import UsageError
from pe_kit.synth import Series

SECOND = 10**9
MINUTE = 60 * SECOND


def plain(points: int = 2000, seed: int = 3) -> Series:
    fields = {"temp": synth.sine("1h"), "n": synth.counter(2.0)}
    return synth.series("home", fields, {"room": ["a", "b", "c"]}, every="10s", points=points, seed=seed)


def test_gaps_lose_single_points_with_their_chance():
    assert len(plain() | synth.gaps(0.1)) == pytest.approx(0.9 * 6000, rel=0.02)


def test_gaps_with_a_length_lose_a_stretch_of_one_tag_set():
    worn = plain() | synth.gaps(0.002, length="5m")
    steps = np.concatenate([np.diff(worn.times[worn.which == k]) for k in range(3)])
    assert set(np.unique(steps[steps > 10 * SECOND]) >= 5 * MINUTE) == {True}
    assert (worn.which == 0).sum() != (worn.which == 1).sum()
    assert [int(worn.times[worn.which == k][0]) for k in range(3)] == [int(plain().times[0])] * 3


def test_late_points_keep_their_time_and_arrive_up_to_by_later():
    worn = plain() | synth.late(0.2, by="5m")
    delay = worn.arrivals - worn.times
    assert len(worn) == 6000
    assert delay.min() == 0
    assert 4 * MINUTE < delay.max() <= 5 * MINUTE
    assert (delay > 0).mean() == pytest.approx(0.2, rel=0.1)
    assert (np.diff(worn.times) < 0).any()


def test_out_of_order_points_are_overtaken_by_a_few_and_arrive_with_them():
    worn = plain() | synth.out_of_order(0.1, places=5)
    assert sorted(worn.times) == sorted(plain().times)
    assert (np.diff(worn.times) < 0).any()
    assert 0 < (worn.arrivals - worn.times).max() <= 20 * SECOND
    alone = synth.series("m", {"v": 1}, every="1s", points=9, start=0) | synth.out_of_order(0.3, places=1)
    assert (np.diff(alone.times) < 0).any()


def test_duplicates_come_again_with_the_same_tags_time_and_values():
    worn = plain() | synth.duplicates(0.05, after="1m")
    lines = worn.lp().splitlines()
    assert len(lines) - len(set(lines)) == len(worn) - 6000
    assert len(worn) == pytest.approx(6000 * 1.05, rel=0.02)
    assert (worn.arrivals - worn.times).max() > 30 * SECOND


def test_nulls_hit_the_named_fields_and_a_point_without_values_is_lost():
    worn = plain() | synth.nulls(0.3, fields=["temp"])
    table = worn.arrow()
    assert table["temp"].null_count == pytest.approx(1800, rel=0.1)
    assert table["n"].null_count == 0
    both = plain() | synth.nulls(0.5)
    assert len(both) == pytest.approx(4500, rel=0.05)


def test_type_flips_live_in_line_protocol_and_are_refused_by_arrow():
    worn = plain() | synth.type_flips(0.1, fields=["temp"])
    flipped = [line for line in worn.lp().splitlines() if "i," in line]
    assert len(flipped) == pytest.approx(600, rel=0.2)
    for convert in (worn.arrow, worn.frame):
        with pytest.raises(UsageError, match=r"'temp' changes its type.*\n.*\.lp\(\)"):
            convert()


@pytest.mark.parametrize(
    ("to", "spelling"), [("f", "n=12 "), ("u", "n=12u "), ("b", "n=true "), ("s", 'n="12" '), ("i", "n=12i ")]
)
def test_type_flips_can_name_the_type(to, spelling):
    assert spelling in (synth.series("m", {"n": 12}, points=1) | synth.type_flips(1, to=to)).lp()


def test_clock_skew_moves_all_event_times_of_a_tag_set_and_no_arrival():
    worn = plain() | synth.clock_skew("30s")
    offsets = [np.unique((worn.times - worn.arrivals)[worn.which == k]) for k in range(3)]
    assert [len(o) for o in offsets] == [1, 1, 1]
    assert len({int(o[0]) for o in offsets}) == 3
    assert (plain() | synth.clock_skew("30s", share=0)).lp() == plain().lp()


def test_jitter_moves_event_and_arrival_together():
    worn = plain() | synth.jitter("2s")
    assert (worn.times == worn.arrivals).all()
    assert len(np.unique(worn.times)) > 5000


def test_bursts_flood_with_points_of_the_same_tag_set_within_a_while():
    worn = plain() | synth.bursts(0.01, size=20, within="1s")
    seconds = np.bincount(((worn.arrivals - worn.arrivals[0]) // SECOND).astype(int))
    assert seconds.max() >= 20
    assert (len(worn) - 6000) % 20 == 0


def test_outages_lose_points_of_all_tag_sets_or_hold_them_back_until_the_end():
    gone = plain() | synth.outages(1, length="10m")
    assert np.diff(gone.arrivals).max() >= 10 * MINUTE
    held = plain() | synth.outages(1, length="10m", lost=False)
    assert len(held) == 6000
    assert (np.bincount(np.unique(held.arrivals, return_inverse=True)[1])).max() >= 150
    assert len(plain() | synth.outages(0)) == 6000


def test_the_same_imperfection_twice_hits_other_points():
    once = plain() | synth.gaps(0.1)
    twice = once | synth.gaps(0.1)
    assert len(twice) == pytest.approx(0.81 * 6000, rel=0.03)


def test_names_and_chances_that_make_no_sense_are_refused():
    with pytest.raises(UsageError, match=r"no field 'tmp'.*\n.*'temp'"):
        plain() | synth.nulls(0.1, fields=["tmp"])
    for make in (lambda: synth.gaps(2), lambda: synth.type_flips(to="x")):
        with pytest.raises(UsageError):
            make()


EVERY = [
    synth.gaps(0.1),
    synth.gaps(0.05, length="1m"),
    synth.late(0.2, by="2m"),
    synth.out_of_order(0.2),
    synth.duplicates(0.1, after="1m"),
    synth.nulls(0.3),
    synth.type_flips(0.2),
    synth.clock_skew("1m", share=0.5),
    synth.jitter("3s"),
    synth.bursts(0.05, size=3),
    synth.outages(2, length="1m"),
    synth.outages(2, length="1m", lost=False),
]


@given(chosen=st.lists(st.sampled_from(EVERY), max_size=5), seed=st.integers(0, 2**64), points=st.integers(0, 30))
@settings(max_examples=60, deadline=None)
def test_any_chain_keeps_arrivals_in_order_and_equal_seeds_give_equal_bytes(chosen, seed, points):
    one, two = plain(points, seed), plain(points, seed)
    for imperfection in chosen:
        one, two = one | imperfection, two | imperfection
    assert one.lp() == two.lp()
    assert (one.arrivals == two.arrivals).all()
    assert (np.diff(one.arrivals) >= 0).all()
    assert one.lp().count("\n") == len(one)


@pytest.mark.parametrize(
    "make",
    [
        lambda: synth.outages(-1),
        lambda: synth.bursts(size=-1),
        lambda: synth.out_of_order(places=1.5),
        lambda: synth.requests(-1),
        lambda: synth.ticks(count=-1),
    ],
)
def test_counts_are_whole_and_not_negative(make):
    with pytest.raises(UsageError, match="is a whole number, 0 or more"):
        make()


def test_no_outage_and_no_place_change_nothing():
    for nothing in (synth.outages(0), synth.out_of_order(1.0, places=0), synth.bursts(1.0, size=0)):
        assert (plain() | nothing).lp() == plain().lp()
