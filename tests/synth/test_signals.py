"""Signals: what values they make up."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pe_kit import synth
from pe_kit.clock import as_ns
from pe_kit.errors import UsageError
from pe_kit.synth import Signal
from pe_kit.synth.signals import Grid


def values(
    signal: Signal, every: str = "1h", count: int = 48, width: int = 1, start: str = "2026-01-05", seed: int = 1
):
    """Values as an array (points, tag sets); 2026-01-05 is a Monday."""
    from pe_kit.duration import parse_duration

    times = as_ns(start) + np.arange(count)[:, None] * parse_duration(every)
    return signal.values(Grid(times, width, seed))


def test_constant_stays_and_spread_gives_each_tag_set_a_level_of_its_own():
    assert (values(synth.constant(3.5)) == 3.5).all()
    spread = values(synth.constant(20, spread=2), width=3)
    assert (spread == spread[:1]).all()
    assert len(set(spread[0])) == 3


def test_sine_repeats_after_its_period_and_phase_counts_in_turns():
    wave = values(synth.sine("12h", 3))[:, 0]
    assert wave[3] == pytest.approx(3)
    assert wave[:36] == pytest.approx(wave[12:])
    assert values(synth.sine("12h", 3, phase=0.25))[0, 0] == pytest.approx(3)


def test_sawtooth_climbs_and_falls_at_once():
    assert values(synth.sawtooth("4h", 8))[:6, 0].tolist() == [0, 2, 4, 6, 0, 2]
    assert values(synth.sawtooth("4h", 8, phase=0.5))[:3, 0].tolist() == [4, 6, 0]


def test_random_walk_starts_where_told_and_moves_in_steps_of_its_size():
    walk = values(synth.random_walk(0.5, start=7), count=5000)[:, 0]
    assert walk[0] == 7
    assert np.diff(walk).std() == pytest.approx(0.5, rel=0.05)


def test_counter_grows_at_its_rate_and_falls_only_to_zero():
    total = values(synth.counter(2.0), count=2000)[:, 0]
    assert total[0] == 0
    assert (np.diff(total) >= 0).all()
    assert total[-1] == pytest.approx(2.0 * 3600 * 1999, rel=0.01)
    restarted = values(synth.counter(2.0, resets=0.1), count=2000)[:, 0]
    drops = np.diff(restarted) < 0
    assert 100 < drops.sum() < 300
    assert (restarted[1:][drops] == 0).all()


def test_daily_goes_in_straight_lines_through_its_values_and_closes_at_midnight():
    assert values(synth.daily([0, 12]))[:25:6, 0].tolist() == [0, 6, 12, 6, 0]


def test_weekly_has_one_value_a_day_monday_first():
    assert values(synth.weekly([1, 2, 3, 4, 5, 6, 7]), every="24h", count=8)[:, 0].tolist() == [1, 2, 3, 4, 5, 6, 7, 1]


def test_step_and_drift_count_from_the_first_point():
    assert values(synth.step("2h", 5), count=4)[:, 0].tolist() == [0, 0, 5, 5]
    assert values(synth.drift(24, per="1d"), count=3)[:, 0].tolist() == [0, 1, 2]


def test_noise_has_its_size_and_spikes_their_chance_and_height():
    assert values(synth.noise(2), count=20_000).std() == pytest.approx(2, rel=0.05)
    spiked = values(synth.spikes(0.1, 5), count=20_000)
    assert (spiked > 0).mean() == pytest.approx(0.1, rel=0.1)
    assert 2.5 <= spiked[spiked > 0].min() <= spiked.max() <= 7.5


def test_states_stay_for_a_while_and_change_to_another_label():
    made = synth.series("m", {"s": synth.states(["a", "b", "c"], change=0.2)}, points=500).arrow()["s"].to_pylist()
    assert set(made) == {"a", "b", "c"}
    assert 60 < sum(x != y for x, y in itertools.pairwise(made)) < 140


def test_signals_combine_with_each_other_and_with_numbers_point_by_point():
    made = values(10 - synth.step("1h", 2) * 3 + np.float64(1), count=2)[:, 0]
    assert made.tolist() == [11, 5]
    assert values(np.float64(2) * synth.constant(3), count=1)[0, 0] == 6


def test_a_pipe_passes_the_values_through_a_function_and_keeps_the_kind():
    folded = synth.sine("12h", 3).int64() | np.abs
    assert values(folded).min() >= 0
    assert folded.kind == "i"
    assert repr(folded) == "(sine('12h', 3) | absolute)"


def test_several_noises_in_one_expression_are_independent():
    made = values(synth.noise(1) + synth.noise(1) + synth.noise(1) + synth.noise(1), count=20_000)
    assert made.std() == pytest.approx(2, rel=0.05)


def test_equal_seeds_give_equal_values_and_other_seeds_others():
    assert (values(synth.noise(), seed=5) == values(synth.noise(), seed=5)).all()
    assert (values(synth.noise(), seed=5) != values(synth.noise(), seed=6)).any()


@pytest.mark.parametrize(
    "make",
    [
        lambda: synth.sine("0s"),
        lambda: synth.spikes(1.5),
        lambda: synth.counter(-1),
        lambda: synth.weekly([1, 2]),
        lambda: synth.daily([]),
        lambda: synth.states([]),
        lambda: synth.sine() + "x",
        lambda: synth.sine() * True,
        lambda: synth.sine() | 3,
    ],
)
def test_arguments_that_make_no_sense_are_refused(make):
    with pytest.raises(UsageError):
        make()


def test_a_signal_shows_itself_as_a_small_svg_without_scripts_or_links():
    svg = synth.sine()._repr_html_()
    assert svg.startswith("<svg")
    assert "<polyline" in svg
    assert not any(word in svg for word in ("script", "href", "url("))
