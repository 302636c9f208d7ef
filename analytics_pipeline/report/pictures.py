"""The pictures of a report, as SVG that a page holds within itself.

Here: what is drawn. Not here: figures (`tables.py`), the page (`page.py`). What is unknown is a gap, never a zero.
"""

from io import StringIO

import pandas as pd
from matplotlib.figure import Figure

_COLOURS = {"linkedin": "#0a66c2", "twitter": "#444444", "facebook": "#e08a00", "instagram": "#c13584"}
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def trend(summaries: pd.DataFrame, column: str, title: str) -> str:
    """A line per platform over the periods; a period without the figure is a gap."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots()
    periods = pd.Index(sorted(summaries["period_start"].unique().tolist()))
    for platform, rows in summaries[summaries["platform"] != "all"].groupby("platform"):
        values = rows.set_index("period_start")[column].reindex(periods).astype("Float64")
        axes.plot(
            pd.to_datetime(periods), values.to_numpy(dtype="float64", na_value=float("nan")),
            marker="o", markersize=3, label=str(platform), color=_COLOURS.get(str(platform)),
        )  # fmt: skip
    axes.set_title(title, loc="left")
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=4, fontsize="small")
    figure.autofmt_xdate()
    return _svg(figure)


def followers(table: pd.DataFrame) -> str:
    """A line per account over the days, each on a scale of its own: accounts differ by orders of magnitude."""
    accounts = list(table.groupby("account"))
    figure = Figure(figsize=(9, 1.4 * len(accounts) + 0.6), layout="constrained")
    for axes, (account, rows) in zip(
        figure.subplots(len(accounts), 1, sharex=True, squeeze=False)[:, 0], accounts, strict=True
    ):
        platform = str(account).split(" ", 1)[0]
        axes.plot(pd.to_datetime(rows["day"]), rows["followers"].astype("float64"), color=_COLOURS.get(platform))
        axes.set_title(str(account), loc="left", fontsize="small")
        axes.grid(axis="y", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.autofmt_xdate()
    return _svg(figure)


def posting_times(table: pd.DataFrame) -> str:
    """The median engagement rate by weekday and hour; hours without a rated post are white."""
    grid = table.assign(rate=table["median_engagement_rate"].astype("float64")).pivot_table(
        index="weekday", columns="hour", values="rate", aggfunc="median"
    )
    grid = grid.reindex(index=range(1, 8), columns=range(24))
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(grid.to_numpy(dtype="float64"), aspect="auto", cmap="viridis")
    axes.set_yticks(range(7), WEEKDAYS)
    axes.set_xticks(range(0, 24, 3), [f"{hour}:00" for hour in range(0, 24, 3)])
    figure.colorbar(image, label="median engagement rate, %")
    return _svg(figure)


def _svg(figure: Figure) -> str:
    file = StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()[file.getvalue().index("<svg") :]
