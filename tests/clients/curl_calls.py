"""The calls that the reference makes with curl, in its order of topics and with its options, against a served engine.

Forms of the calls: https://docs.influxdata.com/influxdb3/core (write, query, databases, tables, caches, tokens, Processing
engine) and its OpenAPI description. Run by ``make clients``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

JSON = "--header 'Content-Type: application/json'"
BEARER = '--header "Authorization: Bearer $TOKEN"'
TRIGGER = (
    '{{"db": "sensors", "plugin_filename": "{name}.py", "trigger_name": "{name}", "trigger_specification": "{spec}", '
    '"trigger_settings": {{"run_async": false, "error_behavior": "log"}}, "disabled": false}}'
)
PLUGINS = {
    "webhook": 'def process_request(api, query, headers, body, args=None): return {"got": len(body)}\n',
    "totals": 'def process_writes(api, batches, args=None): api.write(LineBuilder("seen").int64_field("n", 1))\n',
}
CALLS = [
    # who is there
    (f'curl --head "$HOST/ping" -X GET {BEARER}', 200, "X-Influxdb-Version"),
    (f'curl "$HOST/health" {BEARER}', 200, "OK"),
    (f'curl "$HOST/metrics" {BEARER}', 200, "http_requests_total"),
    # writing
    (f'curl "$HOST/api/v3/write_lp?db=sensors" {BEARER} --data-raw "cpu,host=s1 usage=50.0 1708976567"', 204, ""),
    (
        f'curl "$HOST/api/v3/write_lp?db=sensors&precision=nanosecond" {BEARER} '
        '--data-raw "cpu,host=s2 usage=51.0 1708976567000000000"', 204, "",
    ),
    (
        f'curl "$HOST/api/v3/write_lp?db=sensors&precision=millisecond" {BEARER} '
        '--data-raw "cpu,host=s3 usage=52.0 1708976567000"', 204, "",
    ),
    (f'curl "$HOST/api/v3/write_lp?db=sensors&no_sync=true" {BEARER} --data-raw "home,room=Sunroom temp=96"', 204, ""),
    (
        'a=$(mktemp); b=$(mktemp); echo "cpu,host=s4 usage=1 1708976567" | gzip > $a; '
        'echo "cpu,host=s5 usage=2 1708976568" | gzip > $b; '
        f'cat $a $b | curl "$HOST/api/v3/write_lp?db=sensors" {BEARER} --header "Content-Encoding: gzip" --data-binary @-',
        204, "",
    ),
    (
        f'curl "$HOST/api/v3/write_lp?db=sensors" {BEARER} '
        """--data-raw 'home,room=Sunroom temp=96 1735545600\nhome,room=Sunroom temp="hi" 1735549200'""",
        400, '"line_number":2',
    ),
    (
        f'curl "$HOST/api/v3/write_lp?db=sensors&accept_partial=false" {BEARER} '
        """--data-raw 'home,room=Sunroom temp=96 1735545600\nhome,room=Sunroom temp="hi" 1735549200'""",
        400, '"data":{"error_message":"invalid column type',
    ),
    (
        'curl -i "$HOST/api/v2/write?bucket=sensors&precision=s" --header "Authorization: Token $TOKEN" '
        '--header "Content-type: text/plain; charset=utf-8" --data-binary "cpu,host=s6 usage=3 1708976569"',
        204, "cluster-uuid",
    ),
    (
        'curl -i "$HOST/write?db=sensors&precision=s" --user "any:$TOKEN" --data-binary "cpu,host=s7 usage=4 1708976570"',
        204, "",
    ),
    (
        'curl -i "$HOST/write?db=sensors&u=any&p=$TOKEN&precision=s" --data-binary "cpu,host=s8 usage=5 1708976571"',
        204, "",
    ),
    # querying
    (f'curl -v "$HOST/api/v3/query_sql?db=sensors&q=select+*+from+cpu+limit+5" {BEARER}', 200, '"host":"s'),
    (
        f'curl "$HOST/api/v3/query_sql" {BEARER} '
        """--data '{"db": "sensors", "q": "select count(*) as n from cpu"}'""", 200, '[{"n":8}]',
    ),
    (
        f'curl "$HOST/api/v3/query_sql" {BEARER} {JSON} --json '
        """'{"db": "sensors", "q": "SELECT column_name FROM information_schema.columns WHERE table_name = '"'cpu'"'", """
        """"format": "jsonl"}'""",
        200, '{"column_name":"usage"}',
    ),
    (f'curl "$HOST/api/v3/query_sql?db=sensors&format=jsonl&q=show%20tables" {BEARER}', 200, '"table_name":"home"'),
    (
        f'curl "$HOST/api/v3/query_sql" {BEARER} {JSON} --json '
        """'{"db": "sensors", "q": "SELECT query_text FROM system.queries LIMIT 2", "format": "jsonl"}'""",
        200, '{"query_text":"select * from cpu limit 5"}',
    ),
    (
        f'curl "$HOST/api/v3/query_sql" {BEARER} --data '
        """'{"db": "sensors", "q": "SELECT usage FROM cpu WHERE host = $host", "params": {"host": "s3"}, "format": "csv"}'""",
        200, "usage\n52.0",
    ),
    (
        f'curl --get "$HOST/query" {BEARER} --data-urlencode "db=sensors" --data-urlencode "q=SHOW MEASUREMENTS"',
        200, '"home"',
    ),
    (f'curl "$HOST/api/v3/query_influxql?db=sensors&q=SHOW%20DATABASES" {BEARER}', 200, '"iox::database":"sensors"'),
    # databases, tables, caches
    (
        f'curl -X POST "$HOST/api/v3/configure/database" {BEARER} {JSON} '
        """--data '{"db": "more", "retention_period": "30d"}'""", 200, "",
    ),
    (f'curl "$HOST/api/v3/configure/database?format=json" {BEARER}', 200, '{"iox::database":"more"}'),
    (
        f'curl -X POST "$HOST/api/v3/configure/table" {BEARER} {JSON} --data '
        """'{"db": "more", "table": "rooms", "tags": ["room", "sensor_id"], "fields": [{"name": "temp", "type": "float64"}]}'""",
        200, "",
    ),
    (
        f'curl -X POST "$HOST/api/v3/configure/last_cache" {BEARER} --json '
        """'{"db": "sensors", "table": "cpu", "name": "lvc", "key_columns": ["host"], "count": 5, "ttl": 14400}'""",
        201, '"name":"lvc"',
    ),
    (
        f'curl -X POST "$HOST/api/v3/configure/distinct_cache" {BEARER} --json '
        """'{"db": "sensors", "table": "cpu", "name": "dvc", "columns": ["host"], "max_cardinality": 1000}'""",
        201, "",
    ),
    (f'curl -X DELETE "$HOST/api/v3/configure/last_cache?db=sensors&table=cpu&name=lvc" {BEARER}', 200, ""),
    (f'curl -X DELETE "$HOST/api/v3/configure/distinct_cache?db=sensors&table=cpu&name=dvc" {BEARER}', 200, ""),
    (f'curl -X DELETE "$HOST/api/v3/configure/table?db=more&table=rooms" {BEARER}', 200, ""),
    (f'curl -X DELETE "$HOST/api/v3/configure/database?db=more" {BEARER}', 200, ""),
    # the Processing engine
    *(
        (
            f'curl "$HOST/api/v3/plugins/files" {BEARER} --json '
            f"""'{{"plugin_name": "{name}.py", "content": {json.dumps(source)}}}'""", 200, "",
        )
        for name, source in PLUGINS.items()
    ),
    (
        f'curl "$HOST/api/v3/plugin_test/wal" {BEARER} --json '
        """'{"filename": "totals.py", "database": "sensors", "input_lp": "cpu,host=s1 usage=1"}'""",
        200, '"database_writes":{"sensors":["seen n=1i"]}',
    ),
    *(
        (
            f'curl -X POST "$HOST/api/v3/configure/processing_engine_trigger" {BEARER} {JSON} '
            f"--data '{TRIGGER.format(name=name, spec=spec)}'", 200, "",
        )
        for name, spec in (("webhook", "request:webhook"), ("totals", "table:cpu"))
    ),
    (f'curl "$HOST/api/v3/engine/webhook" {BEARER}', 200, '{"got": 0}'),
    (f'curl "$HOST/api/v3/engine/webhook?key=value" {BEARER} {JSON} --request POST --data \'{{"k": 1}}\'', 200, '{"got": 8}'),
    (f'curl "$HOST/api/v3/write_lp?db=sensors" {BEARER} --data-raw "cpu,host=s1 usage=50.0"', 204, ""),
    (
        f'curl -X POST "$HOST/api/v3/configure/processing_engine_trigger/disable?db=sensors&trigger_name=totals" {BEARER}',
        200, "",
    ),
    (
        f'curl -X POST "$HOST/api/v3/configure/processing_engine_trigger/enable?db=sensors&trigger_name=totals" {BEARER}',
        200, "",
    ),
    (
        f'curl -X DELETE "$HOST/api/v3/configure/processing_engine_trigger?db=sensors&trigger_name=totals&force=true" {BEARER}',
        200, "",
    ),
    # tokens
    (
        f'curl -X POST "$HOST/api/v3/configure/token/admin/regenerate" {BEARER} --header "Accept: application/json"',
        201, '"token":"apiv3_',
    ),
    (f'curl "$HOST/api/v3/configure/database?format=json" {BEARER}', 401, ""),
]  # fmt: skip


def main(url: str, token: str) -> int:
    """Make the calls one after the other; says which of them are not answered as they should be."""
    if shutil.which("curl") is None:
        print("these calls need curl: install it (Debian: apt-get install curl)", file=sys.stderr)
        return 1
    shell = (
        "curl() { command curl --silent --show-error --write-out '\\n%{http_code}' \"$@\" 2>&3; }; exec 3>/dev/null; "
    )
    wrong = 0
    for text, status, part in CALLS:
        told = subprocess.run(
            ["bash", "-c", shell + text],
            env={**os.environ, "HOST": url, "TOKEN": token},
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        body, _, code = told.rpartition("\n")
        if code != str(status) or part not in body:
            wrong += 1
            print(f"{text}\n  gave {code} {body[:300]!r} instead of {status} {part!r}", file=sys.stderr)
    print(f"curl: {len(CALLS) - wrong} of {len(CALLS)} calls answered as they should be")
    return int(wrong > 0)
