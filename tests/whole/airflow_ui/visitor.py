"""What a person does in Airflow's UI, and the pictures of it for the docs."""

import os
import re
import time
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, FrameLocator, Locator, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.whole.airflow_ui.running_airflow import PASSWORDS, RUN_TIMEOUT_S, RunningAirflow

PICTURES_DIR = Path(os.environ["CDISCOUNT_PICTURES"]) if os.environ.get("CDISCOUNT_PICTURES") else None
"""Where `make pictures` wants the docs' pictures; None: none are made."""

WIDTH, HEIGHT = 1280, 800
WAIT_MS = 180_000
"""For a page; on a busy machine of two cores the first one takes half a minute."""

PATIENCE_MS = 120_000
"""A page asks for news every second. Once, nobody saw why, one showed nothing new for twenty minutes."""


def sign_in(page: Page, user: str) -> None:
    """Fill in the login that is open."""
    page.locator("input[name=username]").fill(user)
    page.locator("input[name=password]").fill(PASSWORDS[user])
    page.get_by_role("button", name="Sign in").click()


class Visitor:
    """A signed-in person."""

    def __init__(self, browser: Browser, airflow: RunningAirflow, user: str) -> None:
        self._airflow = airflow
        context = browser.new_context(
            viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light", locale="en-US", timezone_id="UTC"
        )
        context.set_default_timeout(WAIT_MS)
        self.page = context.new_page()
        self.open("/")
        sign_in(self.page, user)
        self.page.get_by_role("link", name="Dags").first.wait_for()

    def open(self, path: str) -> None:
        """Go to a place of the UI."""
        self.page.goto(f"{self._airflow.url}{path}")

    def open_form(self, dag_id: str) -> Locator:
        """Open a DAG's trigger form; returns it."""
        self.open(f"/dags/{dag_id}")
        self.page.get_by_role("button", name="Trigger Dag").click()
        form = self.page.get_by_role("dialog")
        form.get_by_role("combobox", name="Preset").wait_for()
        return form

    def _badge(self, pattern: str) -> Locator:
        badge = self.page.get_by_test_id("header-card").get_by_test_id("state-badge")
        return badge.filter(has_text=re.compile(pattern))

    def _wait_for(self, wanted: Locator) -> None:
        """Wait for what a run brings; a page that shows nothing new for a while is loaded again, as a person would do.

        Raises:
            PlaywrightTimeout: If it does not come; with the states of all tasks, as Airflow's API tells them.
        """
        deadline = time.monotonic() + RUN_TIMEOUT_S
        while True:
            try:
                return wanted.first.wait_for(timeout=PATIENCE_MS)
            except PlaywrightTimeout as error:
                if time.monotonic() > deadline:
                    raise PlaywrightTimeout(f"{error}; {self._airflow.task_states()}") from error
            self.page.reload()

    def wait_for_state(self, pattern: str) -> str:
        """Wait until the run or task that is open shows one of some states; returns it."""
        badge = self._badge(pattern)
        self._wait_for(badge)
        return badge.inner_text().strip()

    def wait_for_log(self, pattern: str) -> str:
        """Wait until the log of the task that is open says something, or the task has ended; returns the log."""
        log = self.page.get_by_test_id("virtualized-list")
        said = log.filter(has_text=re.compile(pattern))
        self._wait_for(said.or_(self._badge("Success|Failed")))
        said.wait_for()
        return log.inner_text()

    @property
    def main(self) -> Locator:
        """Return the window without the navigation."""
        return self.page.get_by_test_id("main-content")

    @property
    def report(self) -> FrameLocator:
        """Return the frame in which the UI shows the project's own pages."""
        return self.page.frame_locator("iframe")

    def read(self) -> str:
        """Return the text of the project's page that is open."""
        self.report.locator("h1").first.wait_for()
        return self.report.locator("body").inner_text()

    def picture(self, name: str, height: int = HEIGHT) -> None:
        """Make a picture of the window for the docs, if any are wanted, in 256 colours."""
        if PICTURES_DIR is None:
            return
        self.page.set_viewport_size({"width": WIDTH, "height": height})
        self.page.get_by_role("status").first.wait_for(state="hidden")  # the notice that something was done
        with Image.open(BytesIO(self.page.screenshot(animations="disabled"))) as picture:
            picture.convert("RGB").quantize(256).save(PICTURES_DIR / f"{name}.png", optimize=True)
        self.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
