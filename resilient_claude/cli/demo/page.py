"""The calls as a page: the picture, and its results in words. It needs nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .comparison import OURS_NAME, PLUGIN_NAME, ComparedCall, verdict
from .picture import drawn

_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
svg { width: 100%; min-width: 44rem; height: auto }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #8884 }
td.number, th.number { text-align: right; white-space: nowrap }
"""


def page(calls: Sequence[ComparedCall], title: str, notes: str) -> str:
    """The page.

    Args:
        calls: what is drawn.
        title: its title.
        notes: what stands below the title, line by line.
    """
    rows = "\n".join(_row(call) for call in calls)
    heads = "".join(
        f'<th>{name}: heard</th><th class="number">silence</th><th class="number">requests</th>'
        for name in (PLUGIN_NAME, OURS_NAME)
    )
    sentences = "<br>".join(escape(line) for line in verdict(calls).splitlines())
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<div class="wide">
{drawn(calls, title, notes)}</div>
<div class="wide"><table>
<thead><tr><th>fault</th>{heads}</tr></thead>
<tbody>
{rows}
</tbody>
</table></div>
<p>{sentences}</p>
</body>
</html>
"""


def _row(call: ComparedCall) -> str:
    cells = [f"<td>{escape(call.scene.fault)}</td>"]
    for side in call.sides:
        cells.append(f"<td>{escape(side.result)}</td>")
        numbers = (f"{side.lane.longest_silence_s:.1f} s", str(len(side.lane.asked)))
        cells += [f'<td class="number">{number}</td>' for number in numbers]
    return f"<tr>{''.join(cells)}</tr>"
