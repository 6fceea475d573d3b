"""What a database may be called (influxdb3_server/src/http.rs, influxdb3_types/src/database_name.rs)."""

from __future__ import annotations

import json

import pytest

from pe_kit.errors import InvalidNameError
from pe_kit.store.names import check_database_name, check_http_database_name
from pe_kit.store.store import Store

INVALID = (
    "invalid character in database or rp name: must be ASCII, containing only letters, numbers, underscores, or hyphens"
)
INVALID_RP = (
    "db name with invalid retention policy, if providing a retention policy name, must be of form '<db_name>/<rp_name>'"
)


@pytest.mark.parametrize("name", ["a", "0", "db_1-x", "db/rp", "A" * 511])
def test_names_that_the_http_face_takes(name: str) -> None:
    store = Store(lambda: 0)
    store.create_database(name)
    assert store.has_database(name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "db name cannot be empty"),
        ("a" * 512, "db name too long: max 511"),
        ("_x", "db name did not start with a number or letter"),
        ("-x", "db name did not start with a number or letter"),
        ("/x", "db name did not start with a number or letter"),
        ("ärger", INVALID),
        ("a b", INVALID),
        ("a.b", INVALID),
        ("aä", INVALID),
        ("a\n", INVALID),
        ("a/b/c", INVALID_RP),
        ("a/", INVALID_RP),
    ],
)
def test_names_that_the_http_face_refuses(name: str, text: str) -> None:
    with pytest.raises(InvalidNameError) as caught:
        check_http_database_name(name)
    assert caught.value.message == text
    assert caught.value.status == 400
    assert json.loads(caught.value.body) == {"error": text}
    assert caught.value.mend


@pytest.mark.parametrize("name", ["a", "_x", "-", "a/b/c", "a_ã_京", "x" * 511, "京" * 170])
def test_names_that_plugins_may_use(name: str) -> None:
    store = Store(lambda: 0)
    store.write("m f=1", name, http_name=False)
    assert store.has_database(name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "database name  length must be between 1 and 511 characters"),
        ("x" * 512, f"database name {'x' * 512} length must be between 1 and 511 characters"),
        ("京" * 171, f"database name {'京' * 171} length must be between 1 and 511 characters"),
        ("a b", "database name 'a b' contains invalid character, character number 1 is not allowed"),
        ("京京!", "database name '京京!' contains invalid character, character number 2 is not allowed"),
        ("a\n", "database name 'a\n' contains invalid character, character number 1 is not allowed"),
    ],
)
def test_names_that_plugins_may_not_use(name: str, text: str) -> None:
    with pytest.raises(InvalidNameError) as caught:
        check_database_name(name)
    assert caught.value.message == text
