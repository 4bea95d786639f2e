"""What must come of each cell, derived from the fault's facts, and whether it did."""
