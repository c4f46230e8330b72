select convert_to('{"city":'
  || coalesce((select '{"name":'
      || (to_json(t1.name)::text)
      || ',"metrics":'
      || (select '{"rectificationRate":{"numerator":'
        || counted.n0::text
        || ',"denominator":'
        || counted.n1::text
        || '}}'
        from (select count(*) filter (where t2.state = any($4::text[])) as n0, count(*) filter (where true) as n1
          from issue t2
          where t2.city_id = t1.id
          and t2.city_id = $3::bigint
          and (t2.handed_over_at is not null)
          and (t2.state = 'DISMISSED') is not true) counted)
      || ',"issues":{"totalCount":'
      || (select (select count(*)
          from issue t3
          where false)
        || ',"nodes":['
        || coalesce(string_agg('{"number":'
            || (to_json(t3.number)::text)
            || '}', ','
            order by t3.reported_at desc, t3.id desc), '')
        from (select t3.*
          from issue t3
          where false
          order by t3.reported_at desc, t3.id desc
          limit 50) t3
        having true)
      || ']},"counties":{"nodes":['
      || (select coalesce(string_agg('{"name":'
            || (to_json(t4.name)::text)
            || ',"metrics":'
            || (select '{"underWay":{"numerator":'
              || counted.n0::text
              || '}}'
              from (select count(*) filter (where true) as n0
                from issue t5
                where t5.county_id = t4.id
                and t5.city_id = $3::bigint
                and (t5.handed_over_at is not null)
                and (t5.state = 'DISMISSED') is not true
                and t5.state = any($5::text[])) counted)
            || '}', ','
            order by t4.code), '')
        from (select t4.*
          from unit t4
          where t4.city_id = t1.id
          and t4.city_id = $2::bigint
          and t4.level = 'COUNTY'
          order by t4.code
          limit 50) t4
        having true)
      || ']},"cadres":{"totalCount":'
      || (select count(*)
        from cadre t6
        where false)
      || '}}'
      from unit t1
      where t1.id = $1::bigint
      and t1.city_id = $2::bigint
      and t1.level = 'CITY'), 'null')
  || '}', 'UTF8')
-- $1 = 1
-- $2 = 1
-- $3 = 1
-- $4 = ['RECTIFIED', 'CLOSED']
-- $5 = ['ASSIGNED', 'RECTIFYING', 'FEEDBACK']
