"""The sockets of the simulated Claude."""
