"""What a simulated Claude is told to do, and what of that goes over the wire. Pure."""
