"""The pictures of a report, as SVG that a page holds within itself.

Here: what is drawn. Not here: figures (`tables.py`), the page (`page.py`). What is unknown is a gap, never a zero.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from io import StringIO
from warnings import catch_warnings, filterwarnings

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, DayLocator
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, MaxNLocator

_COLOURS = {"linkedin": "#0a66c2", "twitter": "#444444", "facebook": "#e08a00", "instagram": "#c13584"}
_MOST_LABELS = 9
_LONGEST_NAME = 100
"""Letters that fit over a picture: for a longer title the lines would give way, down to nothing."""
_LEAST_HEIGHT = 2
"""Followers above and below a level that hardly moves."""
_FEW_DAYS = 10
"""Up to so many, each has its name under the picture."""
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def trend(
    summaries: pd.DataFrame, periods: Sequence[date], column: str, title: str, name_of: Callable[[date], str]
) -> str:
    """A line per platform over the periods (their first days), named by `name_of`; one without the figure is a gap."""
    figure = Figure(figsize=(9, 3), layout="constrained")
    axes = figure.subplots()
    places = range(len(periods))
    for platform, rows in summaries[summaries["platform"] != "all"].groupby("platform"):
        values = rows.set_index("period_start")[column].reindex(pd.Index(periods)).astype("Float64")
        axes.plot(
            places, values.to_numpy(dtype="float64", na_value=float("nan")),
            marker=".", markersize=4, label=str(platform), color=_COLOURS.get(str(platform)),
        )  # fmt: skip
    shown = places[:: -len(periods) // _MOST_LABELS]  # the newest in any case
    axes.set_xticks(shown, [name_of(periods[place]) for place in shown])
    axes.set_xlim(-0.5, len(periods) - 0.5)  # not by what is known: a gap at the end is one as well
    axes.set_title(title, loc="left")
    if summaries[column].isna().all():
        axes.text(0.5, 0.5, "nothing is known", transform=axes.transAxes, ha="center", color="#666666")
        axes.set_yticks([])
    elif summaries[column].dtype == "Int64":
        axes.yaxis.set_major_locator(MaxNLocator("auto", integer=True))
        axes.set_ylim(top=max(axes.get_ylim()[1], 1))
    axes.set_ylim(bottom=min(0, axes.dataLim.y0))
    _plain(axes)
    axes.legend(frameon=False, ncols=4, fontsize="small", loc="lower left", bbox_to_anchor=(0.4, 1))
    return _svg(figure)


def followers(table: pd.DataFrame) -> str:
    """A line per account over the days, each on a scale of its own: accounts differ by orders of magnitude."""
    accounts = list(table.groupby("account"))
    figure = Figure(figsize=(9, 1.5 * len(accounts) + 0.4), layout="constrained")
    days = pd.date_range(table["day"].min(), table["day"].max())
    for axes, (account, rows) in zip(
        figure.subplots(len(accounts), 1, sharex=True, squeeze=False)[:, 0], accounts, strict=True
    ):
        platform = str(account).split(" ", 1)[0]
        levels = rows.set_index(pd.to_datetime(rows["day"]))["followers"].astype("float64").reindex(days)
        # With points: a day between two unknown ones would be no line.
        axes.plot(days, levels, marker=".", markersize=4, color=_COLOURS.get(platform))
        name = str(account)
        name = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
        axes.set_title(name, loc="left", fontsize="small")
        if levels.max() - levels.min() < 2 * _LEAST_HEIGHT:
            axes.set_ylim(levels.min() - _LEAST_HEIGHT, levels.max() + _LEAST_HEIGHT)
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        locator = DayLocator() if len(days) <= _FEW_DAYS else AutoDateLocator()  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        axes.set_xlim(days[0] - timedelta(days=1), days[-1] + timedelta(days=1))
        _plain(axes)
    return _svg(figure)


def posting_times(table: pd.DataFrame) -> str:
    """The median engagement rate by weekday and hour, with the number of posts that it is of; others are white."""
    grid = table.assign(rate=table["median_engagement_rate"].astype("float64")).pivot_table(
        index="weekday", columns="hour", values="rate", aggfunc="median"
    )
    grid = grid.reindex(index=range(1, 8), columns=range(24))
    figure = Figure(figsize=(9, 2.4), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(grid.to_numpy(dtype="float64"), aspect="auto", cmap="YlGnBu")
    middle = (grid.min().min() + grid.max().max()) / 2
    for row in table[table["rated_posts"] > 0].to_dict("records"):
        rate = grid.loc[row["weekday"], row["hour"]]
        axes.text(
            row["hour"], row["weekday"] - 1, row["rated_posts"], ha="center", va="center", fontsize="x-small",
            color="white" if rate > middle else "#444444",
        )  # fmt: skip
    axes.set_yticks(range(7), WEEKDAYS)
    axes.set_xticks(range(0, 24, 3), [f"{hour}:00" for hour in range(0, 24, 3)])
    axes.spines[:].set_visible(False)
    if grid.notna().any(axis=None):
        figure.colorbar(image, label="median rate, %")
    else:
        axes.set_title("No engagement rate is known", loc="left", fontsize="small")
    return _svg(figure)


def _plain(axes: Axes) -> None:
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.9f}".rstrip("0").rstrip(".")))
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _svg(figure: Figure) -> str:
    file = StringIO()
    for words in figure.findobj():
        if isinstance(words, Text):
            words.set_parse_math(False)  # dollars in a name are no formula
    # Words as words, which can be read aloud and searched.
    with mpl.rc_context({"svg.fonttype": "none", "font.family": "sans-serif"}), catch_warnings():
        filterwarnings("ignore", "Glyph .* missing from font")  # of this machine: the words get the reader's
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()[file.getvalue().index("<svg") :]
