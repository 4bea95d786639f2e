"""One record of a turn, and a module for each place that it is reported to."""
