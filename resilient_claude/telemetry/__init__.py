"""One record of a turn, and a module for each place that is told of it."""
