# fails: the-time
spec = "cron:* 30 6 * * MON-FRI"
