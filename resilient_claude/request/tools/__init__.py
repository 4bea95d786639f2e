"""livekit's tools and tool choices, turned into what the API takes."""
