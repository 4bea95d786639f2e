"""How a simulated Claude plays its script: sockets, TLS and HTTP/1.1, on one event loop."""
