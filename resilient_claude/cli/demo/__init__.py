"""The demo: calls that go wrong, with this adapter and with livekit's plugin side by side.

What happened in a call (`lane`) is played (`playing`) or read from a recording (`recording`). What is
shown is made of that alone: the terminal (`screen`), a picture (`picture`, `page`), a sound (`sound`).
"""
