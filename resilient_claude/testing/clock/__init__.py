"""Time that is skipped while everybody waits: shared by event loops, and by who asks the clock."""
