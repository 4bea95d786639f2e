"""When to try again, and how long to wait and to listen. Rules without a clock of their own."""
