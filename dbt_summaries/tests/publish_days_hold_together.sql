{{
    config(meta={
        'description': 'Days with figures of no post, more figures than posts, rates of unknown figures, and engagements that'
            ~ ' are not likes, comments and shares.',
    })
}}

select
    business_id,
    platform,
    published_on
from {{ ref('int_publish_days') }}
where
    {{ in_changed_days('published_on') }}
    and (
        posts < 1
        or posts_read > posts
        {%- for figure in covered_figures() %}
        or posts_with_{{ figure }} > posts_read
        or (posts_with_{{ figure }} = 0) <> ({{ figure }} is null)
        {%- endfor %}
        or engagements <> coalesce(likes, 0) + coalesce(comments, 0) + coalesce(shares, 0)
        or posts_with_engagements < greatest(posts_with_likes, posts_with_comments, posts_with_shares)
        or num_nulls(rated_engagements, rated_impressions) not in (0, 2)
        or (posts_with_engagement_rate = 0) <> (rated_impressions is null)
        or num_nulls(rated_clicks, clickable_impressions) not in (0, 2)
        or (posts_with_click_through_rate = 0) <> (clickable_impressions is null)
        or (posts_with_engagements = 0) <> (top_rank is null)
    )
