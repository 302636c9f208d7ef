{{
    config(
        severity='warn',
        meta={
            'description': 'Posts with gains that are not in int_posts, and posts that were read without gains. Warns only:'
                ~ ' posts may come and go between the building of the two.',
            'dagster': {'ref': {'name': 'post_daily_gains'}},
        },
    )
}}

with posts as (
    select
        post_id,
        published_on
    from {{ ref('int_posts') }}
    where {{ in_changed_days('published_on') }} and read_at is not null
),

gains as (
    select distinct
        post_id,
        published_on
    from {{ ref('post_daily_gains') }}
    where {{ in_changed_days('published_on') }}
)

select
    post_id,
    published_on
from posts
full join gains using (post_id, published_on)
where num_nulls(posts.post_id, gains.post_id) > 0
