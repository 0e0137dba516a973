"""What is wrong with a built site: links that lead nowhere, and what is loaded from elsewhere."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a page loads by itself; a link (<a>) waits for the reader.
LOADED = {
    "script": ("src",), "link": ("href",), "img": ("src", "srcset"), "source": ("src", "srcset"),
    "iframe": ("src",), "video": ("src", "poster"), "audio": ("src",), "track": ("src",),
    "object": ("data",), "embed": ("src",), "image": ("href", "xlink:href"), "use": ("href",),
    "input": ("src",),
}  # fmt: skip
OUTSIDE = re.compile(r"^\s*(?:(?:https?|ftp|wss?):)?//", re.IGNORECASE)
IN_STYLE = re.compile(r"(?:url\(|@import\s+)\s*['\"]?\s*((?:https?:)?//[^'\")\s]+)", re.IGNORECASE)


class Page(HTMLParser):
    """The identifiers of a page, where its links lead, and what it loads from elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.names, self.links, self.outside, self._style = set(), [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = {key: value or "" for key, value in attributes}
        self.names |= {values[key] for key in ("id", "name") if key in values}
        loaded = [values[key] for key in LOADED.get(tag, ()) if key in values]
        self.outside += [one for one in loaded if OUTSIDE.match(one)]
        self.outside += IN_STYLE.findall(values.get("style", ""))
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        self.links += [one for one in loaded if not OUTSIDE.match(one)]
        self._style = tag == "style"

    def handle_data(self, data):
        if self._style:
            self.outside += IN_STYLE.findall(data)

    def handle_endtag(self, tag):
        self._style = False


def problems(folder, links=True):
    """A sentence for each fault of the site in a folder; empty when there is none.

    links: also those that lead nowhere, which a site of some chapters only has.
    """
    folder = Path(folder).resolve()
    pages = {p: Page(p.read_text(encoding="utf-8")) for p in sorted(folder.rglob("*.html"))}
    found = [] if pages else [f"{folder} holds no page; `make book` writes them."]
    for path, page in pages.items():
        where = path.relative_to(folder)
        found += [f"{where} loads {one[:80]} from elsewhere" for one in page.outside]
        wrong = [link for link in dict.fromkeys(page.links) if not leads(link, path, pages)]
        found += [f"{where}: the link {link[:80]} leads nowhere" for link in wrong if links]
    for path in sorted(folder.rglob("*.css")):
        outside = IN_STYLE.findall(path.read_text(encoding="utf-8"))
        found += [f"{path.relative_to(folder)} loads {one[:80]} from elsewhere" for one in outside]
    return found


def leads(link, path, pages):
    """Whether a link of the page at `path` leads to a file, and to a place in it that is there."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True  # another machine, or data
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target.is_dir():
        target = target / "index.html"
    if not target.exists():
        return False
    if not parts.fragment or target not in pages:
        return True
    return unquote(parts.fragment) in pages[target].names
