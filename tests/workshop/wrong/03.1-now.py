# fails: called-late
from datetime import UTC, timedelta

QUERY = """
SELECT city, avg(temp) AS mean FROM temperature
WHERE time >= now() - INTERVAL '1 hour' AND time < now() GROUP BY city
"""


def process_scheduled_call(influxdb3_local, call_time, args=None):
    end = call_time.replace(tzinfo=UTC)
    start = end - timedelta(hours=1)
    for row in influxdb3_local.query(QUERY):
        line = LineBuilder("hourly").tag("city", row["city"]).float64_field("mean", row["mean"])
        influxdb3_local.write(line.time_ns(int(start.timestamp()) * 1_000_000_000))
