select convert_to('{"city":'
  || coalesce((select '{"name":'
      || (to_json(t1.name)::text)
      || '}'
      from unit t1
      where t1.id = $1::bigint
      and t1.county_id = $2::bigint
      and t1.level = 'CITY'), 'null')
  || ',"beside":'
  || coalesce((select '{"name":'
      || (to_json(t2.name)::text)
      || '}'
      from unit t2
      where t2.code = $3::text
      and t2.county_id = $2::bigint), 'null')
  || ',"unit":'
  || coalesce((select '{"name":'
      || (to_json(t3.name)::text)
      || ',"parent":'
      || case
      when t4.id is null then 'null'
      else '{"name":'
      || (to_json(t4.name)::text)
      || '}' end
      || ',"children":{"nodes":['
      || (select coalesce(string_agg('{"name":'
            || (to_json(t5.name)::text)
            || ',"parent":'
            || case
            when t6.id is null then 'null'
            else '{"name":'
            || (to_json(t6.name)::text)
            || ',"parent":'
            || case
            when t7.id is null then 'null'
            else '{"name":'
            || (to_json(t7.name)::text)
            || '}' end
            || '}' end
            || '}', ','
            order by t5.code), '')
        from (select t5.*
          from unit t5
          where t5.parent_id = t3.id
          and t5.county_id = $2::bigint
          order by t5.code
          limit 50) t5
        left join unit t6 on t6.id = t5.parent_id
        and t6.county_id = $2::bigint
        left join unit t7 on t7.id = t6.parent_id
        and t7.county_id = $2::bigint
        having true)
      || ']}}'
      from unit t3
      left join unit t4 on t4.id = t3.parent_id
      and t4.county_id = $2::bigint
      where t3.code = $4::text
      and t3.county_id = $2::bigint), 'null')
  || '}', 'UTF8')
-- $1 = 1
-- $2 = 3
-- $3 = '411082'
-- $4 = '411024'
