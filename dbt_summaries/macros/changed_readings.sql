{#
    How post_daily_gains finds the readings that are not as they were when it was built. A reading seldom changes once it
    is a day old: of all readings of the changed publish days few are new. They are compared by platform, publish day
    and day of reading, each with one digest over all of its readings.
#}

{# A digest of all that a gain is made of: of a post, and of a reading of it. #}
{% macro reading_digest() -%}
    hash_record_extended(
        row(
            posts.post_id, posts.business_id, posts.social_account_id,
            observations.{{ gained_figures() | join(', observations.') }}
        ),
        0
    )
{%- endmacro %}

{#
    A pre-hook: deletes the rows of a platform and publish day from the first day of reading on that has other readings
    (or has some now, or none), as each reading is the baseline of the next. The model inserts what is not there.
#}
{% macro delete_changed_readings() %}
    {% if rebuilds_some_days() %}
        {% set first, next = changed_range() %}
        {{ lock_to_read(ref('int_reading_days')) }};
        delete from {{ this }} as outdated
        using (
            select
                platform,
                published_on,
                min(observed_on) as first_changed
            from (
                select
                    existing.platform,
                    existing.published_on,
                    existing.observed_on,
                    bit_xor(existing.reading_digest) as digest
                from {{ this }} as existing
                where existing.published_on >= {{ first }} and existing.published_on < {{ next }}
                group by existing.platform, existing.published_on, existing.observed_on
            ) as built
            full join (
                select *
                from {{ ref('int_reading_days') }}
                where published_on >= {{ first }} and published_on < {{ next }} and readings > 0
            ) as found using (platform, published_on, observed_on)
            where built.digest is distinct from found.digest
            group by platform, published_on
        ) as changed
        where
            -- Said again, as a range: the planner expects every day to have changed, and would go through the whole table.
            outdated.published_on >= {{ first }}
            and outdated.published_on < {{ next }}
            and outdated.platform = changed.platform
            and outdated.published_on = changed.published_on
            and outdated.observed_on >= changed.first_changed
    {% elif is_incremental() %}
        delete from {{ this }}
    {% endif %}
{% endmacro %}

{#
    A pre-hook: deletes the rows that posts of the changed publish days have under another one, from which a platform moved
    them. Not under another changed one: its readings are others then, and the hook above deletes them.
#}
{% macro delete_moved_posts() %}
    {% if is_incremental() %}
        {% set first, next = changed_range() %}
        -- As for replace_rows: a few posts are looked up.
        set local random_page_cost = 1.1;
        delete from {{ this }} as existing
        where
            (existing.published_on < {{ first }} or existing.published_on >= {{ next }})
            and existing.post_id in (
                select posts.id
                from {{ source(var('platforms')[0], 'published_posts') }} as posts
                where
                    posts.platform in ('{{ var('platforms') | join("', '") }}')
                    and posts.published_on >= {{ first }}
                    and posts.published_on < {{ next }}
            );
        set local random_page_cost to default
    {% endif %}
{% endmacro %}
