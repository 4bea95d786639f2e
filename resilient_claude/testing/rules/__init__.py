"""The documented rules of the Messages API, which a strict simulated Claude holds. Pure."""
