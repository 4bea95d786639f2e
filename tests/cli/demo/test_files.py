"""Files that the demo is asked to write."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from resilient_claude.cli.demo.files import check_writable

SUFFIXES = (".svg", ".html")


def test_a_file_that_can_be_written_is_taken(tmp_path: Path) -> None:
    """Also one that is there already, and with a suffix in capitals; nothing is written yet."""
    (tmp_path / "old.SVG").touch()

    for name in ("old.SVG", "new.html"):
        check_writable("--timeline", tmp_path / name, SUFFIXES)

    assert [each.name for each in tmp_path.iterdir()] == ["old.SVG"]


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("calls.png", r"--timeline must be a file that ends in \.svg or \.html, got .*calls\.png"),
        ("calls", r"must be a file that ends in \.svg or \.html"),
        ("folder.svg", r"--timeline must be a file, and .*folder\.svg is a directory"),
        ("nowhere/calls.svg", r"--timeline: there is no directory .*nowhere"),
    ],
)
def test_what_cannot_be_written_is_refused(name: str, complaint: str, tmp_path: Path) -> None:
    """Before the calls are played, and with what to do about it."""
    (tmp_path / "folder.svg").mkdir()

    with pytest.raises(ValueError, match=complaint):
        check_writable("--timeline", tmp_path / name, SUFFIXES)


def test_a_file_that_is_write_protected_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To root nothing is: the system's answer is given here."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    with pytest.raises(ValueError, match=r"--timeline: .*calls\.svg cannot be written"):
        check_writable("--timeline", tmp_path / "calls.svg", SUFFIXES)
