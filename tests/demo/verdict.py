"""How the demo ends: the checks, how long it took, and what to do next."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from demo.outcome import Check
from demo.screen import Screen
from demo.story import count

GUIDE = "docs/guides/first-image.md"


def verdict(
    screen: Screen,
    checks: list[Check],
    errors: list[str],
    journal: Path,
    root: Path | None = None,
    catalogue: Path | None = None,
) -> int:
    """Prints it, and gives the exit code: 0 only if every check holds and no function failed."""
    place = journal.relative_to(root) if root else journal
    screen.title("What had to be")
    for check in checks:
        found = "" if check.holds else f" (found: {check.found or 'nothing'})"
        word, colour = ("ok", "green") if check.holds else ("MISSING", "red")
        screen.mark(word, check.says + found, colour)
    for error in errors:
        screen.mark("FAILED", error, "red")
    failing = [check for check in checks if not check.holds]
    screen.say()
    if not failing and not errors:
        about = "images, copies, tags, snapshots, parameters, instances, what is not Kiln's"
        screen.say(f"✓ {len(checks)} checks: {about}", "green")
        screen.say(f"  It took {screen.seconds():.0f} s. The whole journal: {place}, or make demo V=1.")
        if catalogue:
            page = catalogue.relative_to(root) if root else catalogue
            screen.say(f"  The catalogue of all images, for a browser: {page}/index.html")
        screen.say(f"  Next: {GUIDE} leads to your first image; make test runs all tests.")
        return 0
    for error, times in Counter(errors).items():
        screen.say(f"✗ {error} ({count(range(times), 'time')})", "red")
    if failing:
        screen.say(f"✗ {len(failing)} of {len(checks)} checks failed:", "red")
        for check in failing:
            screen.say(f"  - {check.says}; found: {' '.join(check.found.split()) or 'nothing'}")
    screen.say(f"  It took {screen.seconds():.0f} s. What led to it stands in {place}, the whole journal;")
    screen.say("  make demo V=1 prints it.")
    return 1
