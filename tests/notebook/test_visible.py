"""Text from data shows what it holds and cannot act on the page or the terminal."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pe_kit.notebook.visible import count, lasting, show, show_object, visible


def test_escape_sequences_are_shown_not_obeyed() -> None:
    assert visible("\x1b[31mred\x1b[0m\r\x07") == "␛[31mred␛[0m␍␇"


def test_marks_that_turn_or_hide_text_are_named() -> None:
    assert visible("a\u202eb\u200bc\ufeff") == "a⟨U+202E⟩b⟨U+200B⟩c⟨U+FEFF⟩"


def test_letters_of_all_scripts_stay() -> None:
    assert visible("שלום København 温度 👩‍🔬") == "שלום København 温度 👩‍🔬"


def test_long_text_is_cut_with_a_note() -> None:
    assert visible("x" * 2**20, 10) == "xxxxxxxxxx… (+1,048,566 characters)"


def test_line_feeds_stay_only_where_they_are_wanted() -> None:
    assert visible("a\n\tb") == "a␊␉b"
    assert visible("a\n\tb", lines=True) == "a\n\tb"


@given(st.text(alphabet=st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp", "L", "N", "P"]), max_size=60))
def test_what_is_shown_is_printable_and_encodes(text: str) -> None:
    shown = visible(text)
    shown.encode()
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")]
    assert not [
        c for c in shown if unicodedata.bidirectional(c) in ("RLO", "LRO", "RLE", "LRE", "RLI", "LRI", "FSI", "PDI")
    ]


def test_values_of_tables() -> None:
    values = [None, True, 3, 2.5, float("nan"), float("inf"), "a", np.float64(1.5), np.int64(7)]
    assert [show(v) for v in values] == ["", "true", "3", "2.5", "NaN", "inf", "a", "1.5", "np.int64(7)"]


def test_an_object_whose_repr_raises_or_is_endless_is_shown() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    class BrokenList(list[Any]):
        def __len__(self) -> int:
            raise RuntimeError("no")

    loop: list[Any] = []
    loop.append(loop)
    assert show_object(Broken()) == "<Broken whose repr raises RuntimeError>"
    assert show_object([Broken()]) == "[<Broken whose repr raises RuntimeError>]"
    assert show_object(BrokenList())
    assert "..." in show_object(loop)


def test_large_objects_are_cut() -> None:
    assert len(show_object(list(range(10**6)))) < 200
    assert len(show_object(dict.fromkeys(range(1000), "x" * 1000))) < 500
    assert show_object("y" * 5000, 10) == "'yyyyyyyyyy'… (+4,990 characters)"
    assert show_object(b"y" * 5000, 10) == "b'yyyyyyyyyy'… (+4,990 bytes)"
    assert len(show_object(10**5000)) < 200


def test_counts_and_durations_read_well() -> None:
    assert [count(1, "row"), count(1234, "row"), count(2, "query/queries")] == ["1 row", "1,234 rows", "2 queries"]
    assert [lasting(s) for s in (0.00042, 0.0123, 0.5, 2.345, 200)] == [
        "420 µs",
        "12.3 ms",
        "500 ms",
        "2.35 s",
        "3 min 20 s",
    ]
