"""What fires plugins: triggers, schedules, the queue, the calls, what happened."""
