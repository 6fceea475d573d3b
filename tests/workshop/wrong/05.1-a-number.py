# fails: two-days, above-100, another-city
WARM = """
SELECT CAST(extract(hour FROM time) AS BIGINT) AS hour, count(*) AS n
FROM temperature WHERE city = $city AND temp > CAST($above AS DOUBLE)
GROUP BY hour ORDER BY hour
"""


def process_request(influxdb3_local, query_parameters, request_headers, request_body, args=None):
    wanted = {"city": query_parameters["city"], "above": float(query_parameters["above"])}
    return influxdb3_local.query(WARM, wanted)
