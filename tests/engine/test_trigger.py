"""Specifications are read, refused and shown as influxdb3_catalog/src/catalog/versions/v3/schema/trigger.rs does."""

from __future__ import annotations

import json

import pytest

from pe_kit.engine.trigger import parse_arguments, parse_spec
from pe_kit.errors import TriggerSpecError, UsageError

FORMS = (
    "expect one of the following forms: 'table:<TABLE_NAME>', 'all_tables', 'cron:<CRON_EXPRESSION>', "
    "'every:<DURATION>', or 'request:<PATH>'"
)


@pytest.mark.parametrize(
    ("text", "shown", "plugin_type", "function"),
    [
        ("table:cpu", "table:cpu", "WalRows", "process_writes"),
        (" table: my table ", "table:my table", "WalRows", "process_writes"),
        ("table:table:x", "table:x", "WalRows", "process_writes"),
        ("all_tables", "all_tables", "WalRows", "process_writes"),
        ("cron:0 0 * * * *", "cron:0 0 * * * *", "Schedule", "process_scheduled_call"),
        ("every:90s", "every:1m 30s", "Schedule", "process_scheduled_call"),
        ("every:1w", "every:7days", "Schedule", "process_scheduled_call"),
        ("request:/a b/../c", "request:/a b/../c", "Request", "process_request"),
        ("request:request:x", "request:x", "Request", "process_request"),
    ],
)
def test_every_form_is_read_and_shown(text: str, shown: str, plugin_type: str, function: str) -> None:
    spec = parse_spec(text)
    assert (spec.text, spec.plugin_type, spec.function) == (shown, plugin_type, function)
    assert parse_spec(spec.text) == spec


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("table:cpu", {"single_table_wal_write": {"table_name": "cpu"}}),
        ("all_tables", "all_tables_wal_write"),
        ("cron:0 0 * * * *", {"schedule": {"schedule": "0 0 * * * *"}}),
        ("every:1500us", {"every": {"duration": {"secs": 0, "nanos": 1_500_000}}}),
        ("request:foo", {"request_path": {"path": "foo"}}),
    ],
)
def test_json_is_the_catalogs_enum(text: str, shape: object) -> None:
    assert json.loads(parse_spec(text).json) == shape


def test_json_has_no_blanks_as_serde_writes_it() -> None:
    assert parse_spec("every:1m").json == '{"every":{"duration":{"secs":60,"nanos":0}}}'


def test_a_year_is_the_longest_every() -> None:
    assert parse_spec("every:1y").every_ns == 31_557_600 * 10**9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("table:", "failed to parse trigger from table:: table name is empty"),
        ("table:  ", "failed to parse trigger from table:: table name is empty"),
        ("cron:", "failed to parse trigger from cron:"),
        ("cron:0 6 * * *", "failed to parse trigger from cron:0 6 * * *"),
        ("every:abc", "failed to parse trigger from every:abc: couldn't parse to duration"),
        ("every:12M", "failed to parse trigger from every:12M: don't support every schedules of over 1 year"),
        ("request:", "failed to parse trigger from request:"),
        ("all_tables:", f"failed to parse trigger from all_tables:: {FORMS}"),
        ("Table:x", f"failed to parse trigger from Table:x: {FORMS}"),
        ("", f"failed to parse trigger from : {FORMS}"),
    ],
)
def test_what_is_refused_gets_the_servers_text_and_500(text: str, message: str) -> None:
    with pytest.raises(TriggerSpecError) as caught:
        parse_spec(text)
    assert (caught.value.message, caught.value.status, caught.value.body) == (message, 500, message)
    assert caught.value.mend


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("cron:0 6 * * *", "cron has 5 fields, 6 are needed; did you mean `0 0 6 * * *`?"),
        ("cron:0 6 * * 1-5", "did you mean `0 0 6 * * MON-FRI`?"),
        (
            "cron:0 0 6 * * 0",
            "Weekday numbers are 1 = Sunday to 7 = Saturday, 0 is none; did you mean `0 0 6 * * SUN`?",
        ),
        ("cron:* * * *", "cron has 4 fields, 6 or 7 are needed"),
        ("cron:0 0 0 L * *", "L, W and # are not supported"),
        ("cron:0 0 0 * * FRI#2", "L, W and # are not supported"),
        ("cron:0 0 22-2 * * *", "'22-2': a range does not wrap around"),
        ("cron:61 * * * * *", "seconds is 0 to 59, not 61"),
        ("cron:@annually", "did you mean `@yearly`?"),
        ("0 6 * * *", "did you mean `cron:0 0 6 * * *`?"),
        ("0 0 6 * * *", "Did you mean `cron:0 0 6 * * *`?"),
        ("every:1.5h", "did you mean `every:1h 30m`?"),
        ("every:10", "did you mean `every:10s`?"),
        ("10s", "Did you mean `every:10s`?"),
        ("evry:10s", "Did you mean `every:10s`?"),
        ("Every: 10s", "Did you mean `every:10s`?"),
        ("schedule:10s", "Did you mean `every:10s`?"),
        ("schedule:0 0 6 * * *", "Did you mean `cron:0 0 6 * * *`?"),
        ("table", "Did you mean `table:NAME`?"),
        ("all-tables", "Did you mean `all_tables`?"),
        ("http:hello", "Did you mean `request:hello`?"),
        ("nonsense", "For example `table:cpu`"),
    ],
)
def test_the_mend_says_what_was_probably_meant(text: str, mend: str) -> None:
    with pytest.raises(TriggerSpecError) as caught:
        parse_spec(text)
    assert mend in caught.value.mend


@pytest.mark.parametrize("text", ["every:0s", "every:0", "every:999us"])
def test_every_below_a_millisecond_is_refused_because_the_server_would_panic(text: str) -> None:
    with pytest.raises(TriggerSpecError, match="less than 1 ms") as caught:
        parse_spec(text)
    assert "panics" in caught.value.mend


def test_weekday_numbers_carry_a_note() -> None:
    assert "SUN-THU" in parse_spec("cron:0 0 6 * * 1-5").note
    assert parse_spec("cron:0 0 6 * * MON-FRI").note == ""
    assert parse_spec("cron:0 0 6 * * */2").note == ""
    assert parse_spec("every:1s").note == ""


def test_a_specification_is_text() -> None:
    with pytest.raises(UsageError, match="text"):
        parse_spec(None)  # type: ignore[arg-type]


def test_arguments_are_split_as_on_the_command_line() -> None:
    assert parse_arguments("a=1,b=x=y,c=") == {"a": "1", "b": "x=y", "c": ""}


@pytest.mark.parametrize("text", ["a", "", "exclude=a,b,c"])
def test_a_piece_without_equals_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_arguments(text)
    assert caught.value.message == 'must be formatted as "key=value"'
