"""The `resilient-claude` command."""
