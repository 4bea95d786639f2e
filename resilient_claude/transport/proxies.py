"""The HTTP proxies that the environment names.

aiohttp would read them too, but neither `ALL_PROXY` nor a proxy without a scheme, and a netrc file
with them, whose password it sends to Claude.
"""

from __future__ import annotations

from base64 import b64encode
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network
from urllib.request import getproxies

import yarl

_SCHEMES = ("http", "https")


class Proxies:
    """The proxies, and the exceptions from them, that are named when this is made.

    Raises:
        ValueError: one of them cannot be used.
    """

    def __init__(self) -> None:
        named = getproxies()
        used = [scheme for scheme in _SCHEMES if named.get(scheme)]
        if len(used) < len(_SCHEMES) and named.get("all"):  # else it is for nothing, and may be any
            used.append("all")
        self._by_scheme = {scheme: _url(scheme, named[scheme]) for scheme in used}
        self._exceptions = tuple(filter(None, named.get("no", "").replace(",", " ").split()))

    def of(self, url: yarl.URL) -> tuple[yarl.URL | None, dict[str, str]]:
        """The proxy for *url*, without the credentials in its own, and the header they go into."""
        proxy = self._by_scheme.get(url.scheme) or self._by_scheme.get("all")
        if proxy is None or any(excepts(entry, url) for entry in self._exceptions):
            return None, {}
        if proxy.user is None:
            return proxy, {}
        return proxy.with_user(None), {"Proxy-Authorization": basic_credentials(proxy)}


def basic_credentials(url: yarl.URL) -> str:
    """The user and the password in *url*, as a header of credentials tells them."""
    encoded = b64encode(f"{url.user or ''}:{url.password or ''}".encode()).decode("ascii")
    return f"Basic {encoded}"


def excepts(entry: str, url: yarl.URL) -> bool:
    """Whether *entry*, one of `NO_PROXY`, takes *url* out: what curl, Go or requests take for one.

    A host with those below it, with a leading dot or without; a glob (`*.example.com`); an
    address or a network such as `10.0.0.0/8`; each with or without a port; `*` for everything.
    """
    host = (url.host or "").lower().rstrip(".")
    entry = entry.lower()
    if _in_network(host, entry):
        return True
    name, port = _without_port(entry)
    if port is not None and port != url.port:
        return False
    if _in_network(host, name):
        return True
    name = name.lstrip(".").rstrip(".")
    if "*" in name or "?" in name:
        return fnmatchcase(host, name)
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _without_port(entry: str) -> tuple[str, int | None]:
    if entry.startswith("["):  # an IPv6 address in brackets
        address, _, rest = entry[1:].partition("]")
        return address, _port(rest.removeprefix(":"))
    host, colon, port = entry.rpartition(":")
    # Several colons without brackets are an IPv6 address.
    return (host, _port(port)) if colon and ":" not in host else (entry, None)


def _port(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _in_network(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:  # one of the two is a name
        return False


def _url(scheme: str, text: str) -> yarl.URL:
    try:
        url = yarl.URL(text if "://" in text else f"http://{text}")
    except ValueError:
        # `from None`: the error quotes what may be a part of the password.
        raise ValueError(
            f"{scheme.upper()}_PROXY is not a URL: percent-encode what its password holds"
        ) from None
    if url.scheme in _SCHEMES and not url.host:
        raise ValueError(f"{scheme.upper()}_PROXY must name a host")
    if url.scheme not in _SCHEMES:
        raise ValueError(
            f"{scheme.upper()}_PROXY must be an HTTP proxy, got {url.scheme}://: "
            f"name one that speaks HTTP, or unset it"
        )
    return url
