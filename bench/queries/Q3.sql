select '{"data":{"city":{"counties":{"nodes":[' || string_agg(
    '{"name":' || to_json(name)::text || ',"metrics":{"rectificationRate":{"numerator":' || coalesce(rectified, 0)
    || ',"denominator":' || coalesce(total, 0) || ',"rate":' || coalesce((rectified::float8 / nullif(total, 0))::text, 'null')
    || '},"overdue":{"numerator":' || coalesce(overdue, 0) || '}}}', ',' order by code) || ']}}}}'
from unit c left join (
    select county_id, count(*) as total, count(*) filter (where state in ('RECTIFIED', 'CLOSED')) as rectified,
           count(*) filter (where due_at < now() and state in ('ASSIGNED', 'RECTIFYING', 'FEEDBACK')) as overdue
    from issue where handed_over_at is not null and state <> 'DISMISSED' group by county_id) n
    on n.county_id = c.id
where c.level = 'COUNTY'
