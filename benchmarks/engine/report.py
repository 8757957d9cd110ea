"""From runs to figures: medians and ratios, a table, a chart."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict
from statistics import median
from typing import Any
from xml.sax.saxutils import escape

from benchmarks.engine.measuring import SIDES, Given, Result

CEILINGS = ("transactional-bare", "transactional-contracts")
COMPARED = ("faust", "quix", "bare", *CEILINGS)
OURS = ("native", "native-unchecked", "native-rocksdb")
# Of the chart, in pixels.
WIDTH, BAR, GAP, LEFT, TOP = 760, 26, 12, 210, 48
COLOURS = {"native": "#1f6f54", "other": "#8a97a3"}


def summary(found: Mapping[str, list[Result]], given: Given, actions: int) -> dict[str, Any]:
    """Everything that was found, medians first."""
    sides = {side: _side(side, results, given) for side, results in found.items()}
    return {
        "workload": {"orders": given.orders, "returns": given.returns, "actions": actions},
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.system()},
        "sides": sides,
        "ratios": {side: _against(sides, side) for side in OURS if side in sides},
    }


def _side(side: str, results: list[Result], given: Given) -> dict[str, Any]:
    runs = [run.found for run in results]
    return {
        "events_per_s": round(median(given.events / run.seconds for run in runs)),
        "cpu_us_per_event": round(median(run.cpu_s / given.events * 1e6 for run in runs), 1),
        "peak_mb": round(median(run.peak_mb for run in runs)),
        "guarantee": SIDES[side].guarantee,
        "wire": SIDES[side].wire,
        "runs": [asdict(run) for run in runs],
    }


def _against(sides: Mapping[str, Any], ours: str) -> dict[str, dict[str, float]]:
    """How many times as fast, and how many times as much CPU the other one takes."""
    found = {}
    for other in COMPARED:
        if other in sides:
            speed = sides[ours]["events_per_s"] / sides[other]["events_per_s"]
            cpu = sides[other]["cpu_us_per_event"] / sides[ours]["cpu_us_per_event"]
            found[other] = {"events_per_s": round(speed, 2), "cpu": round(cpu, 2)}
    return found


def table(figures: Mapping[str, Any]) -> str:
    """For the terminal and the README."""
    lines = ["| side | events/s | us CPU an event | peak MB | guarantee | wire |", "|---|---|---|---|---|---|"]
    for name, side in figures["sides"].items():
        shown = f"{side['events_per_s']:,} | {side['cpu_us_per_event']} | {side['peak_mb']}"
        lines.append(f"| {name} | {shown} | {side['guarantee']} | {side['wire']} |")
    for ours, ratios in figures["ratios"].items():
        shown = ", ".join(f"{r['events_per_s']} x {other} (by CPU {r['cpu']})" for other, r in ratios.items())
        lines += ["", f"{ours}: {shown}"]
    return "\n".join(lines)


def chart(figures: Mapping[str, Any]) -> str:
    """Bars of events/s as SVG, the slowest run to the fastest as a line on each."""
    sides = sorted(figures["sides"].items(), key=lambda side: -side[1]["events_per_s"])
    events = figures["workload"]["orders"] + figures["workload"]["returns"]
    rates = {name: [events / run["seconds"] for run in side["runs"]] for name, side in sides}
    scale = (WIDTH - LEFT - 90) / max(max(found) for found in rates.values())
    height = TOP + len(sides) * (BAR + GAP) + GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" '
        f'font-size="13"><rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{GAP}" y="26" font-size="15">Orders, then returns: events a second, one process, median</text>',
    ]
    for at, (name, side) in enumerate(sides):
        y, rate = TOP + at * (BAR + GAP), side["events_per_s"]
        low, high = (LEFT + bound(rates[name]) * scale for bound in (min, max))
        colour = COLOURS["native" if name.startswith("native") else "other"]
        middle = y + BAR / 2
        parts += [
            f'<text x="{LEFT - 8}" y="{middle + 5}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{rate * scale:.1f}" height="{BAR}" fill="{colour}"/>',
            f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}" stroke="black" stroke-width="2"/>',
            f'<text x="{max(high, LEFT + rate * scale) + 8:.1f}" y="{middle + 5}">{rate:,}</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"
