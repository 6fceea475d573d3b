"""An OpenAPI description of the endpoints, and requests that schemathesis makes up from it: python described.py URL TOKEN.

Whatever is asked, the answer is one of the server's: never a failure of the kit's own, and the engine works afterwards.
"""

from __future__ import annotations

import itertools
import sys
from contextlib import suppress
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

TEXT = {"type": "string"}
NAME = {"type": "string", "enum": ["d", "m", "host", "t", "p.py", "new", "", "a b", "../x", "ä"]}
FLAG, COUNT, TEXTS = {"type": "boolean"}, {"type": "integer"}, {"type": "array", "items": NAME}
LINES = {"type": "string", "enum": ["m,host=a v=1", "m v=", "m v=1i 1", 'm s="', "#", "", "new f=t,g=2u -1"]}
SQL = {
    "type": "string",
    "enum": ["SELECT * FROM m", "SELECT", "SHOW TABLES", "SELECT $a", "SELECT 1/0", "DROP TABLE m"],
}
FORMAT = {"type": "string", "enum": ["json", "jsonl", "csv", "pretty", "parquet", "xml"]}
SPEC = {"type": "string", "enum": ["table:m", "all_tables", "every:1h", "cron:0 0 * * * *", "request:r", "never"]}
WHEN = {"type": "string", "enum": ["1h", "30d", "none", "-1h", "soon"]}

QUERY = {"db": NAME, "q": SQL, "format": FORMAT, "params": {"type": "object"}}
TRIGGER = {
    "db": NAME, "trigger_name": NAME, "plugin_filename": NAME, "trigger_specification": SPEC, "disabled": FLAG,
    "trigger_settings": {"type": "object", "properties": {"run_async": FLAG, "error_behavior": TEXT}},
    "trigger_arguments": {"type": "object"},
}  # fmt: skip
LAST = {
    "db": NAME,
    "table": NAME,
    "name": NAME,
    "key_columns": TEXTS,
    "value_columns": TEXTS,
    "count": COUNT,
    "ttl": COUNT,
}
DISTINCT = {"db": NAME, "table": NAME, "name": NAME, "columns": TEXTS, "max_cardinality": COUNT, "max_age": COUNT}
DRY = {
    "filename": NAME,
    "database": NAME,
    "input_lp": LINES,
    "schedule": TEXT,
    "cache_name": NAME,
    "input_arguments": {},
}
FIELD = {"type": "object", "properties": {"name": NAME, "type": TEXT}}
FILE = {"type": "object", "properties": {"relative_path": NAME, "content": TEXT}}
ENDPOINTS: list[tuple[str, str, dict[str, Any], dict[str, Any] | None]] = [
    ("post", "/api/v3/write_lp", {"db": NAME, "precision": TEXT, "accept_partial": FLAG, "no_sync": FLAG}, LINES),
    ("post", "/api/v2/write", {"bucket": NAME, "precision": TEXT}, LINES),
    ("post", "/write", {"db": NAME, "rp": NAME, "precision": TEXT}, LINES),
    ("get", "/api/v3/query_sql", QUERY, None),
    ("post", "/api/v3/query_sql", {}, QUERY),
    ("get", "/api/v3/query_influxql", QUERY, None),
    ("get", "/query", {"db": NAME, "q": SQL}, None),
    ("get", "/api/v3/configure/database", {"format": FORMAT, "show_deleted": FLAG}, None),
    ("post", "/api/v3/configure/database", {}, {"db": NAME, "retention_period": WHEN}),
    ("put", "/api/v3/configure/database", {}, {"db": NAME, "retention_period": WHEN}),
    ("delete", "/api/v3/configure/database", {"db": NAME, "hard_delete_at": TEXT}, None),
    ("post", "/api/v3/configure/database/retention_period", {"db": NAME, "duration": WHEN}, None),
    ("delete", "/api/v3/configure/database/retention_period", {"db": NAME}, None),
    ("post", "/api/v3/configure/table", {}, {"db": NAME, "table": NAME, "tags": TEXTS, "fields": {"type": "array", "items": FIELD}}),
    ("delete", "/api/v3/configure/table", {"db": NAME, "table": NAME, "hard_delete_at": TEXT}, None),
    ("post", "/api/v3/configure/last_cache", {}, LAST),
    ("delete", "/api/v3/configure/last_cache", {"db": NAME, "table": NAME, "name": NAME}, None),
    ("post", "/api/v3/configure/distinct_cache", {}, DISTINCT),
    ("delete", "/api/v3/configure/distinct_cache", {"db": NAME, "table": NAME, "name": NAME}, None),
    ("post", "/api/v3/configure/processing_engine_trigger", {}, TRIGGER),
    ("delete", "/api/v3/configure/processing_engine_trigger", {"db": NAME, "trigger_name": NAME, "force": FLAG}, None),
    ("post", "/api/v3/configure/processing_engine_trigger/enable", {"db": NAME, "trigger_name": NAME}, None),
    ("post", "/api/v3/configure/processing_engine_trigger/disable", {"db": NAME, "trigger_name": NAME}, None),
    ("post", "/api/v3/plugin_test/wal", {}, DRY),
    ("post", "/api/v3/plugin_test/schedule", {}, DRY),
    ("post", "/api/v3/plugins/files", {}, {"plugin_name": NAME, "content": TEXT}),
    ("put", "/api/v3/plugins/files", {}, {"plugin_name": NAME, "content": TEXT}),
    ("put", "/api/v3/plugins/directory", {}, {"plugin_name": NAME, "files": {"type": "array", "items": FILE}}),
    ("post", "/api/v3/configure/token/named_admin", {}, {"token_name": NAME, "expiry_secs": COUNT}),
    ("delete", "/api/v3/configure/token", {"token_name": NAME}, None),
    ("get", "/ping", {}, None),
    ("get", "/metrics", {}, None),
]  # fmt: skip


def description() -> dict[str, Any]:
    """The endpoints as OpenAPI 3; all that can be left out may be."""
    paths: dict[str, Any] = {}
    for method, path, query, body in ENDPOINTS:
        operation: dict[str, Any] = {
            "parameters": [{"in": "query", "name": name, "schema": schema} for name, schema in query.items()],
            "responses": {"default": {"description": "an answer"}},
        }
        if body is not None:
            is_text = body is LINES
            schema = body if is_text else {"type": "object", "properties": body}
            content = {"text/plain" if is_text else "application/json": {"schema": schema}}
            operation["requestBody"] = {"required": True, "content": content}
        paths.setdefault(path, {})[method] = operation
    return {
        "openapi": "3.0.3",
        "info": {"title": "InfluxDB 3 Core, as pe_kit serves it", "version": "3"},
        "paths": paths,
    }


def main(url: str, token: str) -> int:
    """Ask each endpoint fifty times as described and fifty times otherwise, then see whether the engine still works."""
    headers = {"authorization": f"Bearer {token}"}
    wrong: dict[str, str] = {}
    count = 0
    operations = [found.ok() for found in schemathesis.openapi.from_dict(description()).get_all_operations()]
    for operation, mode in itertools.product(operations, schemathesis.GenerationMode):

        @settings(max_examples=50, deadline=None, database=None, derandomize=True, phases=[Phase.explicit, Phase.generate],
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            nonlocal count
            count += 1
            answer = case.call(base_url=url, headers=headers, timeout=60)
            if answer.status_code >= 500 and not answer.text.startswith(SERVERS_OWN):
                wrong.setdefault(
                    f"{case.method} {case.formatted_path}", f"{case.query} {case.body!r}: {answer.text[:300]}"
                )

        with suppress(Unsatisfiable):  # what takes nothing cannot be asked wrongly
            ask()
    requests.post(f"{url}/api/v3/write_lp?db=last", data="m v=1", headers=headers, timeout=60)
    left = requests.get(f"{url}/api/v3/query_sql?db=last&q=SELECT v FROM m", headers=headers, timeout=60).text
    for where, what in wrong.items():
        print(f"{where} {what}", file=sys.stderr)
    print(
        f"schemathesis: {count} requests to {len(ENDPOINTS)} endpoints, {len(wrong)} of them failed; afterwards {left}"
    )
    return int(bool(wrong) or left != '[{"v":1.0}]')


SERVERS_OWN = ("Processing engine error", "Plugin error", "plugin error", "Arrow error", '{"error":')
"""How the answers begin that have a status of 500 on the server too."""

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
