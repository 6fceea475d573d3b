# fails: a-gap, two-cities
from datetime import timedelta

HOURS = """
SELECT city, date_bin_gapfill(INTERVAL '1 hour', time) AS hour, locf(avg(temp)) AS temp
FROM temperature WHERE time >= $start AND time < $end
GROUP BY city, hour ORDER BY city, hour
"""


def process_scheduled_call(influxdb3_local, call_time, args=None):
    start = call_time - timedelta(hours=6)
    rows = influxdb3_local.query(HOURS, {"start": start.isoformat(), "end": call_time.isoformat()})
    for row in rows:
        if row["temp"] is not None:
            line = LineBuilder("hourly").tag("city", row["city"]).float64_field("temp", row["temp"])
            influxdb3_local.write(line.time_ns(row["hour"]))
