"""The catalogue in a browser, from a folder as from S3."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from catalog.conftest import PICTURES, SCHEMES, WIDTHS

# A page of each kind, and of each state that looks different.
SHOWN = (
    "index.html",
    "base-al2023/index.html",
    "bastion/index.html",
    "gpu-train/index.html",
    "web/index.html",
    "base-al2023/20260928T020000Z.html",
    "bastion/20261124T020000Z.html",
    "edge/20261127T020000Z.html",
    "web/20260818T020000Z.html",
    "web/20261126T020000Z.html",
)


class Tab:
    """A page of the browser, with all that it complained about."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))

    def open(self, path: Path) -> None:
        self.page.goto(path.as_uri())


@contextmanager
def tab(chromium: Any, width: int = 1280, scheme: str = "light", **more: Any) -> Iterator[Tab]:
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **more)
    yield Tab(context.new_page())
    context.close()


def html(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.html"))


def test_every_page_opens_without_a_complaint_and_each_of_its_links_leads_somewhere(
    chromium: Any, sample: Path
) -> None:
    links: set[str] = set()
    with tab(chromium) as seen:
        for path in html(sample):
            seen.open(path)
            assert seen.page.locator("h1").count() == 1, path
            links |= set(seen.page.eval_on_selector_all("a[href]", "all => all.map(one => one.href)"))
        assert seen.complaints == []
        assert all(url.startswith((sample.as_uri(), "data:,")) for url in seen.asked)
    files = {link.split("#")[0] for link in links}
    assert len(files) > 100
    root = sample.as_uri()
    missing = [one for one in files if not (sample / one.removeprefix(f"{root}/")).is_file()]
    assert missing == []


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    chromium: Any, sample: Path, width: int, scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    PICTURES.mkdir(parents=True, exist_ok=True)
    found = []
    # The policy lets nothing in but the catalogue's own script: axe is not.
    with tab(chromium, width, scheme, bypass_csp=True) as seen:
        for path in SHOWN:
            seen.open(sample / path)
            name = f"{path.removesuffix('.html').replace('/', '-')}-{width}-{scheme}.png"
            seen.page.screenshot(path=PICTURES / name, full_page=True)
            for violation in axe.run(seen.page).response["violations"]:
                found.append((path, violation["id"], violation["nodes"][0]["html"]))
            root = "document.documentElement"
            assert seen.page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth"), path
    assert found == []


def test_nothing_is_wider_than_a_screen_of_any_width(chromium: Any, sample: Path) -> None:
    with tab(chromium) as seen:
        for path in SHOWN:
            seen.open(sample / path)
            for width in (320, 480, 768, 897, 1024, 1920):
                seen.page.set_viewport_size({"width": width, "height": 900})
                root = "document.documentElement"
                assert seen.page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth"), (path, width)


def test_the_filter_leaves_the_rows_that_have_every_word(chromium: Any, sample: Path) -> None:
    with tab(chromium) as seen:
        seen.open(sample / "index.html")
        rows = seen.page.locator("#all tbody tr")
        assert rows.count() == 8
        seen.page.get_by_label("Filter").fill("AL2023 behind")
        shown = [row for row in rows.all() if row.is_visible()]
        assert [row.locator("strong").inner_text() for row in shown] == ["edge"]
        assert seen.page.locator(".filter [role=status]").inner_text() == "1 of 8 shown"
        seen.page.get_by_label("Filter").fill("")
        assert all(row.is_visible() for row in rows.all())


def test_a_button_copies_what_stands_before_it(chromium: Any, sample: Path) -> None:
    with tab(chromium, permissions=["clipboard-read", "clipboard-write"]) as seen:
        seen.open(sample / "web/20261119T020000Z.html")
        command = "kiln rollback web --to 20261119T020000Z --region us-east-1"
        button = seen.page.get_by_label(f"Copy {command}")
        button.click()
        seen.page.get_by_text("Copied").wait_for()
        assert seen.page.evaluate("navigator.clipboard.readText()") == command
        digest = seen.page.locator(".digest code").first
        digest.locator("xpath=following-sibling::button").click()
        assert len(seen.page.evaluate("navigator.clipboard.readText()")) == 64, "the whole, though it is cut"


def test_without_a_script_the_pages_are_whole_and_have_no_dead_button(chromium: Any, sample: Path) -> None:
    with tab(chromium, java_script_enabled=False) as seen:
        seen.open(sample / "index.html")
        assert seen.page.locator("#all tbody tr").count() == 8
        assert not seen.page.locator(".filter").is_visible()
        seen.page.get_by_role("link", name="web", exact=True).first.click()
        assert seen.page.locator("h1").inner_text() == "web"
        assert seen.page.locator("button").count() == 0


def test_the_keyboard_reaches_the_content_first(chromium: Any, sample: Path) -> None:
    with tab(chromium) as seen:
        seen.open(sample / "index.html")
        seen.page.keyboard.press("Tab")
        assert seen.page.evaluate("document.activeElement.textContent") == "Skip to the content"
        seen.page.keyboard.press("Enter")
        assert seen.page.evaluate("location.hash") == "#main"


def test_a_web_server_serves_the_same_as_the_folder(chromium: Any, sample: Path) -> None:
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(sample))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, tab(chromium) as seen:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        seen.page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
        seen.page.locator("#all").get_by_role("link", name="bastion", exact=True).click()
        seen.page.locator("tbody").get_by_role("link", name="20261124T020000Z", exact=True).first.click()
        assert seen.page.locator("h2").first.inner_text() == "Recalled: do not use it"
        colour = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        server.shutdown()
    assert seen.complaints == []
    assert colour == "rgb(250, 248, 245)", "the style is there"


def test_hostile_names_are_shown_and_do_nothing(chromium: Any, hostile: Path) -> None:
    pages = html(hostile)
    assert len(pages) == 9
    with tab(chromium, width=390) as seen:
        for path in pages:
            seen.open(path)
            assert seen.page.title() != "owned"
            assert seen.page.locator("img, main script, [onerror]").count() == 0
            assert "<script>document.title='owned'</script>" in seen.page.locator("main").inner_text()
            assert seen.page.locator("footer").count() == 1, "no text ends an element of the page"
            root = "document.documentElement"
            assert seen.page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth"), path
        assert seen.complaints == []
        seen.open(hostile / "index.html")
        seen.page.locator("#all a").first.click()
        assert seen.page.locator("h1").inner_text().startswith("service-000"), "its page is found"
