select '{"data":{"issues":{"nodes":' || coalesce('[' || string_agg(
    '{"id":"Issue:' || i.id || '","number":' || to_json(i.number)::text || ',"title":' || to_json(i.title)::text
    || ',"description":' || to_json(i.description)::text || ',"state":"' || i.state || '","source":"' || i.source
    || '","complexity":' || coalesce('"' || i.complexity || '"', 'null')
    || ',"finderName":' || to_json(i.finder_name)::text || ',"finderRank":"' || i.finder_rank
    || '","reportedAt":' || to_json(i.reported_at)::text || ',"dueAt":' || coalesce(to_json(i.due_at)::text, 'null')
    || ',"version":' || i.version || ',"unit":{"name":' || to_json(v.name)::text
    || ',"parent":' || case when t.id is null then 'null' else '{"name":' || to_json(t.name)::text
    || ',"parent":' || case when c.id is null then 'null' else '{"name":' || to_json(c.name)::text || '}' end
    || '}' end || '},"finder":' || case when f.id is null then 'null' else
    '{"name":' || to_json(f.name)::text || ',"unit":{"name":' || to_json(h.name)::text || '}}' end || '}',
    ',' order by i.reported_at desc, i.id desc) || ']', '[]') || '}}}'
from (select * from issue where county_id = (select id from unit where code = $1)
      order by reported_at desc, id desc limit 50) i
join unit v on v.id = i.unit_id
left join unit t on t.id = v.parent_id
left join unit c on c.id = t.parent_id
left join cadre f on f.id = i.finder_id
left join unit h on h.id = f.unit_id
