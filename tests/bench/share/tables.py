"""What the functions take at Lambda's share of a core, as tables."""

from __future__ import annotations

from pathlib import Path

from bench.share import night, prices, strangers
from demo.screen import Screen
from local_aws.quota import NoQuota, Quota


def is_within(screen: Screen, built: Path) -> bool:
    try:
        Quota("try").close()
    except NoQuota as refused:
        screen.title(f"Not measured: Lambda's share of a core, which cannot be had here ({refused})")
        return True
    return all([_strangers(screen, built), _night(screen, built)])


def _strangers(screen: Screen, built: Path) -> bool:
    screen.title("An event of somebody else's, at Lambda's share of a core and over TLS: medians, in ms")
    found = strangers.measure(built)
    rows = [["FUNCTION", "EVENT", "MEMORY MB", "START", "ITS CORE", "FIRST", "WARM", "CALLS", "WITHIN"]]
    rows += [
        [
            one.function,
            one.event,
            str(one.megabytes),
            f"{one.init:.0f}",
            f"{one.init_cpu:.0f}",
            f"{one.cold:.1f}",
            f"{one.warm:.1f}",
            str(one.calls),
            "yes" if one.within() else "NO",
        ]
        for one in found
    ]
    start, first, warm = strangers.MOST_INIT_MS, strangers.MOST_COLD_MS, strangers.MOST_WARM_MS
    rows.append(["limit", "", "128", f"{start:.0f}", "", f"{first:.0f}", f"{warm:.0f}", "1", ""])
    screen.table(rows)
    million = prices.dollars(1e6 * (_longest(found) + prices.CALL_MS), 128, 1_000_000)
    print(
        f"  a million events, each with its call of {prices.CALL_MS:.0f} ms, cost a function "
        f"{million:.2f} dollars",
        flush=True,
    )
    return all(one.within() for one in found)


def _longest(found: list[strangers.Measured]) -> float:
    """The longest warm event at 128 MB, in ms."""
    return max(one.warm for one in found if one.megabytes == min(strangers.SIZES))


def _night(screen: Screen, built: Path) -> bool:
    screen.title(f"A night of {night.RECIPES} recipes in three Regions, at Lambda's share and over TLS")
    found = night.night(built)
    sizes = strangers.SIZES
    rows = [
        ["FUNCTION", "ITS MB", "EVENTS", "STARTS", "CALLS", "CORE ms", *(f"AT {size} MB" for size in sizes)]
    ]
    rows += [
        [
            name,
            str(ran.megabytes),
            str(ran.events),
            str(ran.starts),
            str(ran.calls),
            f"{ran.core_ms:.0f}",
            *(f"{ran.dollars(size):.6f}" for size in sizes),
        ]
        for name, ran in found.ran.items()
    ]
    rows.append(["a release", "", "", "", "", "", *(f"{found.release(size):.6f}" for size in sizes)])
    rows.append(["the night", "", "", "", "", "", *(f"{found.dollars(size):.6f}" for size in sizes)])
    screen.table(rows)
    print(
        f"  dollars: {prices.GB_SECOND} a GB-second and {prices.REQUEST * 1e6:.2f} a million events, for the "
        f"time of a core by the share of one, and {prices.CALL_MS:.0f} ms for each call, one after the other",
        flush=True,
    )
    print(
        f"  at its own size the night costs {found.dollars():.6f}, and a release of three Regions "
        f"{found.release():.6f} (within {night.MOST_DOLLARS_A_RELEASE})",
        flush=True,
    )
    return found.within()
