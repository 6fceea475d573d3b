"""Months of data through live triggers, and sweeps over settings."""

from __future__ import annotations

from pe_kit.backtest.run import Backtest, backtest
from pe_kit.backtest.sweep import sweep

__all__ = ["Backtest", "backtest", "sweep"]
