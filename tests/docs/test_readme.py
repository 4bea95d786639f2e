"""The first screen: short, true, and readable wherever it is shown."""

from __future__ import annotations

import re
import tomllib
from xml.etree import ElementTree

from ..support.played_demo import play_demo, played_demo
from .pages import README, ROOT


def test_the_readme_is_short() -> None:
    """Who has a broken call reads one screen, and then the page with the answer."""
    assert len(README.splitlines()) <= 130


def test_the_two_commands_are_where_ci_looks_for_them() -> None:
    """CI runs the lines that users run."""
    (block,) = re.findall(r"<!-- commands -->\n```sh\n(.*?)```\n<!-- /commands -->", README, re.S)

    assert [line.partition(" ")[0] for line in block.splitlines()] == ["python3", "python3"]


def test_links_lead_somewhere() -> None:
    """In the repository; what is elsewhere is not looked up."""
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", README)

    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_on_pypi_nothing_points_into_a_repository() -> None:
    """There, a relative link is dead and a relative picture is broken."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    hook = settings["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    text = README
    for substitution in hook["substitutions"]:
        text = re.sub(substitution["pattern"], substitution["replacement"], text)

    assert re.findall(r"\]\((?!https?:)[^)]*\)", text) == []
    assert "![" not in text
    assert "computed" in text
    assert text.count("\n|") == README.count("\n|")


# --- the picture ----------------------------------------------------------------------------------


def words(picture: str) -> list[str]:
    """What *picture* says, with every number masked: waits are drawn by lot, versions pass."""
    texts = [e for e in ElementTree.fromstring(picture).iter() if e.tag.endswith("}text")]
    said = " ".join("".join(e.itertext()) for e in texts)
    return re.sub(r"\d+(\.\d+)*\w*", "N", said).split()


def test_the_picture_shows_what_the_demo_plays() -> None:
    """`resilient-claude demo --timeline docs/demo.svg` draws it anew.

    On a busy machine a call may have a line more: the best of three plays counts.
    """
    drawn = words((ROOT / "docs" / "demo.svg").read_text(encoding="utf-8"))

    plays = (play() for play in (played_demo, play_demo, play_demo))
    assert any(words(played.picture) == drawn for played in plays)
