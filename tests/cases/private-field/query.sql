select convert_to('{"viewer":'
  || coalesce((select '{"cadre":'
      || case
      when t2.id is null then 'null'
      else '{"name":'
      || (to_json(t2.name)::text)
      || ',"phone":'
      || case
      when t2.id = $4::bigint then coalesce(to_json(t2.phone)::text, 'null')
      else '"\u0000cadre:private"' end
      || '}' end
      || '}'
      from account t1
      left join cadre t2 on t2.id = t1.cadre_id
      and t2.reach @> array[$3::bigint]
      where t1.id = $1::bigint
      and t1.id = $2::bigint), 'null')
  || ',"cadres":{"nodes":['
  || (select coalesce(string_agg('{"code":'
        || (to_json(t3.code)::text)
        || ',"name":'
        || (to_json(t3.name)::text)
        || ',"phone":'
        || case
        when t3.id = $4::bigint then coalesce(to_json(t3.phone)::text, 'null')
        else '"\u0000cadre:private"' end
        || '}', ','
        order by t3.code), '')
    from (select t3.*
      from cadre t3
      where t3.reach @> array[$3::bigint]
      order by t3.code
      limit 50) t3
    having true)
  || ']}}', 'UTF8')
-- $1 = 8
-- $2 = 8
-- $3 = 9
-- $4 = 1
