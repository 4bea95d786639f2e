"""The demo: calls that go wrong, with this adapter and with livekit's plugin side by side.

What happened in a call (`lane`) is played (`playing`), or was recorded (`recording`). What is shown
is made of that alone: in the terminal (`screen`), as a picture (`picture`, `page`), as a sound
(`sound`).
"""
