select convert_to('{"issues":{"nodes":['
  || (select coalesce(string_agg('{"title":'
        || (to_json(t1.title)::text)
        || ',"state":"'
        || t1.state
        || '"}', ','
        order by t1.number), '')
    from (select t1.*
      from issue t1
      where t1.city_id = $1::bigint
      order by t1.number
      limit 2) t1
    having true)
  || ']}}', 'UTF8')
-- $1 = 1
