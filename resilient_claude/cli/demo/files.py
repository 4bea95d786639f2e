"""Files that the demo is asked to write: checked before it plays, for that takes seconds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


def check_writable(option: str, path: Path, suffixes: Sequence[str]) -> None:
    """Refuse a *path* that cannot be written, or that ends otherwise.

    Args:
        option: what it was given for, to be named.
        path: the file.
        suffixes: what its name may end with.

    Raises:
        ValueError: it cannot be written.
    """
    if path.suffix.lower() not in suffixes:
        wanted = " or ".join(suffixes)
        raise ValueError(f"{option} must be a file that ends in {wanted}, got {path}")
    if path.is_dir():
        raise ValueError(f"{option} must be a file, and {path} is a directory")
    if not path.parent.is_dir():
        raise ValueError(f"{option}: there is no directory {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ValueError(f"{option}: {path} cannot be written")
