select
    content.id as content_id,
    char_length(content.body) as characters,
    coalesce(media.images, 0) as images
from {{ source('application', 'content') }} as content
left join (
    select
        content_id,
        count(*) as images
    from {{ source('application', 'images') }}
    group by content_id
) as media on content.id = media.content_id
