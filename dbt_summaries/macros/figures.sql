{# What a reading may tell of a post, as staging names it → as post_analytics and docs/metrics.md name it. #}
{% macro post_metrics() %}
    {{ return({
        'likes': 'likes_count', 'comments': 'comments_count', 'shares': 'shares_count', 'reactions': 'reactions_count',
        'retweets': 'retweets_count', 'quote_tweets': 'quote_tweets_count', 'bookmarks': 'bookmarks_count',
        'impressions': 'impressions', 'reach': 'reach', 'clicks': 'clicks', 'url_clicks': 'url_clicks',
        'profile_clicks': 'profile_clicks', 'video_views': 'video_views', 'video_watch_time': 'video_watch_time',
    }) }}
{% endmacro %}

{# What a platform may tell of a whole account and day. #}
{% macro account_metrics() %}
    {{ return([
        'followers', 'follower_gain', 'impressions', 'reach', 'clicks', 'likes', 'comments', 'shares', 'engagements',
        'profile_views', 'video_views',
    ]) }}
{% endmacro %}

{# Figures whose gains are told per post; engagements follow from the first three. #}
{% macro gained_figures() %}
    {{ return(['likes', 'comments', 'shares', 'impressions', 'reach', 'clicks', 'video_views']) }}
{% endmacro %}

{# Figures whose gains are added up over posts: all but reach, as who saw two posts would count twice. #}
{% macro summed_gains() %}
    {{ return(['likes', 'comments', 'shares', 'engagements', 'impressions', 'clicks', 'video_views']) }}
{% endmacro %}

{# Figures of whole accounts that stand next to the gains. #}
{% macro shown_account_figures() %}
    {{ return([
        'impressions', 'likes', 'comments', 'shares', 'engagements', 'clicks', 'video_views', 'profile_views',
        'follower_gain',
    ]) }}
{% endmacro %}

{# Figures of posts of which summaries say how many posts have them. #}
{% macro covered_figures() %}
    {{ return(['likes', 'comments', 'shares', 'engagements', 'impressions', 'reach', 'clicks', 'video_views']) }}
{% endmacro %}

{# What summary_coverage counts. #}
{% macro coverage_counts() %}
    {{ return([
        'posts_read', 'posts_with_likes', 'posts_with_comments', 'posts_with_shares', 'posts_with_engagements',
        'posts_with_impressions', 'posts_with_reach', 'posts_with_clicks', 'posts_with_video_views',
        'posts_with_engagement_rate', 'posts_with_click_through_rate',
    ]) }}
{% endmacro %}

{# The engagements of a row: of likes, comments and shares those that are known; unknown when none is. #}
{% macro engagements_of(row) -%}
    case
        when num_nonnulls({{ row }}.likes, {{ row }}.comments, {{ row }}.shares) > 0
            then coalesce({{ row }}.likes, 0) + coalesce({{ row }}.comments, 0) + coalesce({{ row }}.shares, 0)
    end
{%- endmacro %}
