# fails: can-be-read, the-time, the-days
spec = "cron:30 6 * * MON-FRI"
