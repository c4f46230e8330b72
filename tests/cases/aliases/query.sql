select convert_to('{"viewer":'
  || coalesce((select '{"displayName":'
      || (to_json(t1.display_name)::text)
      || ',"postings":{"nodes":['
      || (select coalesce(string_agg('{"role":"'
            || upper(t2.role)
            || '","unit":'
            || case
            when t3.id is null then 'null'
            else '{"name":'
            || (to_json(t3.name)::text)
            || '}' end
            || '}', ','
            order by t2.id), '')
        from (select t2.*
          from posting t2
          where (t2.account_id = t1.id
            or t2.cadre_id = t1.cadre_id)
          and t2.city_id = $3::bigint
          order by t2.id
          limit 50) t2
        left join unit t3 on t3.id = t2.unit_id
        and t3.city_id = $4::bigint
        having true)
      || ']}}'
      from account t1
      where t1.id = $1::bigint
      and t1.id = $2::bigint), 'null')
  || ',"closed":{"nodes":['
  || (select coalesce(string_agg('{"title":'
        || (to_json(t4.title)::text)
        || '}', ','
        order by t4.number), '')
    from (select t4.*
      from issue t4
      where t4.city_id = $5::bigint
      and t4.state = any($6::text[])
      order by t4.number
      limit 50) t4
    having true)
  || ']},"open":{"nodes":['
  || (select coalesce(string_agg('{"title":'
        || (to_json(t5.title)::text)
        || '}', ','
        order by t5.number), '')
    from (select t5.*
      from issue t5
      where t5.city_id = $5::bigint
      and t5.state = any($7::text[])
      order by t5.number
      limit 50) t5
    having true)
  || ']},"county":'
  || coalesce((select '{"formal":'
      || (to_json(t6.name)::text)
      || ',"water":{"nodes":['
      || (select coalesce(string_agg('{"name":'
            || (to_json(t7.name)::text)
            || '}', ','
            order by t7.code), '')
        from (select t7.*
          from department t7
          where t7.unit_id = t6.id
          and t7.city_id = $9::bigint
          and (t7.name ilike $10::text)
          order by t7.code
          limit 50) t7
        having true)
      || ']},"all":{"totalCount":'
      || (select count(*)
        from department t8
        where t8.unit_id = t6.id
        and t8.city_id = $9::bigint)
      || '}}'
      from unit t6
      where t6.code = $8::text
      and t6.city_id = $4::bigint), 'null')
  || '}', 'UTF8')
-- $1 = 2
-- $2 = 2
-- $3 = 1
-- $4 = 1
-- $5 = 1
-- $6 = ['CLOSED']
-- $7 = ['ASSIGNED', 'RECTIFYING']
-- $8 = '411024'
-- $9 = 1
-- $10 = '%水利%'
