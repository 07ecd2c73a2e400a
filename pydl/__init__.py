"""pydl."""
