"""What was measured, as text, and as docs/performance.md with its chart."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from results import Results

DOCS = Path(__file__).parents[1] / "docs"
STAGES = ("verify", "plan", "fetch", "parse", "dedupe", "match", "check", "publish", "total")


def print_report(results: Results, before: dict[str, Any] | None) -> None:
    """Everything on stdout; ratios beside those of the last stored result."""
    for line in (*_stage_lines(results), "", *_ratio_lines(results, before)):
        print(line)


def _stage_lines(results: Results) -> Iterator[str]:
    yield ""
    yield f"{'seconds':34}" + "".join(f"{name:>9}" for name in STAGES)
    for case, measured in results.data["cases"].items():
        for what, taken in measured.items():
            if not what.startswith("mailcrm"):
                continue
            detail = taken[len(taken) // 2]["detail"]
            stages = "".join(f"{detail['seconds'][name]:9.2f}" for name in STAGES)
            yield f"{case + ', ' + what:34}{stages}"
            yield f"{'':34}{_facts(detail, measured)}"


def _facts(detail: dict[str, Any], measured: dict[str, Any]) -> str:
    count, size = measured["mailbox"]["messages"], measured["mailbox"]["bytes"]
    done = detail["totals"]["published"] + detail["totals"]["duplicate"]
    share = detail["bytes_received"] / max(1, size)
    return (
        f"{count / max(0.001, detail['seconds']['total']):,.0f} messages/s, {done:,} synced, "
        f"{detail['bytes_received'] / 1e6:,.1f} MB received ({share:.0%}), "
        f"{detail['commands_sent']} commands, peak {detail['peak_rss_mb']:.0f} MB"
    )


def _ratio_lines(results: Results, before: dict[str, Any] | None) -> Iterator[str]:
    known = before["ratios"] if before and "ratios" in before else {}
    ratios = results.ratios()
    results.data["ratios"] = ratios
    results.write()
    for name, ratio in ratios.items():
        last = f"   ({known[name]:.2f} on {before['date']})" if before and name in known else ""
        yield f"{name:52}{ratio:7.2f}{last}"


def write_page(results: Results) -> None:
    """docs/performance.md and its chart, from the stored figures alone."""
    (DOCS / "performance.svg").write_text(draw_bars(_bars(results)))
    (DOCS / "performance.md").write_text("\n".join(_page(results)) + "\n")


def _bars(results: Results) -> list[tuple[str, float, bool]]:
    names = list(results.data["cases"].get("mixed", {}))
    found = [
        (n, results.median("mixed", n), n.startswith("mailcrm")) for n in names if n != "mailbox"
    ]
    bars = [(n, seconds, ours) for n, seconds, ours in found if seconds is not None]
    return sorted(bars, key=lambda bar: bar[1])


def draw_bars(bars: list[tuple[str, float, bool]]) -> str:
    """One bar for each program, ours in colour; longest bar = widest."""
    longest = max((seconds for _, seconds, _ in bars), default=1.0)
    height = 34 * len(bars) + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="760" height="{height}" role="img" '
        'aria-label="Seconds to sync the same mailbox" '
        'font-family="DejaVu Sans, Liberation Sans, Arial, sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for row, (name, seconds, ours) in enumerate(bars):
        y = 8 + 34 * row
        width = max(1.0, 470 * seconds / longest)
        shown = "server alone (one FETCH)" if name == "server" else name
        parts += [
            f'<text x="186" y="{y + 21}" text-anchor="end" fill="#1f2933">{shown}</text>',
            f'<rect x="196" y="{y + 5}" width="{width:.1f}" height="24" rx="3" '
            f'fill="{"#2f7d5b" if ours else "#8893a5"}"/>',
            f'<text x="{202 + width:.1f}" y="{y + 21}" fill="#1f2933">{seconds:.1f} s</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _page(results: Results) -> Iterator[str]:
    data, machine = results.data, results.data["machine"]
    command = f"make bench N={data['messages']}"
    yield "# Performance"
    yield ""
    yield f"Made by `{command}` (`benchmarks/`) on {data['date']} at revision {data['revision']}:"
    yield f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, Python"
    yield f"{machine['python']}; Dovecot on loopback on the same cores. Medians; do not edit."
    yield "How it is measured, and what was tried: [benchmarks/README.md](../benchmarks/README.md)."
    yield ""
    yield "![Seconds to sync the same mailbox](performance.svg)"
    yield ""
    yield "Others copy the messages into files; mailcrm also parses them, recognises duplicates,"
    yield "matches contacts, checks the batch and publishes it into the database."
    for case, measured in data["cases"].items():
        yield ""
        box = measured["mailbox"]
        yield f"## {case}: {box['messages']:,} messages, {box['bytes'] / 1e6:,.0f} MB"
        yield "| program | runs | seconds | CPU seconds | peak MB | MB received | commands |"
        yield "|---|---|---|---|---|---|---|"
        for what in measured:
            if what != "mailbox":
                yield _row(results, case, what)
        yield from _stage_table(results, case)
    yield ""
    yield "## Ratios"
    yield "| of seconds | ratio |"
    yield "|---|---|"
    yield from (f"| {name} | {ratio:.2f} |" for name, ratio in results.ratios().items())


def _row(results: Results, case: str, what: str) -> str:
    taken = results.taken(case, what)
    figures = [results.median(case, what, name) or 0.0 for name in ("wall_s", "cpu_s", "peak_mb")]
    detail = taken[-1]["detail"]
    received = f"{detail['bytes_received'] / 1e6:,.1f}" if "bytes_received" in detail else ""
    commands = detail.get("commands_sent", "")
    wall, cpu, peak = figures
    return (
        f"| {what} | {len(taken)} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | {received} | {commands} |"
    )


def _stage_table(results: Results, case: str) -> Iterator[str]:
    ours = [w for w in results.data["cases"][case] if w.startswith("mailcrm")]
    if not ours:
        return
    yield ""
    yield "| seconds | " + " | ".join(STAGES) + " |"
    yield "|---|" + "---|" * len(STAGES)
    for what in ours:
        taken = results.taken(case, what)
        seconds = taken[len(taken) // 2]["detail"]["seconds"]
        yield f"| {what} | " + " | ".join(f"{seconds[name]:.2f}" for name in STAGES) + " |"
