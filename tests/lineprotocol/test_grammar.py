"""The exact grammar against the server's own test cases (core/influxdb_line_protocol/src/lib.rs)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pe_kit.lineprotocol.grammar import STRING_LIMIT, GrammarError, Line, parse, parse_line, render
from pe_kit.lineprotocol.pieces import split_lines


def only(text: str) -> Line | str:
    """Give the one line of a text, or the message of its error."""
    (item,) = parse(text)
    return item.line if item.line is not None else item.error.message


def test_a_bad_line_has_the_servers_message_and_the_place_where_parsing_stopped(bad) -> None:
    text, (message, offset) = bad
    with pytest.raises(GrammarError) as caught:
        parse_line(text)
    assert (caught.value.message, caught.value.offset) == (message, offset)
    (item,) = parse(text)
    assert item.line is None
    assert (item.error.message, item.error.offset) == (message, offset)


def test_a_good_line_gives_names_values_kinds_and_time(good) -> None:
    text, expected = good
    assert parse_line(text) == expected
    assert only(text) == expected
    for (_, kind, value), (_, _, wanted) in zip(parse_line(text).fields, expected[2], strict=True):
        assert type(value) is {"i": int, "u": int, "f": float, "s": str, "b": bool}[kind]
        assert kind != "f" or math.copysign(1.0, value) == math.copysign(1.0, wanted)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", [""]),
        ("foo", ["foo"]),
        ("foo\nbar", ["foo", "bar"]),
        ("foo\\nbar\nbaz", ["foo\\nbar", "baz"]),
        ("meas tag=val field=1\nnext\n", ["meas tag=val field=1", "next", ""]),
        ('meas tag=val field="\nval"\nnext', ['meas tag=val field="\nval"', "next"]),
        ('meas tag=val field=\\"\nval"\nnext', ['meas tag=val field=\\"', 'val"', "next"]),
        ('meas tag=val field=1,field="\nval"\nnext', ['meas tag=val field=1,field="\nval"', "next"]),
        ('meas tag=val field=1,field=\\"\nval"\nnext', ['meas tag=val field=1,field=\\"', 'val"', "next"]),
        ("a\\\nb\nc", ["a\\\nb", "c"]),
        ("a\r\nb", ["a\r", "b"]),
        # a quote opens only where there are more equals signs than commas since the first space
        ('m,t="a f=1\nn', ['m,t="a f=1', "n"]),
        ('m a,b="x\ny" 5\nn', ['m a,b="x', 'y" 5', "n"]),
        ('m a,b="x=y=z" 5\nn f=1', ['m a,b="x=y=z" 5\nn f=1']),
        ('m f="never closed\nn\n', ['m f="never closed\nn\n']),
    ],
)
def test_lines_end_where_the_server_ends_them(text: str, pieces: list[str]) -> None:
    assert list(split_lines(text)) == pieces


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("", []),
        ("  a b c ", ["a b c "]),
        ("  a ", ["a "]),
        ("\n  a ", ["a "]),
        ("\t  a ", ["a "]),
        ("  #comment\n a ", ["a "]),
        ("#comment\tcomment", []),
        ("#comment\n #comment2\n#comment\na", ["a"]),
    ],
)
def test_blanks_and_comments_before_a_line_are_dropped(text: str, rest: list[str]) -> None:
    items = list(parse(text))
    assert [item.piece for item in items] == rest
    assert all(text.startswith(item.piece, item.offset) for item in items)


def test_a_comment_in_front_of_a_quoted_line_feed_belongs_to_the_piece() -> None:
    # the splitter knows no comments: the quote in this one takes the next line with it
    text = '# x="\nm f=1" 5\nn f=2'
    assert list(split_lines(text)) == ['# x="\nm f=1" 5', "n f=2"]
    assert [(item.number, item.offset, item.piece) for item in parse(text)] == [(1, 6, 'm f=1" 5'), (2, 15, "n f=2")]


@pytest.mark.parametrize("text", ["", "\n\n\n", "# comment", " \t\n # a\n\t#b"])
def test_texts_without_lines_give_nothing(text: str) -> None:
    assert list(parse(text)) == []


def test_numbers_pass_over_blank_and_comment_lines() -> None:
    text = "# head\n\ngood f=1\n   # more\n\tbad,\n\nlast f=2 5\n"
    items = list(parse(text))
    assert [(item.number, item.piece, item.offset) for item in items] == [
        (1, "good f=1", 8),
        (2, "bad,", 28),
        (3, "last f=2 5", 34),
    ]
    assert [item.error is None for item in items] == [True, False, True]


def test_lines_after_a_bad_one_are_still_parsed() -> None:
    text = "goodline,tag1=one,tag2=2 value=1 123\n        badline,\n        anothergoodline,tag3=3,tag4=4 value=67 1234"
    good, bad, other = parse(text)
    assert good.line == ("goodline", (("tag1", "one"), ("tag2", "2")), (("value", "f", 1.0),), 123)
    assert bad.error.message == "Expected tag key, got end of input"
    assert other.line == ("anothergoodline", (("tag3", "3"), ("tag4", "4")), (("value", "f", 67.0),), 1234)
    first, second = parse(",tag1=1,tag2=2 value=1 123\nm,tag1=one,tag2=2 value=1 123")
    assert first.error.message == "Invalid measurement was provided"
    assert second.line is not None


def test_several_lines_and_spaces_around_a_line() -> None:
    assert [item.line.fields[0][:3] for item in parse("foo value1=1i 123\nfoo value2=2i 123")] == [
        ("value1", "i", 1),
        ("value2", "i", 2),
    ]
    assert len(list(parse("foo,tag=val value1=1i 123\n\n"))) == 1
    assert only("  measurement  a=1i  123  ") == ("measurement", (), (("a", "i", 1),), 123)


@pytest.mark.parametrize("text", ["{} f=1", "m,{}=v f=1", "m,k={} f=1", "m {}=1", 'm f="{}"'])
@pytest.mark.parametrize("char", ["a", "é"])
def test_names_and_strings_of_a_mebibyte_are_the_largest(text: str, char: str) -> None:
    size = STRING_LIMIT // len(char.encode())
    assert isinstance(only(text.format(char * size)), Line)
    assert only(text.format(char * size + "a")) == "String is greater than 1MB"


@pytest.mark.slow
def test_escapes_do_not_count_for_the_size_of_a_name() -> None:
    assert isinstance(only("m,k=" + "\\," * STRING_LIMIT + " f=1"), Line)
    assert only("m,k=" + "\\," * STRING_LIMIT + "a f=1") == "String is greater than 1MB"


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "\\" * 2**20,
        'm f="' + '\\"' * 2**19,
        "m " + "a=1," * 2**18,
        "m," + "a=b," * 2**18,
        "m f=" + "9" * 2**20,
        "m f=1" + " " * 2**20,
        'm f="\n' * 2**16,
        "m\\ " * 2**18,
        "a\\\n" * 2**18,
        'm a="' + '"' * 2**20,
        " " * 2**20,
        "\n" * 2**18,
    ],
    ids=lambda text: ascii(text)[1:12],
)
def test_a_mebibyte_of_anything_is_parsed_in_one_go(text: str) -> None:
    items = list(parse(text))
    assert [item.number for item in items] == list(range(1, len(items) + 1))


def test_lone_surrogates_are_characters_like_others() -> None:
    assert only("m,t=\ud800 f=1") == ("m", (("t", "\ud800"),), (("f", "f", 1.0),), None)
    assert (
        only("m,\ud800\ud800\ud800\ud800")
        == "Tag set malformed: could not find equals sign in `\ud800\ud800\ud800\ud800...`"
    )


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (Line("m", (), (("f", "f", 42.1),), None), "m f=42.1"),
        (Line("m", (("tag1", "val1"), ("tag2", "val2")), (("f", "i", -42),), 33), "m,tag1=val1,tag2=val2 f=-42i 33"),
        (Line("m", (), (("f", "u", 42), ("g", "b", False), ("h", "b", True)), 33), "m f=42u,g=false,h=true 33"),
        (
            Line("m,and m", (("tag ,1", "val ,1"),), (("field ,1", "s", 'Foo"Bar'),), 33),
            r"m\,and\ m,tag\ \,1=val\ \,1 field\ \,1=Foo\"Bar 33",
        ),
        (Line("a=b", (("k=", "=v"),), (("f=", "s", "x, y"),), None), r"a=b,k\==\=v f\==x, y"),
        (Line("m", (), (("f", "f", 1.0), ("g", "f", -0.0)), None), "m f=1,g=-0"),
        (Line("m", (), (("f", "f", 1e21), ("g", "f", 1.5e-7)), None), "m f=1000000000000000000000,g=0.00000015"),
        (Line("m", (), (("f", "f", math.inf), ("g", "f", 123456789.125)), None), "m f=inf,g=123456789.125"),
    ],
)
def test_a_line_is_printed_as_the_server_prints_it(line: Line, text: str) -> None:
    assert render(line) == text


words = st.text(st.sampled_from('ab0é ,="\\#\t\n\r\0.-eitu'), max_size=30)


@pytest.mark.slow
@given(
    st.lists(st.one_of(words, st.sampled_from(["m f=1 ", 'm f="', ",a=b", " g=2i", "\n", " 5"])), max_size=8).map(
        "".join
    )
)
def test_pieces_and_items_cover_any_text(text: str) -> None:
    pieces = list(split_lines(text))
    assert "\n".join(pieces) == text
    items = list(parse(text))
    assert len(items) <= len(pieces)
    for number, item in enumerate(items, 1):
        assert item.number == number
        assert text.startswith(item.piece, item.offset)
        assert (item.line is None) != (item.error is None)
        assert item.error is None or 0 <= item.error.offset <= len(item.piece)
        if item.line:
            assert parse_line(item.piece) == item.line


names = st.text(st.characters(exclude_characters='\0\t\n\r\\"', exclude_categories=["Cs"]), min_size=1, max_size=8)
values = st.one_of(
    st.tuples(st.just("i"), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just("u"), st.integers(0, 2**64 - 1)),
    st.tuples(st.just("f"), st.floats(allow_nan=False, allow_infinity=False)),
    st.tuples(st.just("b"), st.booleans()),
)
lines = st.builds(
    Line,
    names.filter(lambda name: name[0] not in " #"),
    st.lists(st.tuples(names, names), max_size=3).map(tuple),
    st.lists(st.tuples(names, values).map(lambda pair: (pair[0], *pair[1])), min_size=1, max_size=4).map(tuple),
    st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
)


@given(lines)
def test_a_printed_line_parses_back_unless_it_holds_backslashes_or_text(line: Line) -> None:
    assert parse_line(render(line)) == line
