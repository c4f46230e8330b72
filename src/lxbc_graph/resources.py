"""The folders that ship with the package: inside an installed wheel, or beside ``src/`` in a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_SHIPPED = _PACKAGE / "shipped"
_ROOT = _SHIPPED if _SHIPPED.is_dir() else _PACKAGE.parents[1]

POLICIES = _ROOT / "policies"
"""The Casbin model and the policy rows."""

SCHEMA = _ROOT / "schema"
"""The schema as printed."""
