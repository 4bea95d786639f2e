"""One exchange over sockets, and all that knows the insides of the SDK, aiohttp and httpx2."""
