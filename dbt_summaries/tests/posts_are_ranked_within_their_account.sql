{{
    config(meta={
        'description': 'Posts without readings that have figures, young posts without a rank, ranks outside of those ranked, and'
            ~ ' the best not at the top.',
        'dagster': {'ref': {'name': 'post_performance'}},
    })
}}

select post_id
from {{ ref('post_performance') }} as posts
where
    {{ in_changed_days('published_on') }}
    and (
        (readings > 0 and last_read_at is null)
        or (
            readings = 0
            and last_read_at is null
            and num_nonnulls(engagements, impressions, reach, clicks, video_views) > 0
        )
        or first_read_at > last_read_at
        or (
            ranked_posts is null
            and engagements is not null
            and published_on > (
                select max(others.published_on) - 90
                from {{ ref('post_performance') }} as others
                where others.social_account_id = posts.social_account_id
            )
        )
        or num_nulls(ranked_posts, engagement_rank, engagement_percentile) not in (0, 3)
        or (engagement_rank is not null and engagements is null)
        or engagement_rank not between 1 and ranked_posts
        or (engagement_rank = 1) <> (engagement_percentile = 100)
    )
