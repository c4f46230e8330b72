select convert_to('{"units":{"nodes":['
  || (select coalesce(string_agg(case
        when t1.level = 'CITY' then '{"__typename":"City","name":'
        || (to_json(t1.name)::text)
        || '}'
        when t1.level = 'COUNTY' then '{"__typename":"County","name":'
        || (to_json(t1.name)::text)
        || ',"townships":{"nodes":['
        || (select coalesce(string_agg('{"name":'
              || (to_json(t2.name)::text)
              || ',"villages":{"nodes":['
              || (select coalesce(string_agg('{"name":'
                    || (to_json(t3.name)::text)
                    || '}', ','
                    order by t3.code), '')
                from (select t3.*
                  from unit t3
                  where t3.township_id = t2.id
                  and t3.county_id = $1::bigint
                  and t3.level = 'VILLAGE'
                  order by t3.code
                  limit 1) t3
                having true)
              || ']}}', ','
              order by t2.code), '')
          from (select t2.*
            from unit t2
            where t2.county_id = t1.id
            and t2.county_id = $1::bigint
            and t2.level = 'TOWNSHIP'
            order by t2.code
            limit 50) t2
          having true)
        || ']}}'
        when t1.level = 'TOWNSHIP' then '{"__typename":"Township","name":'
        || (to_json(t1.name)::text)
        || ',"county":'
        || case
        when t4.id is null then 'null'
        else '{"name":'
        || (to_json(t4.name)::text)
        || '}' end
        || ',"villages":{"totalCount":'
        || (select count(*)
          from unit t5
          where t5.township_id = t1.id
          and t5.county_id = $1::bigint
          and t5.level = 'VILLAGE')
        || '}}'
        when t1.level = 'VILLAGE' then '{"__typename":"Village","name":'
        || (to_json(t1.name)::text)
        || ',"township":'
        || case
        when t6.id is null then 'null'
        else '{"name":'
        || (to_json(t6.name)::text)
        || ',"county":'
        || case
        when t7.id is null then 'null'
        else '{"name":'
        || (to_json(t7.name)::text)
        || '}' end
        || '}' end
        || '}' end, ','
        order by t1.code), '')
    from (select t1.*
      from unit t1
      where t1.county_id = $1::bigint
      order by t1.code
      limit 4) t1
    left join unit t4 on t4.id = t1.county_id
    and t4.county_id = $1::bigint
    left join unit t6 on t6.id = t1.township_id
    and t6.county_id = $1::bigint
    left join unit t7 on t7.id = t6.county_id
    and t7.county_id = $1::bigint
    having true)
  || ']}}', 'UTF8')
-- $1 = 3
