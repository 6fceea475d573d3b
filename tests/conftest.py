"""What all tests stand on: property tests that do the same everywhere, and no settings of the person who runs them."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("steady", deadline=None, derandomize=True, database=None)
settings.load_profile("steady")
os.environ.pop("INFLUXDB3_PLUGIN_DIR", None)
