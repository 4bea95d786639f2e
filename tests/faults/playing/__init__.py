"""How a cell is played, and what is seen of it."""
