"""Does the page of `minivae explore` keep up? The time of every frame while it is used.

    python benchmarks/explorer.py

Draws on the page of a 784-500-20 model, drags on its map, moves sliders, takes test pictures and
walks along a path, in a real Chromium without a window, by the events of a mouse and a keyboard. A
frame's time is all that the page's thread does for it: encoder, decoder, bound, pictures, and the
browser's style, layout and paint. Needs Chromium, chromedriver and Selenium.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import command
import machine
import numpy as np
import output

from minivae import VAE, Adagrad, fit, load
from minivae.explorer import build_page

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import chromium as browsers

LIMIT = 50  # milliseconds

# What the page asks for as a frame is timed until the browser has painted it: a message that is
# sent from within waits so long.
TIMER = """
window.frames = [];
const ask = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = (work) => ask((now) => {
  const begun = performance.now();
  work(now);
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => window.frames.push(performance.now() - begun);
  port2.postMessage(null);
});
"""


def spiral(n):
    """Places on a spiral from the middle of a canvas, as shares of its width and height."""
    angles = np.linspace(0, 6 * np.pi, n)
    return 0.5 + 0.4 * np.linspace(0.05, 1, n)[:, None] * np.stack(
        [np.cos(angles), np.sin(angles)], axis=1
    )


def drag(driver, selector, n):
    """Press the mouse and move it along a spiral."""
    box = driver.execute_script(
        """const element = document.querySelector(arguments[0]);
        element.scrollIntoView({block: "center"});
        const {left, top, width, height} = element.getBoundingClientRect();
        return [left, top, width, height];""",
        selector,
    )
    for k, (u, v) in enumerate(spiral(n)):
        event = {"type": "mouseMoved" if k else "mousePressed", "button": "left", "buttons": 1,
                 "clickCount": 0 if k else 1,
                 "x": box[0] + u * box[2], "y": box[1] + v * box[3]}  # fmt: skip
        driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)
    driver.execute_cdp_cmd("Input.dispatchMouseEvent", {**event, "type": "mouseReleased"})


def press(driver, selector, key, n):
    """Press a key again and again."""
    driver.execute_script("document.querySelector(arguments[0]).focus()", selector)
    for _ in range(n):
        for kind in ("keyDown", "keyUp"):
            event = {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": 39}
            driver.execute_cdp_cmd("Input.dispatchKeyEvent", event)


def click(driver, selector, n):
    """Click on the elements in turn."""
    elements = driver.find_elements("css selector", selector)
    for k in range(n):
        driver.execute_script("arguments[0].click()", elements[k % len(elements)])


def walk(driver, selector, n):
    """Walk along the path, n times."""
    for _ in range(n):
        driver.execute_script("document.querySelector(arguments[0]).click()", selector)
        driver.execute_async_script("setTimeout(arguments[0], 3200)")


ACTIONS = {
    "draw": (drag, "#input", 300),
    "drag on the map": (drag, "#overlay", 300),
    "move a slider": (lambda *rest: press(rest[0], rest[1], "ArrowRight", rest[2]), "#z-1", 60),
    "take test pictures": (click, "#thumbnails button", 60),
    "walk along a path": (walk, "#play", 1),
}


def measure(page, seconds):
    """Return the milliseconds of every frame, by action, and the browser's version."""
    frames = {}
    with tempfile.TemporaryDirectory() as folder, browsers.chromium() as driver:
        path = Path(folder) / "page.html"
        path.write_text(page, encoding="utf-8")
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": TIMER})
        driver.get(path.as_uri())
        browsers.settle(driver)
        frames["decode the map, at first"] = driver.execute_script("return frames.splice(0)")
        for name, (act, selector, n) in ACTIONS.items():
            frames[name], until = [], time.perf_counter() + seconds
            while time.perf_counter() < until:
                act(driver, selector, n)
                browsers.settle(driver)
                frames[name] += driver.execute_script("return frames.splice(0)")
        version = driver.capabilities["browserVersion"]
    return frames, version


def draw(result):
    """Draw the frames of every action, from the shortest to the longest."""
    with output.picture(7, 3, f"The page of {result['title']}: time of every frame", result) as fig:
        axes = fig.subplots()
        for times, colour in zip(result["frames"].values(), output.plots.PALETTE, strict=False):
            axes.plot(np.linspace(0, 100, len(times)), sorted(times), color=colour)
        axes.legend(list(result["frames"]), fontsize=8)
        axes.axhline(LIMIT, color="0.7", linewidth=0.8)
        axes.set_xlabel("frames, shortest first (%)")
        axes.set_ylabel("milliseconds")
        axes.set_ylim(0, 1.1 * max(LIMIT, *(max(times) for times in result["frames"].values())))
    return fig


def main(argv=None):
    parser = command.Parser(__doc__, seconds=10, rounds=None)
    options = parser.parse_args(argv)
    if browsers.missing() is not None:
        raise command.Failure(f"the page needs {browsers.missing()}")
    result = {
        "benchmark": "explorer",
        "environment": machine.describe_environment(options.keep_env),
        "machine": machine.describe(),
        "blas": machine.blas(),
        "title": "784-500-20",
    }
    command.announce(result)
    data, vae = load("mnist"), VAE(784, 20)
    trained = fit(vae, data, 100_000, optimizer=Adagrad(0.02), evaluate_every=None, progress=False)
    page = build_page(vae, trained.params, data)
    result["megabytes"] = len(page.encode()) / 1e6
    result["frames"], result["chromium"] = measure(page, options.seconds)
    command.say(f"{result['megabytes']:.2f} MB; Chromium {result['chromium']}")
    command.say(f"{'frames, milliseconds':<28} {'number':>7} {'median':>7} {'99 %':>7} {'most':>7}")
    for name, times in result["frames"].items():
        median, late = statistics.median(times), np.quantile(times, 0.99)
        command.say(f"{name:<28} {len(times):>7} {median:>7.1f} {late:>7.1f} {max(times):>7.1f}")
    for times in result["frames"].values():
        times[:] = [round(time, 2) for time in times]
    output.write(options.out, "explorer_784-500-20", result, draw(result))


if __name__ == "__main__":
    command.run(main)
