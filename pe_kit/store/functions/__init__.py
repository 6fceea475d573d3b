"""InfluxDB's own SQL functions, rewritten to plain DataFusion SQL."""
