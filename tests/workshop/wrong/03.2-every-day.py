# fails: the-days
spec = "cron:0 30 6 * * *"
