"""Make the example page and its pictures of a run: draw a digit in a browser and look.

    minivae train --latent 2 --hidden 256 --optimizer adam --step-size 0.001 --samples 8e6
    python docs/explorer.py runs/mnist-2

    python docs/explorer.py                     # the model that is there, in a page of today

writes beside this file explorer.html; explorer.png, a digit drawn with the mouse;
explorer_close.png, its q(z|x) on the map; and explorer_phone.png, a walk between two digits, on a
phone's screen in the dark. Needs Chromium, chromedriver and Selenium.
"""

import base64
import re
import sys
from pathlib import Path

from minivae.app import cli
from minivae.explorer import fill_page
from minivae.training.checkpoint import atomic_write

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))
import chromium as browsers  # noqa: E402

# A three, as shares of the canvas' width and height.
STROKE = [(0.33, 0.27), (0.42, 0.20), (0.55, 0.20), (0.64, 0.28), (0.60, 0.40), (0.47, 0.47),
          (0.61, 0.53), (0.67, 0.65), (0.61, 0.77), (0.48, 0.81), (0.35, 0.75)]  # fmt: skip


def renew(page):
    """Return a page with the same model, and the style and the program of today."""
    contents = dict(re.findall(r'<script type="[\w/]+" id="(\w+)">(.*?)</script>', page, re.DOTALL))
    contents["title"] = re.search("<title>(.*)</title>", page)[1]
    return fill_page(contents)


def draw(driver, stroke):
    """Draw with the mouse."""
    driver.execute_script("document.querySelector('#clear').click()")
    left, top, width, height = driver.execute_script(
        """const {left, top, width, height} = document.querySelector("#input")
            .getBoundingClientRect();
        return [left, top, width, height];"""
    )
    kinds = ["mousePressed", *["mouseMoved"] * (len(stroke) - 1), "mouseReleased"]
    for kind, (u, v) in zip(kinds, [*stroke, stroke[-1]], strict=True):
        event = {"type": kind, "x": left + u * width, "y": top + v * height,
                 "button": "left", "buttons": 1, "clickCount": 1}  # fmt: skip
        driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)


def show(driver, page, width, height, scale, scheme):
    """Open the page on such a screen."""
    screen = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    driver.get(page.as_uri())
    browsers.settle(driver)


def photograph(driver, name, selector="html"):
    """Write what is on the screen of an element."""
    browsers.settle(driver)
    clip = driver.execute_script(
        """const {x, y, width, height} = document.querySelector(arguments[0])
            .getBoundingClientRect();
        return {x, y: Math.max(y, 0) + scrollY, width, height: Math.min(height, innerHeight),
                scale: 1};""",
        selector,
    )
    picture = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "clip": clip})
    with atomic_write(HERE / name) as file:
        file.write(base64.b64decode(picture["data"]))


def main():
    """Make them."""
    page = HERE.resolve() / "explorer.html"
    words = ["--no-open", "--dtype", "float16", "--tutorials", "../tutorials/{name}.ipynb"]
    if sys.argv[1:]:
        if cli.main(["explore", sys.argv[1], "--out", str(page), *words]):
            return
    else:
        renewed = renew(page.read_text(encoding="utf-8"))
        with atomic_write(page, "w", encoding="utf-8") as file:
            file.write(renewed)
    with browsers.chromium() as driver:
        show(driver, page, 1200, 940, 1, "light")
        draw(driver, STROKE)
        photograph(driver, "explorer.png")
        driver.execute_script("document.querySelector('#close').click()")
        photograph(driver, "explorer_close.png", ".map")
        show(driver, page, 360, 800, 1, "dark")
        driver.execute_script(
            """const slider = document.querySelector("#along");
            slider.value = 0.5;
            slider.dispatchEvent(new Event("input"));
            document.querySelector("#latent-title").scrollIntoView();"""
        )
        photograph(driver, "explorer_phone.png")


if __name__ == "__main__":
    main()
