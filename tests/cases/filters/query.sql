select convert_to('{"issues":{"nodes":['
  || (select coalesce(string_agg('{"number":'
        || (to_json(t1.number)::text)
        || ',"title":'
        || (to_json(t1.title)::text)
        || ',"reportedAt":'
        || (to_json(t1.reported_at)::text)
        || ',"overdue":'
        || (case
          when (t1.due_at < now()
            and t1.state in ('ASSIGNED', 'RECTIFYING', 'FEEDBACK')) is true then 'true'
          else 'false' end)
        || ',"category":'
        || case
        when t4.id is null then 'null'
        else '{"name":'
        || (to_json(t4.name)::text)
        || '}' end
        || '}', ','
        order by t1.reported_at desc, t1.id desc), '')
    from (select t1.*
      from issue t1
      where t1.city_id = $1::bigint
      and t1.county_id = (select t2.id
        from unit t2
        where t2.code = $2::text
        and t2.city_id = $3::bigint)
      and t1.state = any($4::text[])
      and t1.category_id in (select t3.id
        from category t3
        where t3.id = any($5::bigint[])
        and t3.city_id = $6::bigint)
      and (t1.state = 'DISMISSED') is not true
      and t1.reported_at >= $7::timestamptz
      and t1.reported_at < $8::timestamptz
      and (t1.title ilike $9::text
        or t1.number ilike $9::text)
      order by t1.reported_at desc, t1.id desc
      limit 50) t1
    left join category t4 on t4.id = t1.category_id
    and t4.city_id = $6::bigint
    having true)
  || ']}}', 'UTF8')
-- $1 = 1
-- $2 = '411024'
-- $3 = 1
-- $4 = ['ASSIGNED', 'RECTIFYING', 'CLOSED']
-- $5 = [1, 3]
-- $6 = 1
-- $7 = datetime.datetime(2021, 10, 10, 16, 0, tzinfo=datetime.timezone.utc)
-- $8 = datetime.datetime(2021, 10, 31, 16, 0, tzinfo=datetime.timezone.utc)
-- $9 = '%井%'
