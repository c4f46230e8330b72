select convert_to('{"node":'
  || coalesce((select '{"number":'
      || (to_json(t1.number)::text)
      || ',"finderName":'
      || (to_json(t1.finder_name)::text)
      || ',"finder":'
      || case
      when t2.id is null then 'null'
      else '{"name":'
      || (to_json(t2.name)::text)
      || ',"unit":'
      || case
      when t3.id is null then 'null'
      else '{"name":'
      || (to_json(t3.name)::text)
      || '}' end
      || '}' end
      || ',"assignments":{"nodes":['
      || (select coalesce(string_agg('{"kind":"'
            || t4.kind
            || '","state":"'
            || t4.state
            || '","unit":'
            || case
            when t5.id is null then 'null'
            else '{"name":'
            || (to_json(t5.name)::text)
            || '}' end
            || ',"department":'
            || case
            when t6.id is null then 'null'
            else '{"name":'
            || (to_json(t6.name)::text)
            || '}' end
            || ',"responsible":'
            || case
            when t7.id is null then 'null'
            else '{"name":'
            || (to_json(t7.name)::text)
            || '}' end
            || '}', ','
            order by t4.id), '')
        from (select t4.*
          from assignment t4
          where t4.issue_id = t1.id
          order by t4.id
          limit 50) t4
        left join unit t5 on t5.id = t4.party_unit_id
        and t5.county_id = $4::bigint
        left join department t6 on t6.id = t4.department_id
        and t6.county_id = $5::bigint
        left join cadre t7 on t7.id = t4.responsible_id
        and t7.reach @> array[$3::bigint]
        having true)
      || ']},"events":{"nodes":['
      || (select coalesce(string_agg('{"kind":"'
            || t8.kind
            || '","toState":"'
            || t8.to_state
            || '","at":'
            || (to_json(t8.at)::text)
            || ',"actorName":'
            || (to_json(t8.actor_name)::text)
            || '}', ','
            order by t8.id), '')
        from (select t8.*
          from event t8
          where t8.issue_id = t1.id
          order by t8.id
          limit 2) t8
        having true)
      || ']}}'
      from issue t1
      left join cadre t2 on t2.id = t1.finder_id
      and t2.reach @> array[$3::bigint]
      left join unit t3 on t3.id = t2.unit_id
      and t3.county_id = $4::bigint
      where t1.id = $1::bigint
      and t1.county_id = $2::bigint), 'null')
  || '}', 'UTF8')
-- $1 = 1
-- $2 = 3
-- $3 = 3
-- $4 = 3
-- $5 = 3
