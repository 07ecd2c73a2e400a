"""Messages to the user while a progress bar may be on the screen."""

import sys


def say(text: str) -> None:
    """Print a line to standard output, above the progress bar if there is one."""
    if "tqdm" in sys.modules:
        from tqdm import tqdm

        tqdm.write(text, file=sys.stdout)
    else:
        print(text)
