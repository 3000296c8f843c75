"""A Chromium without a window, for the page of `minivae explore`, by Selenium."""

import contextlib
import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def missing():
    """What there would have to be for `chromium` to work, in words, or None."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "the Python package selenium"
    if _browser() is None:
        return f"a browser ({', '.join(NAMES)})"
    return None if shutil.which("chromedriver") else "chromedriver"


def _browser():
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextlib.contextmanager
def chromium(width=1280, height=1000):
    """A driver of a browser that has no network."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = _browser()
    options.add_argument("--headless=new")
    options.add_argument(f"--window-size={width},{height}")
    options.add_argument("--hide-scrollbars")
    options.add_argument("--disable-gpu")
    options.add_argument("--proxy-server=127.0.0.1:9")  # where nobody answers
    options.add_argument("--disable-dev-shm-usage")
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # which root does not have
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        driver.set_script_timeout(60)
        yield driver
    finally:
        driver.quit()


def settle(driver, what="settled"):
    """Wait until the page has nothing left to compute or to draw; "drawn": but for the map."""
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(driver, 60, 0.02).until(
        lambda driver: driver.execute_script(f"return window.minivae?.state.{what}")
    )
