"""The script of a simulated Claude: answers, where they break, and their bytes. Pure."""
