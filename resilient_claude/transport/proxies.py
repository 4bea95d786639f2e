"""The HTTP proxies that the environment names.

aiohttp would read them too, but neither `ALL_PROXY` nor a proxy without a scheme, and a netrc file
with them, whose password it sends to Claude.
"""

from __future__ import annotations

from base64 import b64encode
from urllib.request import getproxies, proxy_bypass_environment  # type: ignore[attr-defined]

import yarl


class Proxies:
    """The proxies, and the exceptions from them, that are named when this is made.

    Raises:
        ValueError: one of them cannot be used.
    """

    def __init__(self) -> None:
        named = getproxies()
        used = [scheme for scheme in ("http", "https", "all") if named.get(scheme)]
        self._by_scheme = {scheme: _url(scheme, named[scheme]) for scheme in used}
        self._exceptions = {"no": named.get("no", "")}

    def of(self, url: yarl.URL) -> tuple[yarl.URL | None, dict[str, str]]:
        """The proxy for *url*, without the credentials in its own, and the header they go into."""
        proxy = self._by_scheme.get(url.scheme) or self._by_scheme.get("all")
        if proxy is None or proxy_bypass_environment(f"{url.host}:{url.port}", self._exceptions):
            return None, {}
        if proxy.user is None:
            return proxy, {}
        credentials = b64encode(f"{proxy.user}:{proxy.password or ''}".encode()).decode("ascii")
        return proxy.with_user(None), {"Proxy-Authorization": f"Basic {credentials}"}


def _url(scheme: str, text: str) -> yarl.URL:
    try:
        url = yarl.URL(text if "://" in text else f"http://{text}")
    except ValueError:
        # `from None`: the error quotes what may be a part of the password.
        raise ValueError(
            f"{scheme.upper()}_PROXY is not a URL: percent-encode what its password holds"
        ) from None
    if url.scheme not in ("http", "https"):
        raise ValueError(
            f"{scheme.upper()}_PROXY must be an HTTP proxy, got {url.scheme}://: "
            f"name one that speaks HTTP, or unset it"
        )
    return url
