spec = "cron:0 30 6 * * MON-FRI"
