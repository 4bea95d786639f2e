"""The README and the pages of docs/, held to what the code does."""
