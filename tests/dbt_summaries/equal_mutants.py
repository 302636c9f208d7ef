"""Mutants of `mutants.py` that no test can find, and why: (model or macro, the changed line) → the reason."""

_INDEX = "it only lets an index be used: what else is read is left out further on, or makes the same figures"
_JOINED = "each row has its partner: the key comes from the table that is joined"
_DISTINCT = "no two rows are the same: each has its own key"
_PLANNER = "it only has the planner look up account by account"
_CANDIDATES = "more posts are compared; what is written is only what is ranked otherwise than before"
_COUNT = "counts are never unknown"

EQUAL: dict[tuple[str, str], str] = {
    (model, line): reason
    for reason, lines in {
        _INDEX: [
            ("analytics_summaries", "without and published_on < {{ next_month }} + interval '1 month'"),
            ("analytics_summaries", "without and starts.period_start >= changed.first_start - changed.length"),
            ("analytics_summaries", "without and starts.period_start <= changed.next_start"),
            ("analytics_summaries", "and published_on <= {{ next_month }} + interval '1 month'"),
            ("summary_coverage", "without and days.published_on < greatest({{ next }}, {{ next_week }})"),
            ("summary_coverage", "and days.published_on <= greatest({{ next }}, {{ next_week }})"),
            ("posting_times", "without and of_account.published_on >= windows.window_start - 1"),
            (
                "engagements_after",
                "without and {{ day_of_reading() }} >= ({{ published_at }} + interval '{{ age }}')::date",
            ),
            (
                "engagements_after",
                "without and {{ day_of_reading() }} <= "
                "({{ published_at }} + interval '{{ age }}' + interval '{{ tolerance }}')::date",
            ),
            ("delete_changed_readings", "without and outdated.published_on < {{ next }}"),
            ("delete_changed_readings", "and outdated.published_on <= {{ next }}"),
            (
                "delete_changed_readings",
                "where existing.published_on >= {{ first }} and existing.published_on <= {{ next }}",
            ),
            (
                "delete_changed_readings",
                "where published_on >= {{ first }} and published_on <= {{ next }} and readings > 0",
            ),
            (
                "what_differs",
                "select * from {{ this }} where {{ window }} >= {{ first }} and {{ window }} <= {{ next }}",
            ),
        ],
        _JOINED: [
            (
                "analytics_summaries",
                "left join changed on days.published_on between changed.first_start - changed.length and changed.next_start",
            ),
            ("analytics_summaries", "left join changed on summaries.period_type = changed.period_type"),
            ("post_performance", "left join medians on ranked_posts.social_account_id = medians.social_account_id"),
            (
                "posting_times",
                "left join {{ ref('stg_businesses') }} as businesses on newest.business_id = businesses.business_id",
            ),
            ("posting_times", "left join accounts on hours.social_account_id = accounts.social_account_id"),
        ],
        _DISTINCT: [
            ("analytics_summaries", "union"),
            ("activity_summaries", "union"),
            ("account_growth", "union"),
            ("platform_coverage", "union"),
            ("post_performance", "union"),
            ("what_differs", "union"),
            ("create_touched_days", r"{{ changes | join('\n        union\n        ') }}"),
        ],
        _PLANNER: [
            ("post_performance", "order by existing.published_on desc"),
            ("posting_times", "order by of_account.published_on desc"),
        ],
        _CANDIDATES: [
            ("post_performance", "min(posts.changed_on) as newest_changed"),
            ("post_performance", "select min(posts.published_on)"),
            ("post_performance", "least("),
            ("post_performance", "without and existing.published_on > accounts.ranked_after"),
            ("post_performance", "and existing.published_on >= accounts.ranked_after"),
            ("post_performance", "and (posts.published_on < {{ first }} or posts.published_on > {{ next }})"),
            ("post_performance", "where posts.published_on >= {{ first }} and posts.published_on <= {{ next }}"),
            ("post_performance", "where published_on >= {{ first }} and published_on <= {{ next }}"),
            ("post_performance", ") - 91 as ranked_after"),
        ],
        _COUNT: [
            ("summary_coverage", "coalesce(sum(days.posts), 0)::bigint as total_posts"),
            ("summary_coverage", "coalesce(sum(days.{{ count }}), 0)::bigint as {{ count }}"),
            ("platform_coverage", "coalesce(sum(days.readings), 0)::bigint as readings,"),
            ("platform_coverage", "coalesce(sum(days.account_days), 0)::bigint as readings,"),
            ("platform_coverage", "coalesce(sum(metrics.known), 0)::bigint as known"),
            ("platform_coverage", "having coalesce(sum(days.readings), 0) > 0"),
            ("platform_coverage", "having coalesce(sum(days.account_days), 0) > 0"),
        ],
        "a sum of counts is above 0 where their mean is": [
            ("platform_coverage", "having avg(days.readings) > 0"),
            ("platform_coverage", "having avg(days.account_days) > 0"),
        ],
        "where no post has impressions, their sum is unknown, and so is what is divided": [
            ("benchmarks", "months.impressions::double precision / months.posts_with_impressions,"),
            ("int_account_months", "coalesce(sum(impressions), 0)::bigint as impressions,"),
        ],
        "what is equal to the quartile is in the quarter of the line before": [
            ("benchmarks", "when figures.value >= peers.quartiles[3] then 4"),
        ],
        "of no post there are no readings, and before no reading no figures": [
            ("post_daily_gains", "left join {{ ref('stg_published_posts') }} as posts"),
            ("post_daily_gains", "inner join lateral ("),
        ],
        "more readings are looked through, with the same end": [
            (
                "post_daily_gains",
                "{{ 'and ' if not loop.first }}(count(*) = 0 or count(before.{{ figure }}) > 0)",
            ),
        ],
        "a day more is looked at, and touched only if it changed after the mart was built": [
            ("changed_gains", "where found.published_on >= {{ first }} and found.published_on <= {{ next }}"),
            ("changed_reading_days", "where published_on >= {{ first }} and published_on <= {{ next }}"),
            ("changed_account_days", "where day >= {{ first }} and day <= {{ next }}"),
        ],
        "no two transactions begin at the same moment": [
            ("create_touched_days", "max(changes.changed_at) > coalesce("),
        ],
        "posts of the day behind are written as they are, earlier than with their own day": [
            ("int_posts", "where published_on >= {{ first }} and published_on <= {{ next }}"),
        ],
        "a post eight days before counts like none: over 7": [
            ("content_types", "where published_on >= {{ first }} - 8 and published_on < {{ next }}"),
        ],
        "an account more is built anew, as it was": [
            (
                "delete_changed_windows",
                "where figures.published_on >= {{ first }} and figures.published_on <= {{ next }}",
            ),
        ],
        "unknown rates stand last in the array, behind those that are looked at": [
            ("posting_times", "array_agg(engagement_rate order by engagement_rate)  as rates,"),
        ],
    }.items()
    for model, line in lines
}
