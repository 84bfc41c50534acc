"""What lies outside its axes in a plotly figure, and is therefore not seen."""

import base64

import numpy as np


def values(array) -> np.ndarray:
    """Numbers of an array as plotly writes it, NaN for what is none."""
    if isinstance(array, dict):
        found = np.frombuffer(base64.b64decode(array["bdata"]), array["dtype"])
        return found.astype(float)
    if isinstance(array, int | float | None):
        array = [array]
    return np.array([np.nan if v is None else v for v in array], dtype=float)


def span(layout: dict, name: str) -> tuple[float, float] | None:
    """Ends of an axis that has a range; name as plotly's traces have it: "x", "y2"."""
    axis = layout.get(f"{name[0]}axis{name[1:]}", {})
    if "range" not in axis:
        return None
    low, high = sorted(axis["range"])
    slack = 1e-6 * (high - low)
    return low - slack, high + slack


def ends(trace: dict, letter: str) -> list[np.ndarray]:
    """Where a trace's points are along an axis, and the ends of its error bars."""
    if trace.get("type") == "image":
        source = trace["source"].partition(",")[2]
        size = np.frombuffer(base64.b64decode(source)[16:24], ">u4")["xy".index(letter)]
        first, step = trace[f"{letter}0"], trace[f"d{letter}"]
        return [first + step * (np.array([0, size]) - 0.5)]
    if letter not in trace:
        return []
    points = values(trace[letter])
    if trace.get("type") == "bar" and trace.get("orientation") == "h" and letter == "x":
        points = points + values(trace.get("base", 0))
    bars = trace.get(f"error_{letter}", {})
    signs = {"array": 1, "arrayminus": -1}
    return [points, *(points + signs[k] * values(bars[k]) for k in signs if k in bars)]


def outside(figure: dict) -> list[str]:
    """Points, error bars and words of a figure and its frames that lie outside their axes."""
    layout, found = figure["layout"], []
    drawn = [("", trace) for trace in figure["data"]]
    for frame in figure.get("frames", []):
        moved = zip(frame["traces"], frame["data"], strict=True)
        drawn += [(f" at {frame['name']}", figure["data"][i] | trace) for i, trace in moved]

    def check(what: str, axis: str, places: np.ndarray) -> None:
        limits = span(layout, axis)
        kind = layout.get(f"{axis[0]}axis{axis[1:]}", {}).get("type")
        places = np.log10(places) if kind == "log" and what != "words" else places
        for place in places[np.isfinite(places)] if limits else ():
            if not limits[0] <= place <= limits[1]:
                found.append(f"{what}: {place:.3g} on {axis}, which ends at {limits}")

    for when, trace in drawn:
        if trace.get("type") == "contour":  # a line through it, drawn a cell beyond
            continue
        for letter in "xy":
            for places in ends(trace, letter):
                name = trace.get("name") or trace.get("mode") or trace.get("type")
                check(f"{name}{when}", trace.get(f"{letter}axis", letter), places)
    for note in layout.get("annotations", []):
        for letter in "xy":
            axis = note.get(f"{letter}ref", "paper")
            if "domain" not in axis and axis != "paper":
                check("words", axis, values(note[letter]))
    return found
