"""Asset checks that look at the stored data after a run: odd figures, and summaries against raw figures.

Not here: completeness of a day, which `post_analytics.py` knows as it works; the state of a platform (`state_checks.py`).
"""

from collections.abc import Iterator, Sequence
from datetime import date

import dagster as dg
from sqlalchemy import text
from sqlalchemy.orm import Session

from analytics_pipeline.resources import DatabaseResource

_METRICS = """
    cross join lateral (values
        ('likes', earlier.likes_count, latest.likes_count),
        ('comments', earlier.comments_count, latest.comments_count),
        ('shares', earlier.shares_count, latest.shares_count),
        ('impressions', earlier.impressions, latest.impressions),
        ('reach', earlier.reach, latest.reach),
        ('clicks', earlier.clicks, latest.clicks),
        ('video views', earlier.video_views, latest.video_views)
    ) m (metric, earlier, latest)
"""
_LATEST = """
    from published_posts p
    join lateral (
        select a.*, (a.fetched_at at time zone 'UTC')::date as observed_on
        from post_analytics a where a.post_id = p.id
        order by (a.fetched_at at time zone 'UTC')::date desc limit 1
    ) latest on true
"""
_LATEST_AND_EARLIER = f"""
    {_LATEST}
    join lateral (
        select a.* from post_analytics a
        where a.post_id = p.id and (a.fetched_at at time zone 'UTC')::date < latest.observed_on
        order by (a.fetched_at at time zone 'UTC')::date desc limit 1
    ) earlier on true
    {_METRICS}
"""  # noqa: S608 - our own words
_OF_RANGE = "p.platform = :platform and p.published_on between :first and :last"

_FALLEN = text(
    f"""
    select p.platform_post_id as post, latest.observed_on, m.metric, m.earlier, m.latest
    {_LATEST_AND_EARLIER}
    where {_OF_RANGE} and m.latest < m.earlier and m.metric in ('likes', 'comments', 'shares', 'impressions')
    order by m.earlier - m.latest desc
    """
)

_NO_LONGER_REPORTED = text(
    f"""
    select m.metric, count(m.earlier) as posts
    {_LATEST_AND_EARLIER}
    where {_OF_RANGE}
    group by m.metric
    having count(m.earlier) >= :least and count(m.latest) = 0
    order by m.metric
    """
)

_ABSURD = text(
    f"""
    select p.platform_post_id as post, latest.observed_on, said.what
    {_LATEST}
    cross join lateral (values
        (latest.likes_count < 0, format('%s likes', latest.likes_count)),
        (latest.comments_count < 0, format('%s comments', latest.comments_count)),
        (latest.shares_count < 0, format('%s shares', latest.shares_count)),
        (latest.impressions < 0, format('%s impressions', latest.impressions)),
        (latest.reach > latest.impressions, format('reach %s above %s impressions', latest.reach, latest.impressions)),
        (latest.engagement_rate > 100, format('an engagement rate of %s %%', round(latest.engagement_rate::numeric, 1))),
        (latest.click_through_rate > 100, format('%s clicks on %s impressions', latest.clicks, latest.impressions))
    ) said (absurd, what)
    where {_OF_RANGE} and said.absurd
    order by latest.observed_on desc, p.platform_post_id
    """
)

_COMPARED = ("posts", "likes", "comments", "shares", "impressions")
_DIFFERENCES = text(
    """
    select b.name as business, r.platform, r.published_on as day,
        array[r.posts, r.likes, r.comments, r.shares, r.impressions] as raw,
        array[s.total_posts, s.total_likes, s.total_comments, s.total_shares, s.total_impressions] as summed
    from (
        select business_id, platform, published_on, count(*) as posts, sum(likes_count)::bigint as likes,
            sum(comments_count)::bigint as comments, sum(shares_count)::bigint as shares,
            sum(impressions)::bigint as impressions
        from published_posts where published_on between :first and :last
        group by business_id, platform, published_on
    ) r
    join businesses b on b.id = r.business_id
    left join analytics_summaries s
        on s.business_id = r.business_id and s.platform = r.platform and s.period_start = r.published_on
        and s.period_type = 'daily'
    where (s.total_posts, s.total_likes, s.total_comments, s.total_shares, s.total_impressions)
        is distinct from (r.posts, r.likes, r.comments, r.shares, r.impressions)
    order by r.published_on desc, b.name, r.platform
    """
)


FIGURES_FELL = "figures_fell"
ABSURD_FIGURES = "absurd_figures"
METRICS_REPORTED = "metrics_still_reported"
LEAST_POSTS = 3
"""Posts that had a metric and all lost it, from which on it is the platform that dropped it."""

_DESCRIPTIONS = {
    FIGURES_FELL: "Which figures are lower than at the reading before. Platforms remove spam, likes are withdrawn.",
    ABSURD_FIGURES: "Which figures cannot be: below zero, reach above impressions, rates above 100 %.",
    METRICS_REPORTED: "Which metrics the platform gave at the reading before, and gives for no post now.",
}


def figure_check_specs(platform: str) -> list[dg.AssetCheckSpec]:
    """The checks that warn of what is odd about the figures of a run."""
    return [
        dg.AssetCheckSpec(name, asset=[platform, "post_analytics"], description=description)
        for name, description in _DESCRIPTIONS.items()
    ]


def figure_checks(session: Session, platform: str, first: date, last: date) -> Iterator[dg.AssetCheckResult]:
    """Looks at the figures of posts published on `first` to `last`. They are stored as they came, whatever is found."""
    of_range = {"platform": platform, "first": first, "last": last}
    rows = session.execute(_FALLEN, of_range).all()
    fallen = [f"post {r.post} on {r.observed_on}: {r.metric} {r.earlier} → {r.latest}" for r in rows]
    yield _warning(FIGURES_FELL, fallen, "figures fell, stored as they came; nothing is to be done", "No figure fell.")
    rows = session.execute(_ABSURD, of_range).all()
    absurd = [f"post {r.post} on {r.observed_on}: {r.what}" for r in rows]
    yield _warning(
        ABSURD_FIGURES,
        absurd,
        "figures cannot be, stored as the platform gave them; the next reading looks again",
        "No figure is absurd.",
    )
    rows = session.execute(_NO_LONGER_REPORTED, {**of_range, "least": LEAST_POSTS}).all()
    lost = [f"{r.metric}, known of {r.posts} posts at the reading before" for r in rows]
    yield _warning(
        METRICS_REPORTED,
        lost,
        "metrics are no longer reported and NULL from now on; see `analytics-pipeline platforms`, and META_API_VERSION or "
        "LINKEDIN_API_VERSION",
        "Every metric known before is still reported.",
    )


def _warning(name: str, found: Sequence[str], what: str, all_is_well: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(found)} {what}. {'; '.join(found[:10])}" if found else all_is_well,
        metadata={"found": len(found)},
    )


@dg.asset_check(
    asset="analytics_summaries",
    name="equals_raw",
    description="Every day with posts has a summary, whose posts, likes, comments, shares and impressions are theirs.",
)
def summaries_equal_raw(context: dg.AssetCheckExecutionContext, database: DatabaseResource) -> dg.AssetCheckResult:
    """Compares daily summaries with the latest figures cached on the posts, which another path writes."""
    run = context.op_execution_context
    days = run.partition_keys if run.has_partitions else [date.min.isoformat(), date.max.isoformat()]  # run alone: all
    with database.session() as session:
        return compare_with_raw(session, date.fromisoformat(days[0]), date.fromisoformat(days[-1]))


def compare_with_raw(session: Session, first: date, last: date) -> dg.AssetCheckResult:
    """The check itself, for posts published on `first` to `last`."""
    rows = session.execute(_DIFFERENCES, {"first": first, "last": last}).all()
    worst = "; ".join(f"{r.business}, {r.platform}, {r.day}: {_difference(r.summed, r.raw)}" for r in rows[:10])
    return dg.AssetCheckResult(
        passed=not rows,
        description=f"{len(rows)} daily summaries differ; materialise these days again. {worst}"
        if rows
        else "All equal.",
        metadata={"differences": len(rows)},
    )


def _difference(summed: Sequence[int | None], raw: Sequence[int | None]) -> str:
    if summed[0] is None:
        return f"no summary of {raw[0]} posts"
    of_each = zip(_COMPARED, summed, raw, strict=True)
    return ", ".join(f"{name} {ours}, raw {theirs}" for name, ours, theirs in of_each if ours != theirs)
