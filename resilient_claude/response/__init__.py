"""What Claude answers: bytes in, events out of them, chunks and an outcome out of those. Pure.

`sse` cuts bytes into events; `message` takes them in, block by block (`blocks`, `usage`); and
`translator` hands on what is to be heard, through `text_filters`, and judges the end by `outcomes`.
"""
