"""A chat context, its tools and the options, turned into one Messages API request. Pure."""
