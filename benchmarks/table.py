"""From records of races to figures, and from figures to the table that is printed."""

from __future__ import annotations

import statistics

_OWN = "thinset"
_UNITS = {"B": ("GB/s", 1e9), "FLOP": ("GFLOP/s", 1e9)}


def median_and_spread(seconds):
    """The median and the distance between the quartiles (None for a single round)."""
    if len(seconds) < 2:
        return seconds[0], None
    lower, median, upper = statistics.quantiles(seconds, n=4, method="inclusive")
    return median, upper - lower


def summarise(records):
    """Problem and size -> floors, contenders (figures) and absentees (reasons).

    A list of races in the order in which they were first met; each holds one size of one problem.
    """
    races = {}
    for record in records:
        key = record["problem"], record.get("size", "")
        race = races.setdefault(
            key,
            {
                "problem": record["problem"],
                "size": record.get("size", ""),
                "floors": {},
                "contenders": {},
                "absent": {},
            },
        )
        if record["status"] != "timed":
            race["absent"][record["contender"]] = f"{record['status']}: {record['reason']}"
        elif "floors" in record:
            race["floors"] = {name: _floor(floor) for name, floor in record["floors"].items()}
        else:
            median, spread = median_and_spread(record["seconds"])
            race["contenders"][record["contender"]] = {
                "median_seconds": median,
                "quartile_range_seconds": spread,
                "rounds": len(record["seconds"]),
                "answer": record["answer"],
                "notes": [
                    record[key] for key in ("reason", "why_fewer_rows", "remark") if record.get(key)
                ],
            }
    for race in races.values():
        _add_ratios(race)
    return list(races.values())


def _floor(floor):
    # The fastest round: a floor is what can be done, whatever came in between.
    fastest = min(floor["seconds"])
    return {"seconds": fastest, "rate": floor["amount"] / fastest, "unit": floor["unit"]}


def _add_ratios(race):
    medians = {name: c["median_seconds"] for name, c in race["contenders"].items()}
    for name, figures in race["contenders"].items():
        others = [median for other, median in medians.items() if other != name]
        own = medians[name]
        figures["ratio_to_best_other"] = own / min(others) if others else None
        figures["ratio_to_floors"] = {
            floor: own / of_floor["seconds"] for floor, of_floor in race["floors"].items()
        }


def standing(ratio):
    """A ratio to the best of the others, in words."""
    if ratio is None:
        return "alone"
    return f"{1 / ratio:.2f}x faster" if ratio < 1 else f"{ratio:.2f}x slower"


def duration(seconds):
    if seconds is None:
        return "-"
    return f"{seconds:,.1f} s" if seconds >= 100 else f"{1e3 * seconds:,.2f} ms"


def verdict(race):
    """Who won, as one line; what thinset loses must not have to be searched for."""
    medians = {name: c["median_seconds"] for name, c in race["contenders"].items()}
    if _OWN not in medians:
        return f"{_OWN} did not run."
    if len(medians) == 1:
        return f"{_OWN} ran alone."
    ratio = race["contenders"][_OWN]["ratio_to_best_other"]
    if ratio < 1:
        return f"{_OWN} wins, {standing(ratio)} than the best other."
    return f"{_OWN} LOSES to {min(medians, key=medians.get)}, {standing(ratio)}."


def lines_of(race):
    """The printed lines of one race."""
    floors = race["floors"]
    heading = f"{race['problem']}: {race['size']}" if race["size"] else race["problem"]
    if not race["contenders"]:
        return [heading, *_absentees(race)]
    columns = "".join(f"{'x ' + name:>14}" for name in floors)
    figures = f"{'median':>14}{'spread':>13}{'rounds':>8}{'to the best other':>20}"
    lines = [heading, f"  {'contender':<18}{figures}{columns}"]
    for name, figures in sorted(
        race["contenders"].items(), key=lambda item: item[1]["median_seconds"]
    ):
        mark = "~" if figures["answer"] == "rounded" else " "
        ratios = "".join(f"{figures['ratio_to_floors'][floor]:>14.2f}" for floor in floors)
        lines.append(
            f" {mark}{name:<18}{duration(figures['median_seconds']):>14}"
            f"{duration(figures['quartile_range_seconds']):>13}{figures['rounds']:>8}"
            f"{standing(figures['ratio_to_best_other']):>20}{ratios}"
        )
    for name, floor in floors.items():
        unit, scale = _UNITS[floor["unit"]]
        fastest = duration(floor["seconds"])
        lines.append(f"  floor {name}: {fastest} ({floor['rate'] / scale:,.1f} {unit})")
    for name, figures in race["contenders"].items():
        lines.extend(f"  {name}: {note}" for note in figures["notes"])
    lines.extend(_absentees(race))
    lines.append(f"  {verdict(race)}")
    return lines


def _absentees(race):
    return [f"  {name}: {reason}" for name, reason in race["absent"].items()]
