{{ config(meta={'description': 'Quartiles of fewer than five accounts, or out of order.'}) }}

select *
from {{ ref('benchmarks') }}
where
    (num_nonnulls(peer_quartile_1, peer_median, peer_quartile_3, quarter) > 0 and peer_accounts < 5)
    or peer_quartile_1 > peer_median
    or peer_median > peer_quartile_3
