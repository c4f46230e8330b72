select '{"data":{"node":' || coalesce((
    select '{"id":"Issue:' || i.id || '","number":' || to_json(i.number)::text || ',"title":' || to_json(i.title)::text
        || ',"state":"' || i.state || '","reportedAt":' || to_json(i.reported_at)::text || ',"events":{"nodes":'
        || coalesce((
            select '[' || string_agg('{"kind":"' || e.kind || '","fromState":' || coalesce('"' || e.from_state || '"', 'null')
                || ',"toState":"' || e.to_state || '","reason":' || coalesce(to_json(e.reason)::text, 'null')
                || ',"at":' || to_json(e.at)::text || ',"actorName":' || to_json(e.actor_name)::text
                || ',"actor":' || case when a.id is null then 'null' else
                    '{"name":' || to_json(a.name)::text || ',"rank":"' || a.rank || '"}' end || '}', ',' order by e.id) || ']'
            from (select * from event where issue_id = i.id order by id limit 50) e
            left join cadre a on a.id = e.actor_id), '[]')
        || '}}'
    from issue i where i.id = split_part($1, ':', 2)::bigint), 'null') || '}}'
