{# Columns of analytics_summaries of which a longer period, or `all`, has the sum. #}
{% macro additive_figures() %}
    {{ return([
        'total_posts', 'total_likes', 'total_comments', 'total_shares', 'total_engagements', 'total_impressions',
        'total_reach', 'total_clicks', 'total_video_views',
    ]) }}
{% endmacro %}
