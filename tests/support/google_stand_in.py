"""A stand-in for google-auth, as far as the SDK's clients use it."""

from __future__ import annotations

from pathlib import Path

_AUTH = """
import sys
class Credentials:
    token, expired = None, False
    def refresh(self, request):
        sys.audit("credentials")
        self.token = "ya29.test"
def default(scopes):
    sys.audit("credentials")
    return Credentials(), "desk"
"""


def google_auth(folder: Path) -> Path:
    """Write it into *folder*, which is to be on the path for imports.

    It tells of each use by the event "credentials" of `sys.audit`.
    """
    transport = folder / "google" / "auth" / "transport"
    transport.mkdir(parents=True)
    (folder / "google" / "auth" / "__init__.py").write_text(_AUTH)
    (transport / "__init__.py").write_text("")
    (transport / "requests.py").write_text("class Request: pass")
    return folder
