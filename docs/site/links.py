"""Whether a built site holds together: links lead somewhere, and nothing is fetched from afar.

python docs/site/links.py docs/_build/html
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src"}


class Page(HTMLParser):
    """What a page has: places to link to, links, and what the browser fetches for it."""

    def __init__(self, text):
        super().__init__()
        self.places, self.links, self.fetched = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        """Take in a tag."""
        has = dict(attributes)
        self.places |= {has[name] for name in ("id", "name") if has.get(name)}
        address = has.get(FETCHED.get(tag, ""))
        if address:
            self.fetched.append(address)
        if tag == "a" and has.get("href"):
            self.links.append(has["href"])


def check(site):
    """Return what is wrong, a line each.

    Parameters
    ----------
    site : Path
        The folder of a built site.
    """
    paths = (path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts)
    pages = {path: Page(path.read_text()) for path in paths}
    wrong = []
    for path, page in pages.items():
        shown = path.relative_to(site)
        wrong += [f"{shown}: fetches {to}" for to in page.fetched if is_elsewhere(to)]
        for to in dict.fromkeys(page.links + page.fetched):
            said = "" if is_elsewhere(to) else missing(to, path, pages)
            if said:
                wrong.append(f"{shown}: {to} {said}")
    return wrong


def is_elsewhere(address):
    """Return whether an address is no file of the site."""
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme not in ("", "file")


def missing(address, path, pages):
    """Say what an address lacks, or nothing."""
    parts = urlsplit(address)
    there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not there.is_file():
        return "leads nowhere"
    anchor = unquote(parts.fragment)
    if anchor and there in pages and anchor not in pages[there].places:
        return "has no such place"
    return ""


def main(site):
    """Print what is wrong; return 1 if something is."""
    site = Path(site).resolve()
    wrong = check(site)
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"{len(list(site.rglob('*.html')))} pages, {len(wrong)} links that lead nowhere")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
