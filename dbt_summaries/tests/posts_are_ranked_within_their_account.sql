{{
    config(meta={
        'description': 'Posts without readings that have figures, ranks outside of those ranked, and the best not at the top.',
        'dagster': {'ref': {'name': 'post_performance'}},
    })
}}

select post_id
from {{ ref('post_performance') }}
where
    {{ in_changed_days('published_on') }}
    and (
        (readings = 0) <> (last_read_at is null)
        or (readings = 0 and num_nonnulls(engagements, impressions, reach, clicks, video_views) > 0)
        or first_read_at > last_read_at
        or num_nulls(ranked_posts, engagement_rank, engagement_percentile) not in (0, 3)
        or (engagement_rank is not null and engagements is null)
        or engagement_rank not between 1 and ranked_posts
        or (engagement_rank = 1) <> (engagement_percentile = 100)
    )
