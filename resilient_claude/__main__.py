"""`python -m resilient_claude`, the same as the `resilient-claude` command."""

from resilient_claude.cli.app import app

if __name__ == "__main__":
    app(prog_name="resilient-claude")
