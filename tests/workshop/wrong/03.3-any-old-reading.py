# fails: still-talking
QUERY = "SELECT DISTINCT city FROM temperature WHERE time < now() - INTERVAL '30 minutes' ORDER BY city"


def process_scheduled_call(influxdb3_local, call_time, args=None):
    try:
        rows = influxdb3_local.query(QUERY)
    except Exception:
        return
    for row in rows:
        influxdb3_local.warn(f"{row['city']} is silent")
