"""Requests that were rejected for a known reason, made such that they may be taken. Pure."""
