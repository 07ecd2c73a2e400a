"""Numbers that Keras gave: 3.15.1 on JAX 0.10.2, each case with its own weights and data."""

import json
from pathlib import Path
from typing import Any

GOLDEN: dict[str, Any] = json.loads(Path(__file__).with_name("keras.json").read_text())
