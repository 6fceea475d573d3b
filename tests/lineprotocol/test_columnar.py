"""The columnar reader gives the same rows, errors and numbers as the exact grammar, which is the server's."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pe_kit.lineprotocol.columnar import Parsed, parse_blocks
from pe_kit.lineprotocol.grammar import Item, parse
from pe_kit.lineprotocol.timestamps import to_ns

MISSING = 77
TYPES = {"i": pa.int64(), "u": pa.uint64(), "f": pa.float64(), "s": pa.utf8(), "b": pa.bool_()}


def exact_rows(items: Iterable[Item], precision: str) -> dict[int, object]:
    """Give what each item says, by its number: an error, or names, kinds and values with floats to the last bit."""
    rows: dict[int, object] = {}
    for item in items:
        if item.line is None:
            rows[item.number] = (item.error.message, item.error.offset, item.offset, item.piece)
            continue
        measurement, tags, fields, timestamp = item.line
        try:
            time = MISSING if timestamp is None else to_ns(timestamp, precision)
        except ValueError as error:
            time = str(error)
        rows[item.number] = (measurement, tags, tuple((k, kind, repr(value)) for k, kind, value in fields), time)
    return rows


def block_rows(parsed: Parsed) -> dict[int, object]:
    """Give the same of the rows in blocks; check that a block is what it promises to be."""
    rows: dict[int, object] = {}
    for block in parsed.blocks:
        assert list(block.columns) == [*block.tag_keys, *block.field_keys, "time"]
        assert [block.columns[key].type for key in block.tag_keys] == [pa.dictionary(pa.int32(), pa.utf8())] * len(
            block.tag_keys
        )
        assert [block.columns[key].type for key in block.field_keys] == [TYPES[kind] for kind in block.field_kinds]
        assert block.columns["time"].type == pa.timestamp("ns")
        assert block.numbers.dtype == np.int64
        assert (np.diff(block.numbers) > 0).all()
        for column in block.columns.values():
            column.validate(full=True)
            assert column.null_count == 0
            assert len(column) == len(block.numbers)
        tags = [[(key, value) for value in block.columns[key].to_pylist()] for key in block.tag_keys]
        fields = [
            [(key, kind, repr(value)) for value in block.columns[key].to_pylist()]
            for key, kind in zip(block.field_keys, block.field_kinds, strict=True)
        ]
        times = block.columns["time"].cast(pa.int64()).to_pylist()
        for row, number in enumerate(block.numbers.tolist()):
            assert number not in rows
            rows[number] = (block.measurement, tuple(c[row] for c in tags), tuple(c[row] for c in fields), times[row])
    return rows


def check(text: str, precision: str = "auto") -> Parsed:
    """Parse both ways and compare."""
    parsed = parse_blocks(text, precision, MISSING)
    in_blocks = block_rows(parsed)
    in_items = exact_rows(parsed.items, precision)
    assert not in_blocks.keys() & in_items.keys()
    assert [item.number for item in parsed.items] == sorted(in_items)
    assert in_blocks | in_items == exact_rows(parse(text), precision)
    assert parsed.count == len(in_blocks) + len(in_items)
    return parsed


def cpu(index: int) -> str:
    return f"cpu,host=h{index % 7},region=eu-{index % 3} user={index / 8},idle={index}i,ok={index % 2 == 0} {index}"


def weather(index: int) -> str:
    return f'weather,ort=Köln temp={index}.5,sky="cloudy, {index} = ü",count={index}u'


def shaped(index: int) -> str:
    return f"shape_{index % 60},tag{index % 60}=t f{index % 60}={index},g={index}i {index * 10**6}"


def test_lines_of_one_shape_become_one_block_in_order() -> None:
    parsed = check("\n".join(map(cpu, range(2000))))
    (block,) = parsed.blocks
    assert not parsed.items
    assert parsed.count == 2000
    assert (block.measurement, block.tag_keys, block.field_keys) == ("cpu", ("host", "region"), ("user", "idle", "ok"))
    assert block.field_kinds == ("f", "i", "b")
    assert block.numbers.tolist() == list(range(1, 2001))
    assert block.columns["host"].dictionary.to_pylist() == [f"h{index}" for index in range(7)]


def test_shapes_that_alternate_become_a_block_each_in_the_order_of_their_first_lines() -> None:
    parsed = check("\n".join(map(shaped, range(6000))))
    assert not parsed.items
    assert [block.measurement for block in parsed.blocks] == [f"shape_{index}" for index in range(60)]
    assert parsed.blocks[1].numbers.tolist() == list(range(2, 6001, 60))


def test_shapes_of_one_measurement_are_told_apart_by_their_keys_and_kinds() -> None:
    values = ["1", "1i", "1u", '"1"', "t"]
    parsed = check("\n".join(f"m,k{i % 4}=a f{i % 3}={values[i % 5]} {i}" for i in range(9000)))
    assert not parsed.items
    assert len({(b.tag_keys, b.field_keys, b.field_kinds) for b in parsed.blocks}) == len(parsed.blocks) == 60


def test_quoted_delimiters_and_text_beyond_ascii_stay_columns() -> None:
    parsed = check("\n".join(map(weather, range(500))))
    assert not parsed.items
    assert parsed.blocks[0].columns["sky"][1].as_py() == "cloudy, 1 = ü"


def test_missing_times_are_filled_and_keep_their_place() -> None:
    parsed = check("\n".join(f"m f={i}" + f" {i}" * (i % 2) for i in range(3000)), "second")
    (block,) = parsed.blocks
    assert block.columns["time"].cast(pa.int64()).to_pylist()[:4] == [MISSING, 10**9, MISSING, 3 * 10**9]
    assert not parsed.items


def test_short_texts_and_texts_without_lines_are_left_to_the_grammar() -> None:
    assert check("m f=1 5\nbad\n").blocks == []
    assert check("").count == 0
    assert check("\n" * 20_000).count == 0
    assert check("# comment, a=b\n" * 2_000).count == 0


@pytest.mark.parametrize("precision", ["auto", "second", "millisecond", "microsecond", "nanosecond"])
def test_times_are_scaled_or_left_to_the_exact_rules(precision: str) -> None:
    times = [0, 1, -1, 5 * 10**9, 5 * 10**12, 5 * 10**15, 2**63 - 1, -(2**63), 9_223_372_036, 9_223_372_037, -(10**18)]
    parsed = check("\n".join(f"m f={i} {times[i % len(times)]}" for i in range(2200)), precision)
    assert parsed.blocks
    late = [item.line.timestamp for item in parsed.items]
    assert 2**63 - 1 not in late or precision not in ("auto", "nanosecond")


@pytest.mark.slow
@pytest.mark.parametrize(
    "value",
    ["+1", ".5", "-.5", "1.", "-1.", "1.e5", "inf", "-inf", "nan", "NaN", "Infinity", "0x1F", "0x1Fi", "-0x1i", "1_0", "1e",
     "1e5", "-1E-5", "1e400", "1e-400", "1.2.3", "1-2", "--1", "-", "i", "u", "-1u", "-1i", "-0", "-0i", "007", "007i",
     "1e99999999999999999999", "0e99999999999999999999", "1e-99999999999999999999", "1" * 800 + "e-795",
     "9223372036854775807i", "9223372036854775808i", "-9223372036854775808i", "18446744073709551615u", "1" * 400,
     "18446744073709551616u", "9" * 19 + "i", "0" * 30 + "1i", "t", "T", "true", "TRUE", "tRUE", "tr", "fAlse", "yes", "e",
     '""', '"a', 'a"', '"a"b"c"', '"a\\"b"', '"a\nb"', '"', '"a""b"', "1\r", "1\t", "1\0", "١", "1i2", "2.5i", "1,", "1 ,"],
)  # fmt: skip
@pytest.mark.parametrize("usual", ["1.5", "3i"])
def test_a_form_that_arrow_might_read_is_read_as_the_grammar_reads_it(value: str, usual: str) -> None:
    lines = [f"m,t=a f={usual},g=1 {i}" for i in range(600)]
    lines[150] = f"m,t=a f={value},g=1 5"
    lines[151] = f"m,t=a f={usual},g={value}"
    lines[152] = f"m,t={value} f={usual},g=1 5"
    assert check("\n".join(lines)).blocks
    check("\n".join(f"m f={value} {i}" for i in range(800)))


@pytest.mark.parametrize(
    "line",
    ["cpu,host=,region=eu user=1,idle=1i,ok=t 1", "cpu,host=a,region= user=1,idle=1i,ok=t 1",
     "cpu,host=a,region=eu user=,idle=1i,ok=t 1", "cpu,host=a,region=eu user=1,idle=i,ok=t 1",
     "cpu,host=a,region=eu user=1,idle=1i,ok= 1", "cpu,host=a,region=eu user=1,idle=1i,ok=t ",
     "cpu,host=a,region=eu user=1,idle=1i,ok=t -", "cpu,host=a,region=eu user=1,idle=1i,ok=t 1i",
     "cpu,host=a,region=eu user=1,idle=1i ok=t 1", "cpu,host=a region=eu,user=1,idle=1i,ok=t 1",
     "cpu,host=a,region=eu user=1,idle=1i,kO=t 1", "cpU,host=a,region=eu user=1,idle=1i,ok=t 1",
     "cpu,host=a,region=eu user=1,idle=1i,ok=t=1", "cpu,host=a,region=eu user=1,idle=1i,ok,t 1",
     "cpu,host=a\t,region=eu user=1,idle=1i,ok=t 1", "cpu,host=a,region=eu user=1,idle=1i,ok=t\t1",
     'cpu,host=a,region=eu user=1,idle=1i,ok="t" 1', 'cpu,host=a,region=eu user="1",idle=1i,ok=t 1',
     'cpu,host=a,region=eu user=1"2"3,idle=1i,ok=t 1', 'cpu,host=a,region=eu user=1,idle=1i,ok=t"" 1',
     'cpu,host=a,region=eu user=1,idle=1i,ok=t 1""2', "cpu,host=\\a,region=eu user=1,idle=1i,ok=t 1"],
)  # fmt: skip
def test_a_line_that_nearly_has_the_shape_is_not_taken_for_it(line: str) -> None:
    lines = [*map(cpu, range(200)), line, *map(cpu, range(200))]
    assert len(check("\n".join(lines)).items) == 1


@pytest.mark.parametrize("value", ['"a"b"c"', '"a"', '"', '""', '"""', '""""', '"a" "b"', '"a",x="b"', 'a"', '"a\\"'])
def test_quotes_within_strings_are_not_taken_for_their_ends(value: str) -> None:
    lines = [*map(weather, range(200)), f"weather,ort=Köln temp=1.5,sky={value},count=1u", *map(weather, range(200))]
    assert check("\n".join(lines)).blocks


@pytest.mark.slow
def test_every_line_of_the_corpus_among_good_ones(corpus: list[str]) -> None:
    good = [line(index) for index in range(90) for line in (cpu, weather)]
    for text in corpus:
        if len(text) < 2_000:
            check("\n".join([*good[:80], text, *good[80:]]))


def test_the_corpus_at_once_among_good_lines(corpus: list[str]) -> None:
    lines = [part for index, text in enumerate(corpus) for part in (*map(cpu, range(index, index + 9)), text)]
    assert len(check("\n".join(lines)).blocks[0].numbers) > 1000


@pytest.mark.parametrize(
    "line",
    ["m,a=1,a=2 f=1", "m,a=1 f=1,f=2", "m,a=1 a=2", "m,time=1 f=1", "m time=1", "m __chunk_order=1",
     "m=1,t=2 f=1", "m,t=a=b f=1", "m,a,b=c f=1", "m a,b=1", "m \0=1", "m,t=\0 f=1", "m f=1  5", " m f=1", "#m f=1",
     'm,t="a" f=1', 'm"q" f=1', 'm a,b="x=y=z" 5', 'm a,"b=1', "m,é=ü ñ=1", "m,t=! f#=1 5", f"m,{'k' * 2000}=v f=1"],
)  # fmt: skip
def test_shapes_that_are_not_simple_are_left_to_the_grammar(line: str) -> None:
    parsed = check("\n".join([f"{line}\nn f={i}" for i in range(600)]))
    assert line not in {"m,é=ü ñ=1", "m,t=! f#=1 5"} or not parsed.items


@pytest.mark.slow
def test_a_quoted_line_feed_swallows_lines_also_over_the_end_of_a_batch() -> None:
    block = "\n".join(map(cpu, range(30_000)))
    text = f'{block}\nlog msg="open\n{block}\n{block}\nclosed",n=1i 5\n{block}\nlog msg="never closed\n{block}'
    parsed = check(text)
    assert [item.number for item in parsed.items] == [30_001, 60_002]
    assert parsed.count == 60_002


def test_lone_surrogates_have_no_columns_but_items() -> None:
    text = "\n".join(map(cpu, range(300))) + "\nm,t=\ud800 f=1\n" + "\n".join(map(cpu, range(300)))
    assert check(text).count == 601


def test_tags_that_differ_in_every_row_are_columns_too() -> None:
    parsed = check("\n".join(f"m,id=i{i} f={i}" for i in range(5000)))
    assert parsed.blocks[0].columns["id"].to_pylist() == [f"i{i}" for i in range(5000)]


BAD = [
    *(
        "",
        "  ",
        "# a comment",
        '# x="',
        "\t",
        "m",
        "m,",
        "m f=",
        'm f="',
        'm f="a\nb" 1',
        "m\\",
        "m\\\n f=1",
        "m f=1\r",
    ),
    *("m f=1,", "m f=1, 5", "m f=1  5 ", "cpu,host=h\\ 1 user=1", 'weather,ort=K sky="\\"" 5', "cpu user=1,user=2"),
    *(
        'm a,b="x=y=z" 5',
        'm,t="a f=1',
        "m f=99999999999999999999i",
        "m f=1 99999999999999999999",
        "\0 f=1",
        "m,t=a=b f=1",
    ),
]


@pytest.mark.slow
@settings(max_examples=60)
@given(
    st.integers(0, 2**32), st.sampled_from([0.0, 0.003, 0.03, 0.3]), st.sampled_from(["auto", "nanosecond", "second"])
)
def test_both_ways_agree_on_any_mixture(seed: int, share: float, precision: str) -> None:
    random = Random(seed)
    makers = random.sample([cpu, weather, shaped], random.randint(1, 3))
    lines = [random.choice(makers)(random.randrange(500)) for _ in range(random.randint(100, 800))]
    lines = [random.choice(BAD) if random.random() < share else line for line in lines]
    check("\n".join(lines) + "\n" * random.randrange(3), precision)


@pytest.mark.slow
@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_both_ways_agree_after_any_byte_has_changed(seed: int) -> None:
    random = Random(seed)
    text = list("\n".join(cpu(index) if index % 3 else weather(index) for index in range(200)))
    for _ in range(random.choice([1, 3, 30])):
        text[random.randrange(len(text))] = random.choice(
            ['"', "\\", ",", "=", " ", "\n", "\t", "\0", "", "i", "e", ".", "ß"]
        )
    check("".join(text))
