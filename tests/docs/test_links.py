"""README and docs: every link leads somewhere, no word is an old one, and the README stays short."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = [
    README,
    *sorted(DOCS.rglob("*.md")),
    *sorted((ROOT / ".github").glob("*.md")),
    ROOT / "infra" / "terraform" / "README.md",
]
MOST_LINES = 140

FENCE = re.compile(r"^(```|~~~)")
INLINE_CODE = re.compile(r"`[^`]*`")
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+(?:\([^()]*\)[^()\s]*)*)\)")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")
EXTERNAL = re.compile(r"^[a-z][a-z+.-]*:")


def _old_words() -> list[str]:
    """As patterns. The words are put together here, so that no renaming finds them in this file."""
    tags = "unused retired counted ended again restored orphaned released shared baked"
    events = ("Image Ret+ired", "Image Exp+ired", "Expire Sto+pped")
    words = (
        "mark+-unused",
        "look+-again",
        "bring+-back",
        "ask+-usage",
        "not+-begun",
        "waits+_for",
        "left+_out",
    )
    in_code = "leave refuse say note spare mark start retire left waits retired unsaid story"
    return [
        *(rf"kiln:{tag}(?![-\w])" for tag in tags.split()),
        *(text.replace("+", "") for text in events + words),
        *(f"`{word}`" for word in in_code.split()),
        r"`(?:tests/)?ASSUMPTIONS\.md`|tests/ASSUMPTIONS",
    ]


OLD = re.compile("|".join(_old_words()))


def prose(text: str) -> Iterator[tuple[int, str]]:
    """The lines outside of fenced blocks, with their numbers."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if FENCE.match(line.lstrip()):
            fenced = not fenced
        elif not fenced:
            yield number, line


def anchors(text: str) -> set[str]:
    """What GitHub calls the headings of a page."""
    found: set[str] = set()
    for _, line in prose(text):
        if not (heading := HEADING.match(line)):
            continue
        words = LINK.sub(lambda link: link[0][1 : link[0].index("](")], heading[1])
        slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        name, again = slug, 0
        while name in found:
            again += 1
            name = f"{slug}-{again}"
        found.add(name)
    return found


def broken(page: Path, text: str) -> list[str]:
    """Every relative link of a page that leads nowhere, and every anchor that its target lacks."""
    wrong = []
    for number, line in prose(text):
        for target in LINK.findall(INLINE_CODE.sub("", line)):
            if EXTERNAL.match(target):
                continue
            path, _, anchor = target.partition("#")
            there = (page.parent / path).resolve() if path else page
            if there != page and not there.exists():
                wrong.append(f"{page.name}:{number}: {target} is not there")
            elif anchor and anchor not in anchors(text if there == page else there.read_text()):
                wrong.append(f"{page.name}:{number}: {target} has no such heading")
    return wrong


def old(page: Path, text: str) -> list[str]:
    """Every line that has a word of an older version of Kiln."""
    lines = enumerate(text.splitlines(), 1)
    return [f"{page.name}:{number}: {hit[0]}" for number, line in lines for hit in OLD.finditer(line)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page, page.read_text()) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_has_an_old_word(page: Path) -> None:
    assert old(page, page.read_text()) == []


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= MOST_LINES


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, new = set(), [README]
    while new:
        page = new.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        for _, line in prose(page.read_text()):
            targets = (target.partition("#")[0] for target in LINK.findall(INLINE_CODE.sub("", line)))
            new += [(page.parent / path).resolve() for path in targets if path and not EXTERNAL.match(path)]
    assert sorted(str(page) for page in set(PAGES) - reached) == []


def test_the_reasons_that_troubleshooting_quotes_are_kilns_own() -> None:
    quotes = re.findall(
        r"(?<!\*)\*([a-z][^*]+)\*(?!\*)", (DOCS / "guides" / "troubleshooting.md").read_text()
    )
    reasons = " ".join((DOCS / "reference" / "actions-and-reasons.md").read_text().split())
    parts = {part.strip() for quote in quotes for part in " ".join(quote.split()).split("…")}
    assert len(parts) > 15
    assert {part for part in parts if part not in reasons} == set()


def test_the_assumptions_name_every_check_of_the_contract_and_no_other() -> None:
    check = r"[a-z]+(?:_[a-z0-9]+){3,}"
    named = set(re.findall(rf"`({check})`", (DOCS / "assumptions.md").read_text()))
    contract = (ROOT / "tests" / "src" / "contract.rs").read_text()
    assert named == set(re.findall(rf"^    ({check}) => ", contract, re.MULTILINE))


def test_a_link_that_leads_nowhere_is_found() -> None:
    text = "# A page\n[x](nowhere.md) [y](#a-page) [z](#another) [w](../README.md#kiln)\n"
    assert broken(DOCS / "a.md", text) == [
        "a.md:2: nowhere.md is not there",
        "a.md:2: #another has no such heading",
    ]
    assert broken(DOCS / "a.md", "```\n[x](nowhere.md)\n```\n`[x](nowhere.md)`\n") == []
    assert anchors("## `make plan`: the *table*\n## Twice\n## Twice\n") == {
        "make-plan-the-table",
        "twice",
        "twice-1",
    }


def test_an_old_word_is_found_and_a_new_one_is_not() -> None:
    before, now = (
        "`kiln:" + "unused` `Image " + "Retired` `ret" + "ire`",
        "`kiln:unused-since` `Image Disabled`",
    )
    assert len(old(DOCS / "a.md", before)) == 3
    assert old(DOCS / "a.md", f"{now} `make retire` `kiln:restored-at` `retire_recipe`") == []
