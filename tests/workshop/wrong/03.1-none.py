# fails: nothing-came
from datetime import UTC, timedelta

CITIES = "SELECT DISTINCT city FROM temperature"
QUERY = "SELECT avg(temp) AS mean FROM temperature WHERE time >= $start AND time < $end AND city = $city"


def process_scheduled_call(influxdb3_local, call_time, args=None):
    end = call_time.replace(tzinfo=UTC)
    start = end - timedelta(hours=1)
    window = {"start": start.isoformat(), "end": end.isoformat()}
    for row in influxdb3_local.query(CITIES):
        mean = influxdb3_local.query(QUERY, {**window, "city": row["city"]})[0]["mean"]
        line = LineBuilder("hourly").tag("city", row["city"]).float64_field("mean", mean)
        influxdb3_local.write(line.time_ns(int(start.timestamp()) * 1_000_000_000))
