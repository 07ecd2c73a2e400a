"""Python programs in processes of their own."""

import os
import subprocess
import sys


def python(code: str, *arguments: object, timeout: float = 60, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program; one that takes longer than `timeout` seconds is killed and raises."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=timeout, check=False
    )


def says(code: str, *arguments: object, timeout: float = 60, **environment: str) -> str:
    """What a program prints, which must end well."""
    done = python(code, *arguments, timeout=timeout, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout
