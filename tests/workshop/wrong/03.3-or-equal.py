# fails: half-an-hour-exactly
from datetime import UTC, timedelta

QUERY = "SELECT city, max(time) AS newest FROM temperature GROUP BY city ORDER BY city"


def process_scheduled_call(influxdb3_local, call_time, args=None):
    try:
        rows = influxdb3_local.query(QUERY)
    except Exception:  # no reading has come yet, so there is no table
        return
    oldest = call_time.replace(tzinfo=UTC) - timedelta(minutes=30)
    for row in rows:
        if row["newest"] <= oldest.timestamp() * 1_000_000_000:
            influxdb3_local.warn(f"{row['city']} is silent")
