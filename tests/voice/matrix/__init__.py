"""Calls with timed audio: every fault, every caller, alone and behind fallbacks, attended or not.

`table` has the words, `cells` makes the calls, `playing` plays one, `promises` derives what must
come of it, and `verdict` reads it off what was heard.
"""
