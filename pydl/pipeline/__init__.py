"""From a raw table to a trained and judged model: the parts of the command line, usable from Python (extra `cli`)."""
