"""Calls with timed audio: every fault, every caller, alone and behind fallbacks, attended or not.

`call_table` has the words, `call_cells` makes the calls, `call_playing` plays one, `call_promises`
derives what must come of it, and `call_verdict` reads off what was heard whether it did.
"""
