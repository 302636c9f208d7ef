"""Asset checks that look at the stored data: figures that fell, and summaries against raw figures.

Here: questions asked in SQL after a run. Not here: completeness of a day, which `post_analytics.py` knows as it works.
"""

from datetime import date

import dagster as dg
from sqlalchemy import text
from sqlalchemy.orm import Session

from analytics_pipeline.resources import DatabaseResource

_FALLEN = text(
    """
    select p.platform_post_id as post, latest.observed_on, m.metric, m.earlier, m.latest
    from published_posts p
    join lateral (
        select a.*, (a.fetched_at at time zone 'UTC')::date as observed_on
        from post_analytics a where a.post_id = p.id
        order by (a.fetched_at at time zone 'UTC')::date desc limit 1
    ) latest on true
    join lateral (
        select a.* from post_analytics a
        where a.post_id = p.id and (a.fetched_at at time zone 'UTC')::date < latest.observed_on
        order by (a.fetched_at at time zone 'UTC')::date desc limit 1
    ) earlier on true
    cross join lateral (values
        ('likes', earlier.likes_count, latest.likes_count),
        ('comments', earlier.comments_count, latest.comments_count),
        ('shares', earlier.shares_count, latest.shares_count),
        ('impressions', earlier.impressions, latest.impressions)
    ) m (metric, earlier, latest)
    where p.platform = :platform and p.published_on between :first and :last and m.latest < m.earlier
    order by m.earlier - m.latest desc
    """
)

_DIFFERENCES = text(
    """
    select s.business_id, s.platform, s.period_start, s.total_posts, r.posts, s.total_likes, r.likes
    from analytics_summaries s
    join (
        select business_id, platform, published_on, count(*) as posts, sum(likes_count) as likes
        from published_posts where published_on between :first and :last
        group by business_id, platform, published_on
    ) r on r.business_id = s.business_id and r.platform = s.platform and r.published_on = s.period_start
    where s.period_type = 'daily'
      and (s.total_posts, s.total_likes) is distinct from (r.posts, r.likes)
    order by s.period_start desc
    """
)


FIGURES_FELL = "figures_fell"


def figures_fell_spec(platform: str) -> dg.AssetCheckSpec:
    """The check that warns of figures below their earlier reading."""
    return dg.AssetCheckSpec(
        FIGURES_FELL,
        asset=[platform, "post_analytics"],
        description="Which figures are lower than at the reading before. Platforms remove spam, likes are withdrawn.",
    )


def figures_fell(session: Session, platform: str, first: date, last: date) -> dg.AssetCheckResult:
    """Looks for fallen figures of posts published on `first` to `last`. They are stored as they came."""
    rows = session.execute(_FALLEN, {"platform": platform, "first": first, "last": last}).all()
    worst = "; ".join(f"post {r.post} on {r.observed_on}: {r.metric} {r.earlier} → {r.latest}" for r in rows[:10])
    return dg.AssetCheckResult(
        check_name=FIGURES_FELL,
        passed=not rows,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(rows)} figures fell, stored as they came. {worst}" if rows else "No figure fell.",
        metadata={"figures_fallen": len(rows)},
    )


@dg.asset_check(
    asset="analytics_summaries",
    name="equals_raw",
    description="Posts and likes of the daily summaries equal those of the posts themselves.",
)
def summaries_equal_raw(context: dg.AssetCheckExecutionContext, database: DatabaseResource) -> dg.AssetCheckResult:
    """Compares daily summaries with the latest figures cached on the posts, which another path writes."""
    with database.session() as session:
        days = context.op_execution_context.partition_keys
        rows = session.execute(_DIFFERENCES, {"first": days[0], "last": days[-1]}).all()
    worst = "; ".join(
        f"business {r.business_id}, {r.platform}, {r.period_start}: {r.total_posts} posts / {r.total_likes} likes,"
        f" raw {r.posts} / {r.likes}"
        for r in rows[:10]
    )
    return dg.AssetCheckResult(
        passed=not rows,
        description=f"{len(rows)} daily summaries differ; materialise these days again. {worst}"
        if rows
        else "All equal.",
        metadata={"differences": len(rows)},
    )
