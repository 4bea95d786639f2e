"""The proxies that the environment names, read as curl and the SDK's own transport read them.

aiohttp would read them too, but neither `ALL_PROXY` nor a proxy without a scheme, and a netrc file
with them, whose password it sends to Claude.
"""

from __future__ import annotations

from base64 import b64encode
from urllib.request import getproxies, proxy_bypass

import yarl


class Proxies:
    """The proxies that are named when this is made.

    Raises:
        ValueError: one of them cannot be used.
    """

    def __init__(self) -> None:
        named = {scheme: url for scheme, url in getproxies().items() if url and scheme != "no"}
        self._by_scheme = {scheme: _url(scheme, url) for scheme, url in named.items()}

    def of(self, url: yarl.URL) -> tuple[yarl.URL | None, dict[str, str]]:
        """The proxy for *url*, without the credentials in its own, and the header they go into."""
        proxy = self._by_scheme.get(url.scheme) or self._by_scheme.get("all")
        if proxy is None or proxy_bypass(f"{url.host}:{url.port}"):
            return None, {}
        if proxy.user is None:
            return proxy, {}
        credentials = b64encode(f"{proxy.user}:{proxy.password or ''}".encode()).decode("ascii")
        return proxy.with_user(None), {"Proxy-Authorization": f"Basic {credentials}"}


def _url(scheme: str, text: str) -> yarl.URL:
    url = yarl.URL(text if "://" in text else f"http://{text}")
    if scheme in ("http", "https", "all") and url.scheme not in ("http", "https"):
        raise ValueError(f"{scheme.upper()}_PROXY must be an HTTP proxy, got {url.scheme}://")
    return url
