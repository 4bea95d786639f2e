"""A chat context, turned into messages that the API accepts, and remembered from turn to turn."""
