"""Lines with what the server makes of them (tests in core/influxdb_line_protocol/src/lib.rs)."""

from __future__ import annotations

import pytest

BACKSLASH_END = "Measurements, tag keys and values, and field keys may not end with a backslash"
NO_FIELDS = "No fields were provided"


def trailing(text: str) -> str:
    return f"Could not parse entire line. Found trailing content: `{text}`"


# text of one line -> (the server's error, offset at which parsing stopped)
ERRORS: dict[str, tuple[str, int]] = {
    "measurement": ("Expected at least one space character, got end of input", 11),
    ",": ("Invalid measurement was provided", 0),
    "J,#": ("Tag set malformed: could not find equals sign in `#`", 3),
    "J," + "a" * 200: ("Tag set malformed: could not find equals sign in `aaaaaaaaaa...`", 202),
    "J,": ("Expected tag key, got end of input", 2),
    "testmeasure, bar=1i": ("Expected tag key, got ` bar=1i`", 12),
    "testmeasure, " + "b" * 200 + "=1i": ("Expected tag key, got ` bbbbbbbbb...`", 12),
    "0,,=": ("Expected tag value, got end of input", 4),
    r"testmeasure,foo\=\,baz= bar=1i": ("Expected tag value, got ` bar=1i`", 23),
    r"testmeasure,foo\=\,baz= bar=" + "1" * 100 + "i": ("Expected tag value, got ` bar=11111...`", 23),
    "testmeasure,foo=,baz= bar=1i": ("Expected tag value, got `,baz= bar=...`", 16),
    "metrics,bananas=,platanos=great value=1.000000 1725629157696678000": (
        "Expected tag value, got `,platanos=...`",
        16,
    ),
    "metrics,metrics_name=kube_node_spec_taint,node=10.0.213.170,itsEmpty=,effect=NoSchedule value=1.000000 "
    "1725628131752524000": ("Expected tag value, got `,effect=No...`", 69),
    "testmeasure,foo= sed=1i": ("Expected tag value, got ` sed=1i`", 16),
    "testmeasure,foo=f bar=1i,baz=": (trailing("baz="), 29),
    "testmeasure,foo=f bar=1i,ba" + "z" * 100 + "=": (trailing("bazzzzzzzz..."), 128),
    "\x1b# /": (NO_FIELDS, 4),
    ":\x14\\": (BACKSLASH_END, 3),
    "testmeasure field=3.0 1" + "8" * 71: ("Unable to parse timestamp value `1" + "8" * 71 + "`", 22),
    "testmeasure field=" + "6" * 46 + "8i": ("Unable to parse integer value `" + "6" * 46 + "8`", 18),
    ",tag1=1,tag2=2 value=1 123": ("Invalid measurement was provided", 0),
    "field=1 1234": (NO_FIELDS, 12),
    "\0 field=1 1234": ("Invalid measurement was provided", 0),
    "\0,tag1=1,tag2=2 value=1 123": ("Invalid measurement was provided", 0),
    "foo 1234": (NO_FIELDS, 8),
    "m,tag1=one,tag2=2 value=\0 123": (NO_FIELDS, 24),
    "m0 field=-1u 99": (trailing("u 99"), 11),
    "m0 field=-1.234456e 1615869152385000000": (trailing("e 16158691..."), 18),
    "m0 field=-1.234456e+ 1615869152385000000": (trailing("e+ 1615869..."), 18),
    "m0 field=-1.234456E 1615869152385000000": (trailing("E 16158691..."), 18),
    "m0 field=-1.234456E+ 1615869152385000000": (trailing("E+ 1615869..."), 18),
    "m0 field=-1.234456E-": (trailing("E-"), 18),
    "m0 field=" + "9" * 32 + "i 99": ("Unable to parse integer value `" + "9" * 32 + "`", 9),
    "m0 field=" + "9" * 32 + "u 99": ("Unable to parse unsigned integer value `" + "9" * 32 + "`", 9),
    "m0 field=1i " + "9" * 32: ("Unable to parse timestamp value `" + "9" * 32 + "`", 12),
    "foo,tag0=value1 asdf=23.1.22,jkl=4": (trailing(".22,jkl=4"), 25),
    "weather\\": (BACKSLASH_END, 8),
    "foo,weather\\": (BACKSLASH_END, 12),
    "foo,t=weather\\": (BACKSLASH_END, 14),
    "foo weather\\": (BACKSLASH_END, 12),
    # what follows from the grammar, though no test of the server's shows it
    "weather\\\\ f=1": (BACKSLASH_END, 9),
    "m a=1,b=2,c\\\\=3": (BACKSLASH_END, 13),
    "m a=1,b=2,c=": (trailing(",c="), 12),
    "m a=1,b=2, 5": (trailing(", 5"), 10),
    "m f=1  ": (trailing("  "), 5),
    "m f=1\r": (trailing("\r"), 5),
    "m f=1 5\r": (trailing("\r"), 7),
    "m f=1 x": (trailing(" x"), 6),
    "m f=1 -": (trailing(" -"), 6),
    "m\tf=1": ("Expected at least one space character, got `\tf=1`", 1),
    "m\t" + "f" * 50 + "=1": ("Expected at least one space character, got `\t" + "f" * 50 + "=1`", 1),
    "m,t=a\tf=1": ("Expected at least one space character, got `\tf=1`", 5),
    "m,t= f=1": ("Expected tag value, got ` f=1`", 4),
    "m,=a f=1": ("Expected tag key, got `=a f=1`", 2),
    "m =1": (NO_FIELDS, 2),
    "m f=NaN": (NO_FIELDS, 4),
    "m f=nan": (NO_FIELDS, 4),
    "m f=inf": (NO_FIELDS, 4),
    "m f=+1": (NO_FIELDS, 4),
    "m f=.5": (NO_FIELDS, 4),
    "m f=-": (NO_FIELDS, 4),
    'm f="open': (NO_FIELDS, 9),
    'm f="open\\"': (NO_FIELDS, 11),
    "m f=1.": (trailing("."), 5),
    "m f=1e": (trailing("e"), 5),
    "m f=1.e5": (trailing(".e5"), 5),
    "m f=1_000": (trailing("_000"), 5),
    "m f=0x1": (trailing("x1"), 5),
    "m f=0x1Fi": (trailing("x1Fi"), 5),
    "m f=tr": (trailing("r"), 5),
    "m f=TrUe": (trailing("rUe"), 5),
    'm f="a"b': (trailing("b"), 7),
    "m f=9223372036854775808i": ("Unable to parse integer value `9223372036854775808`", 4),
    "m f=-9223372036854775809i": ("Unable to parse integer value `-9223372036854775809`", 4),
    "m f=18446744073709551616u": ("Unable to parse unsigned integer value `18446744073709551616`", 4),
    "m f=1 9223372036854775808": ("Unable to parse timestamp value `9223372036854775808`", 6),
    "m f=1,g=9223372036854775808i": ("Unable to parse integer value `9223372036854775808`", 8),
    # ten bytes are the limit of what is quoted, ten characters are what is left: `ä` has two bytes
    "m f=1 ääää": (trailing(" ääää"), 6),
    "m f=1 äääää": (trailing(" äääää..."), 6),
    "m,äääääääääää": ("Tag set malformed: could not find equals sign in `ääääääääää...`", 13),
}

Fields = tuple[tuple[str, str, str | int | float | bool], ...]
Tags = tuple[tuple[str, str], ...]

# text of one line -> (measurement, tags, fields, timestamp)
LINES: dict[str, tuple[str, Tags, Fields, int | None]] = {
    "tag1=1 field=1 1234": ("tag1=1", (), (("field", "f", 1.0),), 1234),
    "tag1=1,tag2=2 value=1 123": ("tag1=1", (("tag2", "2"),), (("value", "f", 1.0),), 123),
    "foo,tag1=1,tag2=2 value=1 123": ("foo", (("tag1", "1"), ("tag2", "2")), (("value", "f", 1.0),), 123),
    "m,tag\x001=one,tag2=2 value=1 123": ("m", (("tag\x001", "one"), ("tag2", "2")), (("value", "f", 1.0),), 123),
    "m,tag1=o\0ne,tag2=2 value=1 123": ("m", (("tag1", "o\0ne"), ("tag2", "2")), (("value", "f", 1.0),), 123),
    "m,tag1=one,tag2=\0 value=1 123": ("m", (("tag1", "one"), ("tag2", "\0")), (("value", "f", 1.0),), 123),
    "m,tag1=one,tag2=2 val\0ue=1 123": ("m", (("tag1", "one"), ("tag2", "2")), (("val\0ue", "f", 1.0),), 123),
    'm,tag1=one,tag2=2 value="v\0" 123': ("m", (("tag1", "one"), ("tag2", "2")), (("value", "s", "v\0"),), 123),
    "foo asdf=23i 1234": ("foo", (), (("asdf", "i", 23),), 1234),
    "foo asdf=23u 1234": ("foo", (), (("asdf", "u", 23),), 1234),
    "foo asdf=44 546": ("foo", (), (("asdf", "f", 44.0),), 546),
    "foo asdf=3.74 123": ("foo", (), (("asdf", "f", 3.74),), 123),
    'foo asdf="the string value" 1234': ("foo", (), (("asdf", "s", "the string value"),), 1234),
    "foo asdf=true 1234": ("foo", (), (("asdf", "b", True),), 1234),
    "foo asdf=23i,bar=5i 1234": ("foo", (), (("asdf", "i", 23), ("bar", "i", 5)), 1234),
    'foo asdf=23.1,bar=-5i,qux=9u,baz="the string",frab=false 1234': (
        "foo",
        (),
        (("asdf", "f", 23.1), ("bar", "i", -5), ("qux", "u", 9), ("baz", "s", "the string"), ("frab", "b", False)),
        1234,
    ),
    "m0 field=-1i 99": ("m0", (), (("field", "i", -1),), 99),
    "m0 field2=-1 99": ("m0", (), (("field2", "f", -1.0),), 99),
    "m0 field=" + "9" * 200 + "." + "9" * 200 + " 99": ("m0", (), (("field", "f", 1e200),), 99),
    "m0 field=" + "9" * 1000 + "." + "9" * 1000 + " 99": ("m0", (), (("field", "f", float("inf")),), 99),
    "foo value1=1i -123": ("foo", (), (("value1", "i", 1),), -123),
    "foo,tag0=value1 asdf=23.1,bar=5i": (
        "foo",
        (("tag0", "value1"),),
        (("asdf", "f", 23.1), ("bar", "i", 5)),
        None,
    ),
    "foo,tag0=value2 asdf=22.1,jkl=5": ("foo", (("tag0", "value2"),), (("asdf", "f", 22.1), ("jkl", "f", 5.0)), None),
    r"bananas,tag1=\\\\\\0 test=42i": ("bananas", (("tag1", r"\\\0"),), (("test", "i", 42),), None),
    "anothergoodline,tag3=3,tag4=4 value=67 1234": (
        "anothergoodline",
        (("tag3", "3"), ("tag4", "4")),
        (("value", "f", 67.0),),
        1234,
    ),
    # what follows from the grammar, though no test of the server's shows it
    "m f=1  5  ": ("m", (), (("f", "f", 1.0),), 5),
    "m a=1,": ("m", (), (("a", "f", 1.0),), None),
    "m a=1, 5": ("m", (), (("a", "f", 1.0),), 5),
    "m a,b=1": ("m", (), (("a,b", "f", 1.0),), None),
    "m,a,b=c=d f=1": ("m", (("a,b", "c=d"),), (("f", "f", 1.0),), None),
    'm"# f=1': ('m"#', (), (("f", "f", 1.0),), None),
    'm,t="a" f=1': ("m", (("t", '"a"'),), (("f", "f", 1.0),), None),
    r"m\=n f=1": (r"m\=n", (), (("f", "f", 1.0),), None),
    "m,t=a\rb f=1": ("m", (("t", "a\rb"),), (("f", "f", 1.0),), None),
    "m f=007i": ("m", (), (("f", "i", 7),), None),
    "m f=" + "0" * 5000 + "7i": ("m", (), (("f", "i", 7),), None),
    "m f=-0i": ("m", (), (("f", "i", 0),), None),
    "m f=9223372036854775807i": ("m", (), (("f", "i", 2**63 - 1),), None),
    "m f=-9223372036854775808i": ("m", (), (("f", "i", -(2**63)),), None),
    "m f=18446744073709551615u": ("m", (), (("f", "u", 2**64 - 1),), None),
    "m f=1 9223372036854775807": ("m", (), (("f", "f", 1.0),), 2**63 - 1),
    "m f=1 -9223372036854775808": ("m", (), (("f", "f", 1.0),), -(2**63)),
    "m,a=1,a=2 f=1,f=2": ("m", (("a", "1"), ("a", "2")), (("f", "f", 1.0), ("f", "f", 2.0)), None),
    'Größe,ort=Köln wert=1,text="naïve ☃" 1': (
        "Größe",
        (("ort", "Köln"),),
        (("wert", "f", 1.0), ("text", "s", "naïve ☃")),
        1,
    ),
}

BOOLEANS = {"t": True, "T": True, "true": True, "True": True, "TRUE": True}
BOOLEANS |= {"f": False, "F": False, "false": False, "False": False, "FALSE": False}
FLOATS = {
    "-1.234456e+06": -1.234456e06,
    "-1.234456E+3": -1.234456e3,
    "1.234456e+02": 1.234456e02,
    "1.234456E+16": 1.234456e16,
    "1.234456E-16": 1.234456e-16,
    "1.234456e-03": 1.234456e-03,
    "1.234456e-0": 1.234456,
    "1e-0": 1.0,
    "-1e-0": -1.0,
    "-1.234456e06": -1.234456e06,
    "1.234456e06": 1.234456e06,
    "-1.234456E06": -1.234456e06,
    "1.234456E06": 1.234456e06,
    "-0": -0.0,
    "1e400": float("inf"),
    "-1e400": float("-inf"),
    "1e-400": 0.0,
    "0.1": 0.1,
    "2.2250738585072011e-308": 2.2250738585072011e-308,
    "9007199254740993": 9007199254740992.0,
}
STRINGS = {
    '""': "",
    '"str val"': "str val",
    r'"The \"string\" val"': 'The "string" val',
    r'"The \"string w/ single double quote"': 'The "string w/ single double quote',
    '"too hot/cold"': "too hot/cold",
    r'"too hot\cold"': r"too hot\cold",
    r'"too hot\\cold"': r"too hot\cold",
    r'"too hot\\\cold"': r"too hot\\cold",
    r'"too hot\\\\cold"': r"too hot\\cold",
    r'"too hot\\\\\cold"': r"too hot\\\cold",
    r'"too hot\\\\\\cold"': r"too hot\\\cold",
    '"a, b = c"': "a, b = c",
    '"line\nfeed"': "line\nfeed",
}
MEASUREMENTS = {
    r"wea\,ther": "wea,ther",
    r"wea\ ther": "wea ther",
    r"\\wea\\ther": r"\wea\ther",
    r"\wea\ther": r"\wea\ther",
    "weat\\\nher": "weat\\\nher",
}
NAMES = MEASUREMENTS | {r"wea\=ther": "wea=ther"}


def _good() -> list[tuple[str, tuple[str, Tags, Fields, int | None]]]:
    cases = list(LINES.items())
    cases += [(f"foo asdf={text}", ("foo", (), (("asdf", "b", value),), None)) for text, value in BOOLEANS.items()]
    cases += [(f"m0 field={text} 16", ("m0", (), (("field", "f", value),), 16)) for text, value in FLOATS.items()]
    cases += [(f"foo asdf={text}", ("foo", (), (("asdf", "s", value),), None)) for text, value in STRINGS.items()]
    one = (("f", "f", 1.0),)
    cases += [(f"{text} f=1", (name, (), one, None)) for text, name in MEASUREMENTS.items()]
    for text, name in NAMES.items():
        cases.append((f"m,{text}=v f=1", ("m", ((name, "v"),), one, None)))
        cases.append((f"m,k={text} f=1", ("m", (("k", name),), one, None)))
        cases.append((f"m {text}=1", ("m", (), ((name, "f", 1.0),), None)))
    return cases


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that asks for ``bad`` or ``good`` every line of that sort, with what comes of it."""
    if "bad" in metafunc.fixturenames:
        cases = list(ERRORS.items())
        metafunc.parametrize("bad", cases, ids=[ascii(text)[1:41] for text, _ in cases])
    if "good" in metafunc.fixturenames:
        cases = _good()
        metafunc.parametrize("good", cases, ids=[ascii(text)[1:41] for text, _ in cases])


@pytest.fixture(scope="session")
def corpus() -> list[str]:
    """Every line above, good and bad, as text."""
    return [*ERRORS, *(text for text, _ in _good())]
