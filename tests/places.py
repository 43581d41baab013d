"""Where things lie in a checkout."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
PLUGINS = ROOT / "examples" / "plugins"
REPORTS = ROOT / "docs" / "examples"
