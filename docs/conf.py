"""How Sphinx builds these pages."""

from importlib.metadata import version as version_of

project = "resilient_claude"
copyright = "the authors of resilient_claude"
release = version = version_of("resilient-claude")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"{project} {release}"
html_static_path: list[str] = []

# Pages link to each other's headings, and "--" in a command is two hyphens.
myst_heading_anchors = 3
smartquotes = False

# Docstrings put names in single backticks; what is a public name becomes a link.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_use_ivar = True
python_maximum_signature_line_length = 88
