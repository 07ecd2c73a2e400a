"""How fast pydl is, and beside which peers: `python -m bench --help`."""
