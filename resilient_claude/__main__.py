"""`python -m resilient_claude`, the same as the `resilient-claude` command."""

from .cli import app

if __name__ == "__main__":
    app(prog_name="resilient-claude")
