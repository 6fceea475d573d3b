"""The tour in a real JupyterLab, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect


def test_the_tour_runs_in_jupyterlab_in_light_and_dark(open_notebook: Callable[[str], Any]) -> None:
    lab = open_notebook("tour.ipynb")
    lab.run_all()
    expect(lab.errors).to_have_count(0)
    expect(lab.notebook.locator(".pe-head").first).to_be_visible()
    expect(lab.notebook.get_by_role("img", name="chart").first).to_be_visible()
    assert lab.picture("tour-light").stat().st_size > 0
    lab.theme("JupyterLab Dark")
    assert lab.picture("tour-dark").stat().st_size > 0
